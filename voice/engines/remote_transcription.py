"""Speech-to-text behind any OpenAI-compatible `/audio/transcriptions` server."""

import asyncio
import io
import wave

import aiohttp
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
from voice.engines.remote import RemoteServer, error_detail

SHORTEST_S = 0.1
"""OpenAI refuses less; it is a click."""
BYTES_PER_S = STT_RATE_HZ * 2
UNKNOWN_FORMAT = {400, 415, 422, 501}
"""How servers answer that have no `verbose_json`; OpenAI's own newer models are among them."""


class RemoteSpeechToText:
    """Implements `SpeechToText`; `aclose` closes its connections.

    It asks for times, and when the server has none for text alone. `timeout_s` is the longest
    silence from the server.
    """

    incremental = False

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str | None,
        model: str,
        *,
        timeout_s: float = 60.0,
    ) -> None:
        self.name = name
        self._model = model
        self._server = RemoteServer(name, base_url, api_key, timeout_s)
        self._session: aiohttp.ClientSession | None = None
        openai = self._server.host.endswith("openai.com")
        self._has_times = "whisper" in model or not openai

    def listen(self, options: ListenOptions) -> "RemoteUtterance":
        return RemoteUtterance(self, options)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def transcribe(self, pcm: bytes, options: ListenOptions) -> Transcript:
        """The text of 16 kHz int16 mono PCM; cancelling closes the connection.

        Raises `EngineError`.
        """
        if len(pcm) < SHORTEST_S * BYTES_PER_S:
            return Transcript(text="", duration_s=len(pcm) / BYTES_PER_S)
        try:
            return await self._ask(pcm, options)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._server.failure(error) from error

    async def _ask(self, pcm: bytes, options: ListenOptions) -> Transcript:
        if self._has_times:
            async with await self._post(pcm, options, times=True) as response:
                if response.status not in UNKNOWN_FORMAT:
                    return await self._read(response, pcm)
        async with await self._post(pcm, options, times=False) as response:
            transcript = await self._read(response, pcm)
        # What was refused had been its format, and would be again.
        self._has_times = False
        return transcript

    async def _post(
        self, pcm: bytes, options: ListenOptions, *, times: bool
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = self._server.connect()
        door = f"audio/{'translations' if options.translate else 'transcriptions'}"
        return await self._server.post(
            self._session, door, lambda: _form(self._model, pcm, options, times=times)
        )

    async def _read(self, response: aiohttp.ClientResponse, pcm: bytes) -> Transcript:
        if response.status != 200:
            raise await self._server.refusal(response, self._model)
        body = await response.read()
        try:
            answer = msgspec.convert(msgspec.json.decode(body), _Answer, strict=False)
        except msgspec.MsgspecError:
            if response.content_type == "text/html":
                message = "answered with a web page; most base_urls end in /v1"
            else:
                message = f"sent no transcript ({error_detail(body) or 'it was empty'})"
            raise self._server.error(message) from None
        return answer.transcript(len(pcm) / BYTES_PER_S)


class RemoteUtterance:
    """Speech that is kept until its text is asked for; the server hears all of it each time."""

    def __init__(self, engine: RemoteSpeechToText, options: ListenOptions) -> None:
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


def _form(model: str, pcm: bytes, options: ListenOptions, *, times: bool) -> aiohttp.FormData:
    """What nobody asked for is left to the server."""
    data = aiohttp.FormData()
    data.add_field("file", _wav(pcm), filename="speech.wav", content_type="audio/wav")
    data.add_field("model", model)
    data.add_field("response_format", "verbose_json" if times else "json")
    # Few servers know keywords; all take words in the prompt for likely ones.
    if prompt := " ".join(filter(None, [", ".join(options.keywords), options.prompt])):
        data.add_field("prompt", prompt)
    if options.temperature is not None:
        data.add_field("temperature", str(options.temperature))
    if options.translate:
        return data
    if options.language:
        data.add_field("language", options.language.partition("-")[0])
    if times:
        data.add_field("timestamp_granularities[]", "word")
        data.add_field("timestamp_granularities[]", "segment")
    return data


def _wav(pcm: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(STT_RATE_HZ)
        out.writeframes(pcm)
    file.seek(0)
    return file


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
