"""The plain doors `/api/generate`, `/api/chat` and `/api/llms`: text in, text out, any model."""

from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.types import ASGIApp

from voice.http.answering import Body, answering
from voice.http.body import json_body
from voice.http.simple_types import GenerateRequest, MessagesRequest
from voice.http.token_stream import token_events
from voice.http.tokens import whole_answer

MAX_BODY_BYTES = 16 * 2**20
"""No model reads as much text."""


@post("/api/generate", status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def generate(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """The text that answers a prompt."""
    asked, _ = await json_body(request, GenerateRequest)

    async def work() -> Body:
        answer = await whole_answer(state.router, asked.chat())
        return Body(msgspec.json.encode(answer.value), headers=answer.headers)

    return answering(work)


@post("/api/generate/stream", status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def generate_stream(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """The text that answers a prompt, token by token."""
    asked, _ = await json_body(request, GenerateRequest)
    return answering(lambda: token_events(state.router, asked.chat()), events=True)


@post("/api/chat", status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def chat(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """The message that answers others."""
    asked, _ = await json_body(request, MessagesRequest)

    async def work() -> Body:
        answer = await whole_answer(state.router, asked.chat())
        fields = msgspec.structs.asdict(answer.value)
        message = {"role": "assistant", "content": fields.pop("text")}
        return Body(msgspec.json.encode({"message": message, **fields}), headers=answer.headers)

    return answering(work)


@post("/api/chat/stream", status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def chat_stream(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """The message that answers others, token by token."""
    asked, _ = await json_body(request, MessagesRequest)
    return answering(lambda: token_events(state.router, asked.chat()), events=True)


@get("/api/llms", sync_to_thread=False)
def list_llms(state: State) -> dict[str, list[str]]:
    """The names of the models that can be asked; those of engines once they are warm."""
    engines = state.server.engines
    silent = {engines.embed.name} if engines and engines.embed else set()
    return {"models": [name for name in state.router.models("chat") if name not in silent]}
