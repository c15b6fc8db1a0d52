"""WebSockets that nobody takes: their clients get an HTTP error that says why."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from voice.gateway.errors import error_body, refuse

_OUR_FAULT = "Internal Server Error"
"""The framework's reason where it was not the path; its codes are all the same."""


class Handshakes:
    """ASGI middleware; without it such a client sees a bare 403, whatever was wrong."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.WEBSOCKET:
            await self._app(scope, receive, send)
            return
        opened = False

        async def send_or_refuse(message: Message) -> None:
            nonlocal opened
            if message["type"] == "websocket.close" and not opened:
                await _refuse(scope, send, message.get("reason") or "")
                return
            opened = opened or message["type"] == "websocket.accept"
            await send(message)

        await self._app(scope, receive, send_or_refuse)


async def _refuse(scope: Scope, send: Send, reason: str) -> None:
    if reason == _OUR_FAULT:
        message = "The server had an error; its log says more."
        await refuse(scope, send, 500, error_body(message, "server_error"))
        return
    message = f"No WebSocket is at {scope['path'][:200]}; conversations are at /v1/realtime."
    await refuse(scope, send, 404, error_body(message, "not_found_error", code="not_found"))
