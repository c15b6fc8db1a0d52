"""`POST /v1/audio/transcriptions` and `/v1/audio/translations`: recordings to text."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from litestar import Request, post
from litestar.datastructures import State
from litestar.types import ASGIApp

from voice.audio.decoding import DecodingError
from voice.engines.names import is_openai_name
from voice.engines.protocols import SpeechToText
from voice.engines.vad import VoiceDetector, open_detector
from voice.gateway.errors import ApiError
from voice.http.answering import Body, Stream, answering
from voice.http.form import MIB, Upload, read_form
from voice.http.transcript_formats import MEDIA_TYPES, Heard, delta_event, done_event, write
from voice.http.transcription_types import Asked, TranscriptionForm, TranslationForm
from voice.routing.registry import model_not_found
from voice.server import Server
from voice.transcribing.listening import Part, listen
from voice.transcribing.recording import Recording
from voice.transcribing.stretches import Cutting

OPENAI_MODELS = ("whisper-1", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe")


@post("/v1/audio/transcriptions", status_code=200, request_max_body_size=None)
async def transcriptions(request: Request[Any, Any, State], state: State) -> ASGIApp:
    """The text of a recording, in the language that is spoken."""
    return await _answer(request, state.server, TranscriptionForm)


@post("/v1/audio/translations", status_code=200, request_max_body_size=None)
async def translations(request: Request[Any, Any, State], state: State) -> ASGIApp:
    """The text of a recording, in English."""
    return await _answer(request, state.server, TranslationForm)


async def _answer(
    request: Request[Any, Any, State],
    server: Server,
    kind: type[TranscriptionForm] | type[TranslationForm],
) -> ASGIApp:
    max_file_bytes = int(server.settings.transcription.max_upload_mb * MIB)
    form, upload = await read_form(request, kind, max_file_bytes=max_file_bytes)
    try:
        asked = form.asked()
    except ApiError:
        upload.close()
        raise

    async def work() -> Body | Stream:
        if asked.stream:
            return Stream(_events(server, upload, asked))
        return await _whole(server, upload, asked)

    return answering(work, events=asked.stream)


async def _whole(server: Server, upload: Upload, asked: Asked) -> Body:
    async with _listening(server, upload, asked) as (recording, parts):
        kept = [part async for part in parts]
    heard = Heard(kept, recording.duration_s)
    headers = {"x-audio-warning": recording.trouble} if recording.trouble else {}
    return Body(write(heard, asked), MEDIA_TYPES[asked.format], headers)


async def _events(server: Server, upload: Upload, asked: Asked) -> AsyncGenerator[bytes, None]:
    kept: list[Part] = []
    async with _listening(server, upload, asked) as (recording, parts):
        async for part in parts:
            yield delta_event(part, asked, first=not kept)
            kept.append(part)
    yield done_event(Heard(kept, recording.duration_s), asked, recording.trouble)
    yield b"data: [DONE]\n\n"


@asynccontextmanager
async def _listening(
    server: Server, upload: Upload, asked: Asked
) -> AsyncIterator[tuple[Recording, AsyncGenerator[Part, None]]]:
    """The parts of an upload, which is closed in the end. Raises `ApiError` and `EngineError`."""
    try:
        stt = await engine(server, asked.model)
        detector = _detector(server, asked.cutting)
        async with Recording.opened(upload.file, detector, asked.cutting) as recording:
            parts = listen(stt, recording, asked.options, languages=asked.languages)
            async with aclosing(parts):
                yield recording, parts
    except DecodingError as error:
        raise ApiError(f"The file {error}.", code="invalid_value", param="file") from error
    finally:
        upload.close()


def _detector(server: Server, cutting: Cutting) -> VoiceDetector:
    """What nobody speaks in is left out; where nothing is said of it, as little as can be."""
    chosen = cutting.threshold if cutting != Cutting() else 0.0
    return open_detector(server.settings.engines.vad, chosen)


async def engine(server: Server, model: str) -> SpeechToText:
    """The engine that a client means. Raises `ApiError` and `EngineError`."""
    engines = await server.warm()
    stands_for_ours = is_openai_name(model) and ("whisper" in model or "transcribe" in model)
    if model in {"", "auto", engines.stt.name} or stands_for_ours:
        return engines.stt
    known = [engines.stt.name, *server.other_ears.names()]
    if model not in known:
        raise model_not_found(model, [*known, *OPENAI_MODELS])
    return await server.other_ears.get(model)
