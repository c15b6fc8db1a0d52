"""`POST /v1/audio/transcriptions` and `/v1/audio/translations`: recordings to text."""

from contextlib import aclosing, closing
from typing import Any

from litestar import Request, post
from litestar.datastructures import State
from litestar.types import ASGIApp, Receive, Scope, Send

from voice.http.answering import Body, Stream, answering
from voice.http.form import MIB, read_form
from voice.http.transcription_types import TranscriptionForm, TranslationForm
from voice.providers.protocol import Operation
from voice.server import Server


@post("/v1/audio/transcriptions", status_code=200, request_max_body_size=None)
async def transcriptions(request: Request[Any, Any, State], state: State) -> ASGIApp:
    """The text of a recording, in the language that is spoken."""
    return await _answer(request, state.server, "audio/transcriptions", TranscriptionForm)


@post("/v1/audio/translations", status_code=200, request_max_body_size=None)
async def translations(request: Request[Any, Any, State], state: State) -> ASGIApp:
    """The text of a recording, in English."""
    return await _answer(request, state.server, "audio/translations", TranslationForm)


async def _answer(
    request: Request[Any, Any, State],
    server: Server,
    operation: Operation,
    kind: type[TranscriptionForm] | type[TranslationForm],
) -> ASGIApp:
    max_file_bytes = int(server.settings.transcription.max_upload_mb * MIB)
    form, fields, upload = await read_form(request, kind, max_file_bytes=max_file_bytes)

    async def work() -> Body | Stream:
        routed = await server.router.reply(form.model, operation, fields, upload)
        reply = routed.value
        if form.stream:
            return Stream(reply.blocks, reply.media_type, {**reply.headers, **routed.headers})
        async with aclosing(reply.blocks) as blocks:
            content = b"".join([block async for block in blocks])
        return Body(content, reply.media_type, {**reply.headers, **routed.headers})

    answer = answering(work, events=form.stream)

    async def answer_and_close(scope: Scope, receive: Receive, send: Send) -> None:
        with closing(upload.file):
            await answer(scope, receive, send)

    return answer_and_close
