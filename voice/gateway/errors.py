"""Errors as HTTP answers, in OpenAI's one shape, also in place of a WebSocket handshake."""

from collections.abc import Mapping

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import Scope, Send

from voice.engines.protocols import EngineError
from voice.search.errors import SearchError

log = structlog.get_logger()

_CLIENTS_FAULT = {
    "context_length_exceeded",
    "invalid_value",
    "unsupported_parameter",
    "unsupported_value",
}
"""Codes of engines' errors that another request could avoid."""
_OF_SEARCH: Mapping[str, tuple[int, str, str]] = {
    "not_found": (404, "not_found_error", "not_found"),
    "invalid": (400, "invalid_request_error", "invalid_value"),
    "expired": (400, "invalid_request_error", "vector_store_expired"),
    "embedder_mismatch": (409, "conflict_error", "embedder_mismatch"),
    "full": (507, "server_error", "disk_full"),
}
"""Status, type and code of what went wrong with documents."""


class ApiError(Exception):
    """A request that gets an error for an answer.

    `message` says what was wrong and what would be right, `param` is the path of the field at
    fault (`messages[0].role`), and `code` is what a program looks at.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        return error_body(self.message, self.kind, code=self.code, param=self.param)


def unsupported_parameter(param: str, reason: str) -> ApiError:
    """A field that whoever was asked cannot honour; it is never dropped in silence."""
    message = f"Unsupported parameter: '{param}' {reason}"
    return ApiError(message, code="unsupported_parameter", param=param)


def api_error(error: Exception) -> ApiError:
    """What to tell a client of any exception; one that nobody expected goes to the log in full."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, EngineError):
        code = error.code or None
        if code in _CLIENTS_FAULT:
            return ApiError(str(error), code=code, param=error.param or None)
        return ApiError(str(error), status=503, kind="server_error", code=code)
    if isinstance(error, SearchError):
        status, kind, code = _OF_SEARCH.get(error.code, (503, "server_error", "search_unavailable"))
        message = str(error).removesuffix(".") + "."
        return ApiError(message, status=status, kind=kind, code=code, param=error.param or None)
    log.error("request failed", exc_info=error)
    return ApiError(
        "The server had an error while processing your request; its log says more.",
        status=500,
        kind="server_error",
    )


def error_body(
    message: str, kind: str, *, code: str | None = None, param: str | None = None
) -> bytes:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return msgspec.json.encode({"error": error})


async def refuse(
    scope: Scope, send: Send, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """Answer an HTTP request, or a WebSocket handshake before it is accepted, with an error.

    A server without the `websocket.http.response` extension can only close, which clients see as
    HTTP 403.
    """
    prefix = "http.response"
    if scope["type"] == ScopeType.WEBSOCKET:
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        prefix = "websocket.http.response"
    sent = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        sent.append((b"www-authenticate", b"Bearer"))
    sent += [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": f"{prefix}.start", "status": status, "headers": sent})  # type: ignore[misc, arg-type]
    await send({"type": f"{prefix}.body", "body": body, "more_body": False})  # type: ignore[misc, arg-type]
