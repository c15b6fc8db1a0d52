"""What every request gets: an id, in the answer and in the log; and errors in the one shape."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any
from uuid import uuid4

import structlog
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from voice.gateway.errors import ApiError, api_error

KINDS: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
    504: "timeout_error",
}
CODES: Mapping[int, str] = {
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    415: "unsupported_media_type",
}

MIB = 2**20
LONGEST_PATH = 200
"""Of what is compared with what there is, and repeated in an error."""

_PLAUSIBLE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class RequestIds:
    """ASGI middleware: `x-request-id` on every answer; the client's own, if it sent one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or new_id()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id.decode()):
            await self._app(scope, receive, send_with_id)


def new_id() -> bytes:
    """An id for a request that brings none."""
    return b"req_" + uuid4().hex.encode()


def _given_id(scope: Scope) -> bytes | None:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given if _PLAUSIBLE_ID.fullmatch(given) else None


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler: whatever was raised, OpenAI's error shape."""
    told = _of_http(request, error) if isinstance(error, HTTPException) else api_error(error)
    return Response(
        told.body(),
        status_code=told.status,
        headers=told.headers,
        media_type="application/json",
    )


def _of_http(request: Request[Any, Any, Any], error: HTTPException) -> ApiError:
    status = error.status_code
    match error:
        case NotFoundException():
            message = f"Unknown request URL: {request.method} {_path(request)}{_near(request)}"
        case RequestEntityTooLarge():
            limit = request.route_handler.resolve_request_max_body_size()
            message = f"The body is larger than the {(limit or 0) / MIB:g} MiB that are taken here."
        case MethodNotAllowedException():
            allowed = (error.headers or {}).get("allow", "another method")
            message = f"Not allowed: {request.method} {_path(request)}; use {allowed}."
        case ClientException():
            message = error.detail
        case _:
            message = error.detail if status < 500 else "The server had an error."
    return ApiError(
        message,
        status=status,
        kind=KINDS.get(status, "invalid_request_error" if status < 500 else "server_error"),
        code=CODES.get(status),
        headers=error.headers,
    )


def _path(request: Request[Any, Any, Any]) -> str:
    return request.url.path[:LONGEST_PATH]


def _near(request: Request[Any, Any, Any]) -> str:
    """A hint to the paths nearest to the one that was asked for."""
    known = [route.path for route in request.app.routes if "{" not in route.path]
    near = get_close_matches(_path(request), known, n=2, cutoff=0.7)
    return f"; did you mean {' or '.join(near)}?" if near else "; GET /docs shows what there is."
