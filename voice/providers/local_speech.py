"""A voice of this server as a provider of speech."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from difflib import get_close_matches
from itertools import chain
from math import ceil

from voice.audio.encoding import MEDIA_TYPES, encoder
from voice.engines.protocols import SpeakOptions, TextToSpeech
from voice.gateway.errors import ApiError, unsupported_parameter
from voice.http.answering import EVENT_STREAM
from voice.http.body import converted
from voice.http.speech_types import SpeechRequest
from voice.http.unknown_fields import unknown_field
from voice.narration import Narration, next_chunk, spoken_chunks, unhurried
from voice.providers.answers import event_of
from voice.providers.protocol import Call, Reply
from voice.providers.troubles import engine_explained
from voice.providers.voices import chosen_voice
from voice.session.voices import voice_language

LONGEST_NAME = 100
"""Of what is compared with what there is."""
TOKENS_PER_S = 20
BYTES_PER_TOKEN = 4
"""What OpenAI counts for a second of speech; and of text about what its tokens hold."""


class LocalSpeech:
    """An `AudioProvider` over a `TextToSpeech`."""

    def __init__(self, tts: TextToSpeech) -> None:
        self._tts = unhurried(tts)

    def refusal(self, call: Call) -> ApiError | None:
        known = SpeechRequest.__struct_fields__
        asked = (name for name, value in call.body.items() if value is not None)
        if unknown := next((name for name in asked if name not in known), None):
            near = get_close_matches(unknown[:LONGEST_NAME], known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; there is {', '.join(known)}."
            return unsupported_parameter(unknown[:LONGEST_NAME], f"is not known here{hint}")
        wanted = _wanted(call)
        if place := unknown_field(dict(call.body), wanted):
            return ApiError(f"Unknown parameter: '{place}'.", code="unknown_parameter", param=place)
        if wanted.sample_rate and wanted.format not in {"wav", "pcm"}:
            reason = f"is for wav and pcm; {wanted.format} has a rate of its own."
            return unsupported_parameter("sample_rate", reason)
        try:
            chosen_voice(wanted.voice_name, self._tts.voices, self._tts.name)
        except ApiError as error:
            return error
        return None

    async def reply(self, call: Call) -> tuple[bytes, Reply]:
        wanted = _wanted(call)
        ignored = wanted.instructions and "instructions" not in self._tts.accepts
        headers = {"x-ignored-parameters": "instructions"} if ignored else {}
        media_type = EVENT_STREAM if wanted.stream_format == "sse" else MEDIA_TYPES[wanted.format]
        blocks = self._blocks(wanted)
        return await anext(blocks), Reply(blocks, media_type, headers)

    async def _blocks(self, wanted: SpeechRequest) -> AsyncGenerator[bytes, None]:
        with engine_explained():
            narration = await self._narration(wanted)
            in_events = wanted.stream_format == "sse"
            made = _events(narration, wanted.input) if in_events else narration.blocks()
            async with aclosing(made) as blocks:
                async for block in blocks:
                    yield block

    async def _narration(self, wanted: SpeechRequest) -> Narration:
        tts = self._tts
        options = SpeakOptions(
            voice=chosen_voice(wanted.voice_name, tts.voices, tts.name),
            speed=wanted.speed or 1.0,
            language=wanted.language,
            instructions=wanted.instructions or "",
        )
        chunks = await _something_to_say(
            wanted.input, wanted.language or voice_language(options.voice)
        )
        coder = encoder(wanted.format, tts.rate_hz, wanted.sample_rate)
        return Narration(chunks, tts, options, coder)


def _wanted(call: Call) -> SpeechRequest:
    return converted(dict(call.body), SpeechRequest)


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
    """Events that carry the audio as base64."""
    async with aclosing(narration.blocks()) as blocks:
        async for block in blocks:
            yield event_of({"type": "speech.audio.delta", "audio": block})
    input_tokens = ceil(len(text.encode()) / BYTES_PER_TOKEN)
    output_tokens = ceil(narration.duration_s * TOKENS_PER_S)
    usage = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    yield event_of({"type": "speech.audio.done", "usage": usage})
