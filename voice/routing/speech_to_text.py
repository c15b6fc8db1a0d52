"""A model of the registry as speech-to-text for conversations."""

import asyncio
import io
import wave
from contextlib import aclosing

import msgspec

from voice.engines.languages import language_code
from voice.engines.protocols import (
    STT_RATE_HZ,
    EngineError,
    ListenOptions,
    Segment,
    Transcript,
    Word,
)
from voice.gateway.errors import ApiError
from voice.providers.protocol import Operation, Upload
from voice.routing.router import Router

SHORTEST_S = 0.1
"""OpenAI refuses less; it is a click."""
BYTES_PER_S = STT_RATE_HZ * 2
UNKNOWN_FORMAT = {400, 501}
"""How servers answer that have no `verbose_json`; OpenAI's own newer models are among them."""


class RoutedSpeechToText:
    """Implements `SpeechToText` over a router; each transcript is a request of its own.

    It asks for times, and when there are none to be had for text alone.
    """

    incremental = False
    accepts: frozenset[str] = frozenset()

    def __init__(self, router: Router, name: str, *, has_times: bool = True) -> None:
        self.name = name
        self._router = router
        self._has_times = has_times

    def listen(self, options: ListenOptions) -> "RoutedUtterance":
        return RoutedUtterance(self, options)

    async def transcribe(self, pcm: bytes, options: ListenOptions) -> Transcript:
        """The text of 16 kHz int16 mono PCM; cancelling drops the request. Raises `EngineError`."""
        duration_s = len(pcm) / BYTES_PER_S
        if duration_s < SHORTEST_S:
            return Transcript(text="", duration_s=duration_s)
        try:
            answer = await self._ask(pcm, options)
        except ApiError as error:
            raise EngineError(error.message) from error
        try:
            return msgspec.json.decode(answer, type=_Answer, strict=False).transcript(duration_s)
        except msgspec.DecodeError as error:
            raise EngineError(f"{self.name} sent no transcript ({error})") from error

    async def _ask(self, pcm: bytes, options: ListenOptions) -> bytes:
        if self._has_times:
            try:
                return await self._request(pcm, options, times=True)
            except ApiError as error:
                if error.status not in UNKNOWN_FORMAT:
                    raise
        answer = await self._request(pcm, options, times=False)
        # What was refused had been its format, and would be again.
        self._has_times = False
        return answer

    async def _request(self, pcm: bytes, options: ListenOptions, *, times: bool) -> bytes:
        file = _wav(pcm)
        upload = Upload(io.BytesIO(file), "speech.wav", len(file), "audio/wav")
        operation: Operation = "audio/transcriptions"
        if options.translate:
            operation = "audio/translations"
        body = _fields(self.name, options, times=times)
        routed = await self._router.reply(self.name, operation, body, upload)
        async with aclosing(routed.value.blocks) as blocks:
            return b"".join([block async for block in blocks])


class RoutedUtterance:
    """Speech that is kept until its text is asked for; all of it is sent each time."""

    def __init__(self, engine: RoutedSpeechToText, options: ListenOptions) -> None:
        self._engine = engine
        self._options = options
        self._pcm = bytearray()
        self._waiting: set[asyncio.Timeout] = set()
        self._closed = False

    def feed(self, pcm: bytes) -> None:
        if not self._closed:
            self._pcm += pcm

    async def partial(self) -> None:
        """None: each would cost a request with all of the audio."""

    async def transcript(self) -> Transcript:
        if self._closed:
            raise EngineError("the utterance was closed")
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._waiting.add(scope)
                return await self._engine.transcribe(bytes(self._pcm), self._options)
        except TimeoutError:
            raise EngineError("the utterance was closed") from None
        finally:
            self._waiting.discard(scope)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._pcm.clear()
        for scope in self._waiting:
            scope.reschedule(0)


# ---------------------------------------------------------------- the wire


def _fields(model: str, options: ListenOptions, *, times: bool) -> dict[str, object]:
    """What nobody asked for is left to the model."""
    fields: dict[str, object] = {
        "model": model,
        "response_format": "verbose_json" if times else "json",
    }
    # Few servers know keywords; all take words in the prompt for likely ones.
    if prompt := " ".join(filter(None, [", ".join(options.keywords), options.prompt])):
        fields["prompt"] = prompt
    if options.temperature is not None:
        fields["temperature"] = str(options.temperature)
    if options.translate:
        return fields
    if options.language:
        fields["language"] = options.language.partition("-")[0]
    if times:
        fields["timestamp_granularities"] = ["word", "segment"]
    return fields


def _wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(STT_RATE_HZ)
        out.writeframes(pcm)
    return file.getvalue()


class _Word(msgspec.Struct):
    start: float
    end: float
    word: str = ""
    text: str = ""
    """How some call the word."""


class _Segment(msgspec.Struct):
    text: str
    start: float
    end: float
    tokens: tuple[int, ...] | None = None
    temperature: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    no_speech_prob: float | None = None


class _Answer(msgspec.Struct):
    text: str
    language: str | None = None
    words: tuple[_Word, ...] | None = None
    segments: tuple[_Segment, ...] | None = None

    def transcript(self, duration_s: float) -> Transcript:
        return Transcript(
            text=self.text.strip(),
            language=language_code(self.language) if self.language else None,
            duration_s=duration_s,
            words=tuple(
                Word(text=(each.word or each.text).strip(), start_s=each.start, end_s=each.end)
                for each in self.words or ()
            ),
            segments=tuple(
                Segment(
                    text=each.text.strip(),
                    start_s=each.start,
                    end_s=each.end,
                    tokens=each.tokens or (),
                    temperature=each.temperature,
                    avg_logprob=each.avg_logprob,
                    compression_ratio=each.compression_ratio,
                    no_speech_prob=each.no_speech_prob,
                )
                for each in self.segments or ()
            ),
        )
