"""`POST /v1/audio/speech`: text to audio, which leaves as it is made."""

from typing import Any

from litestar import Request, post
from litestar.datastructures import State
from litestar.types import ASGIApp

from voice.gateway.errors import ApiError
from voice.http.answering import Stream, answering
from voice.http.body import json_body
from voice.http.speech_types import SpeechRequest
from voice.server import Server


@post("/v1/audio/speech", status_code=200)
async def speech(request: Request[Any, Any, State], state: State) -> ASGIApp:
    """Speak a text, as audio or as events that carry it."""
    server: Server = state.server
    wanted, fields = await json_body(request, SpeechRequest)
    max_characters = server.settings.speech.max_characters
    if len(wanted.input) > max_characters:
        raise ApiError(
            f"'input' has {len(wanted.input)} characters; at most {max_characters} are spoken at a "
            "time: send the text in parts.",
            code="string_above_max_length",
            param="input",
        )

    async def work() -> Stream:
        routed = await server.router.reply(wanted.model or "", "audio/speech", fields)
        reply = routed.value
        return Stream(reply.blocks, reply.media_type, {**reply.headers, **routed.headers})

    return answering(work, events=wanted.stream_format == "sse")
