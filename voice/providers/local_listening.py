"""Speech-to-text of this server as a provider of transcripts."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager

from voice.audio.decoding import DecodingError
from voice.engines.protocols import SpeechToText
from voice.engines.vad import VadName, VoiceDetector, open_detector
from voice.gateway.errors import ApiError, unsupported_parameter
from voice.http.answering import EVENT_STREAM
from voice.http.body import converted
from voice.http.form import check_known
from voice.http.transcript_formats import MEDIA_TYPES, Heard, Writer, delta_event, done_event
from voice.http.transcription_types import Asked, TranscriptionForm, TranslationForm
from voice.providers.answers import DONE
from voice.providers.protocol import Call, Reply, Upload
from voice.providers.troubles import engine_explained
from voice.transcribing.listening import Part, listen
from voice.transcribing.recording import Recording
from voice.transcribing.stretches import Cutting


class LocalListening:
    """An `AudioProvider` over a `SpeechToText`; `vad` names what finds the speech in a recording."""

    def __init__(self, stt: SpeechToText, vad: VadName) -> None:
        self._stt = stt
        self._vad = vad

    def refusal(self, call: Call) -> ApiError | None:
        try:
            asked = _asked(call)
        except ApiError as error:
            return error
        if asked.logprobs and "logprobs" not in self._stt.accepts:
            reason = f"with logprobs is not supported by {self._stt.name}, which knows none."
            return unsupported_parameter("include", reason)
        return None

    async def reply(self, call: Call) -> tuple[bytes, Reply]:
        asked = _asked(call)
        assert call.upload is not None  # noqa: S101 - the endpoint takes none without
        headers: dict[str, str] = {}
        if asked.stream:
            blocks, media_type = self._events(call.upload, asked), EVENT_STREAM
        else:
            blocks, media_type = self._whole(call.upload, asked, headers), MEDIA_TYPES[asked.format]
        return await anext(blocks), Reply(blocks, media_type, headers)

    async def _whole(
        self, upload: Upload, asked: Asked, headers: dict[str, str]
    ) -> AsyncGenerator[bytes, None]:
        writer = Writer(asked)
        async with self._listening(upload, asked) as (recording, parts):
            async for part in parts:
                # Even nothing says that the answer has begun, however many hours it takes from here.
                yield writer.push(part)
        if recording.trouble:
            headers["x-audio-warning"] = recording.trouble
        yield writer.finish(recording.duration_s)

    async def _events(self, upload: Upload, asked: Asked) -> AsyncGenerator[bytes, None]:
        kept: list[Part] = []
        async with self._listening(upload, asked) as (recording, parts):
            async for part in parts:
                yield delta_event(part, asked, first=not kept)
                kept.append(part)
        yield done_event(Heard(kept, recording.duration_s), asked, recording.trouble)
        yield DONE

    @asynccontextmanager
    async def _listening(
        self, upload: Upload, asked: Asked
    ) -> AsyncIterator[tuple[Recording, AsyncGenerator[Part, None]]]:
        """The parts of an upload. Raises `ProviderError`."""
        upload.file.seek(0)
        with engine_explained(), _readable():
            detector = _detector(self._vad, asked.cutting)
            async with Recording.opened(upload.file, detector, asked.cutting) as recording:
                parts = listen(self._stt, recording, asked.options, languages=asked.languages)
                async with aclosing(parts):
                    yield recording, parts


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except DecodingError as error:
        raise ApiError(f"The file {error}.", code="invalid_value", param="file") from error


def _asked(call: Call) -> Asked:
    """Raises `ApiError` for what this server cannot do."""
    kind: type[TranscriptionForm | TranslationForm] = TranscriptionForm
    if call.operation == "audio/translations":
        kind = TranslationForm
    check_known(call.body, kind)
    return converted(dict(call.body), kind, strict=False).asked()


def _detector(name: VadName, cutting: Cutting) -> VoiceDetector:
    """What nobody speaks in is left out; where nothing is said of it, as little as can be."""
    return open_detector(name, cutting.threshold if cutting != Cutting() else 0.0)
