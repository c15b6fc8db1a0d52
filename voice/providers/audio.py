"""Speech and transcripts of a server that speaks OpenAI's HTTP, relayed as they are."""

from collections.abc import AsyncGenerator

import aiohttp

from voice.gateway.errors import ApiError
from voice.http.answering import EVENT_STREAM, JSON
from voice.providers.answers import DONE, BadAnswerError, InBandError
from voice.providers.audio_events import AudioEvents, as_events, text_of
from voice.providers.form import Form
from voice.providers.protocol import Call, Reply
from voice.providers.upstream import Posted, Upstream
from voice.providers.voices import chosen_voice, voice_name

AUDIO = {"Accept": "*/*", "Accept-Encoding": "identity"}
TEXTS = {"Accept": "*/*"}

PLAIN = {
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}
"""The transcripts that are no JSON."""

FORMAT_OF = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/ogg": "opus",
    "audio/opus": "opus",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
    "audio/pcm": "pcm",
}
"""Types that mean one format; others leave it open."""


def voice_refusal(call: Call) -> ApiError | None:
    """Why the voice of a call cannot be had from a model whose voices are known."""
    if call.voices:
        try:
            chosen_voice(voice_name(call.body.get("voice")), call.voices, call.model)
        except ApiError as error:
            return error
    return None


async def audio_reply(
    upstream: Upstream, call: Call, body: dict[str, object]
) -> tuple[bytes, Reply]:
    """Ask for what a call wants, in the server's words. Raises `ProviderError`."""
    if call.operation != "audio/speech":
        assert call.upload is not None  # noqa: S101 - the endpoint takes none without
        form = Form(body, call.upload)
        return await (
            _events(upstream, call, form) if _streams(call) else _text(upstream, call, form)
        )
    if call.voices and (voice := voice_name(body.get("voice"))):
        # A name of OpenAI's may mean the usual voice, which such servers have no name for.
        body["voice"] = chosen_voice(voice, call.voices, call.model) or call.voices[0]
    if _streams(call):
        return await _events(upstream, call, body)
    return await _audio(upstream, call, body)


def _streams(call: Call) -> bool:
    if call.operation == "audio/speech":
        return call.body.get("stream_format") == "sse"
    return str(call.body.get("stream")).lower() in {"true", "1"}


async def _audio(upstream: Upstream, call: Call, body: Posted) -> tuple[bytes, Reply]:
    media_type = ""

    async def blocks() -> AsyncGenerator[bytes, None]:
        nonlocal media_type
        async with upstream.posted(call.operation, body, AUDIO) as response:
            with upstream.explained():
                media_type = await _checked(upstream, call, response)
            empty = True
            async for data in response.content.iter_any():
                empty = False
                yield data
            with upstream.explained():
                if empty:
                    raise BadAnswerError("sent no audio for this text")

    rest = blocks()
    first = await anext(rest)
    return first, Reply(rest, media_type)


async def _checked(upstream: Upstream, call: Call, response: aiohttp.ClientResponse) -> str:
    """The type of the audio that comes. Raises `BadAnswerError` and `InBandError`."""
    sent, wanted = response.content_type, call.body.get("response_format")
    if sent == JSON:
        raise InBandError(await upstream.read(response))
    is_another = sent in FORMAT_OF and wanted is not None and FORMAT_OF[sent] != wanted
    if is_another or sent.startswith("text/"):
        raise BadAnswerError(f"sent {sent} where {wanted or 'audio'} was asked for")
    return response.headers.get("Content-Type", sent)


async def _events(upstream: Upstream, call: Call, body: Posted) -> tuple[bytes, Reply]:
    speaks = call.operation == "audio/speech"

    def in_one_piece(answer: bytes) -> bytes:
        with upstream.explained():
            if speaks:
                raise InBandError(answer)
            return as_events(answer)

    reader = AudioEvents(last=b"" if speaks else DONE)
    blocks = upstream.streamed(call.operation, body, reader, in_one_piece)
    return await anext(blocks), Reply(blocks, EVENT_STREAM)


async def _text(upstream: Upstream, call: Call, form: Form) -> tuple[bytes, Reply]:
    async with upstream.posted(call.operation, form, TEXTS) as response:
        answer = await upstream.read(response)
        with upstream.explained():
            text, media_type = _as_asked(call.body.get("response_format"), response, answer)
    return text, Reply(nothing(), media_type)


def _as_asked(wanted: object, response: aiohttp.ClientResponse, answer: bytes) -> tuple[bytes, str]:
    if wanted not in PLAIN:
        text_of(answer)
        return answer, JSON
    if response.content_type != JSON:
        try:
            answer.decode()
        except UnicodeDecodeError:
            raise BadAnswerError(f"sent no text where {wanted} was asked for") from None
        return answer, PLAIN[str(wanted)]
    text = text_of(answer)
    if wanted != "text":
        raise BadAnswerError(f"sent JSON where {wanted} was asked for")
    return f"{text}\n".encode(), PLAIN["text"]


async def nothing() -> AsyncGenerator[bytes, None]:
    """What follows an answer that was there as a whole."""
    return
    yield b""
