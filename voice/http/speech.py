"""`POST /v1/audio/speech`: text to audio, which leaves as it is made."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from difflib import get_close_matches
from itertools import chain
from math import ceil
from typing import Any

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.types import ASGIApp

from voice.audio.encoding import MEDIA_TYPES, encoder
from voice.engines.protocols import SpeakOptions, TextToSpeech
from voice.gateway.errors import ApiError, unsupported_parameter
from voice.http.answering import EVENT_STREAM, Stream, answering
from voice.http.body import json_body
from voice.http.speech_types import SpeechRequest
from voice.narration import Narration, next_chunk, spoken_chunks, unhurried
from voice.routing.registry import model_not_found
from voice.server import Server
from voice.session.voices import SPEECH_VOICES, installed_voice, voice_language

LONGEST_NAME = 100
"""Of what is compared with what there is."""
LISTED_VOICES = 40
"""More names than this help nobody in an error."""
TOKENS_PER_S = 20
BYTES_PER_TOKEN = 4
"""What OpenAI counts for a second of speech; and of text about what its tokens hold."""


@post("/v1/audio/speech", status_code=200)
async def speech(request: Request[Any, Any, State], state: State) -> ASGIApp:
    """Speak a text, as audio or as events that carry it."""
    server: Server = state.server
    wanted, fields = await json_body(request, SpeechRequest)
    check(wanted, fields, server.settings.speech.max_characters)

    async def work() -> Stream:
        return await _speech(server, wanted)

    return answering(work, events=wanted.stream_format == "sse")


def check(wanted: SpeechRequest, fields: dict[str, object], max_characters: int) -> None:
    """Raises `ApiError` for what no engine could do."""
    known = SpeechRequest.__struct_fields__
    if unknown := next((name for name in fields if name not in known), None):
        near = get_close_matches(unknown[:LONGEST_NAME], known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; there is {', '.join(known)}."
        raise unsupported_parameter(unknown, f"is not known here{hint}")
    if len(wanted.input) > max_characters:
        raise ApiError(
            f"'input' has {len(wanted.input)} characters; at most {max_characters} are spoken at a "
            "time: send the text in parts.",
            code="string_above_max_length",
            param="input",
        )
    if wanted.sample_rate and wanted.format not in {"wav", "pcm"}:
        reason = f"is for wav and pcm; {wanted.format} has a rate of its own."
        raise unsupported_parameter("sample_rate", reason)


async def _speech(server: Server, wanted: SpeechRequest) -> Stream:
    tts = await engine(server, wanted.model or "")
    options = SpeakOptions(
        voice=chosen_voice(wanted.voice_name, tts),
        speed=wanted.speed or 1.0,
        language=wanted.language,
        instructions=wanted.instructions or "",
    )
    narration = Narration(
        await _something_to_say(wanted.input, wanted.language or voice_language(options.voice)),
        tts,
        options,
        encoder(wanted.format, tts.rate_hz, wanted.sample_rate),
    )
    ignored = wanted.instructions and "instructions" not in tts.accepts
    headers = {"x-ignored-parameters": "instructions"} if ignored else {}
    if wanted.stream_format == "sse":
        return Stream(_events(narration, wanted.input), EVENT_STREAM, headers)
    return Stream(narration.blocks(), MEDIA_TYPES[wanted.format], headers)


async def engine(server: Server, model: str) -> TextToSpeech:
    """The engine that a client means. Raises `ApiError` and `EngineError`."""
    engines = await server.warm()
    name = engines.resolve("tts", model)
    if name == engines.tts.name:
        return unhurried(engines.tts)
    known = [engines.tts.name, *server.other_voices.names()]
    if name not in known:
        raise model_not_found(name, known)
    return unhurried(await server.other_voices.get(name))


def chosen_voice(name: str, tts: TextToSpeech) -> str:
    """The engine's voice for a name, "" for its usual one. Raises `ApiError`."""
    if not name or name in SPEECH_VOICES or name in tts.voices:
        return installed_voice(name, tts.voices) if name else ""
    listed = ", ".join(tts.voices[:LISTED_VOICES])
    more = len(tts.voices) - LISTED_VOICES
    others = f" and {more} more, which GET /v1/audio/voices lists" if more > 0 else ""
    near = get_close_matches(name[:LONGEST_NAME], (*tts.voices, *SPEECH_VOICES), n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ApiError(
        f"{tts.name} has no voice {name[:100]!r}; {hint}It has {listed}{others}; and OpenAI's names "
        f"stand for one of them: {', '.join(SPEECH_VOICES)}.",
        code="invalid_value",
        param="voice",
    )


async def _something_to_say(text: str, language: str) -> Iterator[str]:
    chunks = spoken_chunks(text, language)
    first = await next_chunk(chunks)
    if first is None:
        raise ApiError(
            "There is nothing to say in 'input': it has no letters and no digits.",
            code="invalid_value",
            param="input",
        )
    return chain([first], chunks)


async def _events(narration: Narration, text: str) -> AsyncGenerator[bytes, None]:
    async with aclosing(narration.blocks()) as blocks:
        async for block in blocks:
            yield _event({"type": "speech.audio.delta", "audio": block})
    input_tokens = ceil(len(text.encode()) / BYTES_PER_TOKEN)
    output_tokens = ceil(narration.duration_s * TOKENS_PER_S)
    usage = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    yield _event({"type": "speech.audio.done", "usage": usage})


def _event(fields: dict[str, object]) -> bytes:
    """One event; bytes in it become base64."""
    return b"data: " + msgspec.json.encode(fields) + b"\n\n"
