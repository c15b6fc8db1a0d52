"""Errors as HTTP answers, in OpenAI's one shape, also in place of a WebSocket handshake."""

import msgspec
from litestar.enums import ScopeType
from litestar.types import Scope, Send


def error_body(
    message: str, kind: str, *, code: str | None = None, param: str | None = None
) -> bytes:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return msgspec.json.encode({"error": error})


async def refuse(scope: Scope, send: Send, status: int, body: bytes) -> None:
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
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": f"{prefix}.start", "status": status, "headers": headers})  # type: ignore[misc, arg-type]
    await send({"type": f"{prefix}.body", "body": body, "more_body": False})  # type: ignore[misc, arg-type]
