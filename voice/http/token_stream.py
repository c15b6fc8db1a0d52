"""`GET /v1/stream/sse`: an answer as events of tokens, for a browser's `EventSource`."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from math import isfinite
from typing import Any

import msgspec
from litestar import Request, get
from litestar.datastructures import State
from litestar.types import ASGIApp

from voice.gateway.errors import ApiError
from voice.http.answering import Stream, answering
from voice.http.body import converted
from voice.http.simple_types import GenerateRequest
from voice.http.tokens import Complete, Token, stream_answer, tokens_of
from voice.routing.router import Router

Json = dict[str, Any]


@get(["/v1/stream/sse", "/stream/sse"])
async def token_stream(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """The answer to a prompt, both in the query; what is wrong with it is told as HTTP."""
    asked = converted(dict(request.query_params), GenerateRequest, strict=False)
    _check_numbers(asked)
    return answering(lambda: token_events(state.router, asked.chat()), events=True)


async def token_events(router: Router, chat: Json) -> Stream:
    """A `token` event for each token, and `complete` for the end. Raises `ApiError`."""
    routed = await stream_answer(router, chat)
    return Stream(_events(routed.value), headers=routed.headers)


async def _events(blocks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    index = 0
    async with aclosing(tokens_of(blocks)) as items:
        async for item in items:
            match item:
                case Token(text):
                    yield _event("token", {"token": text, "index": index})
                    index += 1
                case Complete(total_tokens, reason):
                    yield _event(
                        "complete", {"total_tokens": total_tokens, "finish_reason": reason}
                    )


def _event(name: str, data: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(data))


def _check_numbers(asked: GenerateRequest) -> None:
    """Text that becomes a number can be `nan`, which is within every bound."""
    for name in ("temperature", "top_p"):
        value = getattr(asked, name)
        if value is not None and not isfinite(value):
            raise ApiError(
                f"Invalid value for '{name}': expected a number.", code="invalid_value", param=name
            )
