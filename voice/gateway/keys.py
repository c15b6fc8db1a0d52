"""API keys: who may come in."""

import hmac
from collections.abc import Iterator, Sequence

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from voice.gateway.errors import error_body, refuse

SUBPROTOCOL_PREFIX = "openai-insecure-api-key."
OPEN_PATHS = ("/", "/check", "/health", "/docs", "/swagger-ui", "/openapi.json")
OPEN_FOLDERS = ("/health/", "/docs/", "/web/")
"""Probes, the pages and the reference come without keys, and tell nothing that is secret."""


class KeyGuard:
    """ASGI middleware that lets in who shows one of `keys`; without keys, everybody."""

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self._app = app
        self._keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {ScopeType.HTTP, ScopeType.WEBSOCKET} and not self._admits(scope):
            body = error_body(
                "Incorrect API key provided. Send one of the server's keys as "
                "'Authorization: Bearer KEY'.",
                "authentication_error",
                code="invalid_api_key",
            )
            await refuse(scope, send, 401, body)
            return
        await self._app(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        path = scope["path"]
        if not self._keys or path in OPEN_PATHS or path.startswith(OPEN_FOLDERS):
            return True
        return any(
            hmac.compare_digest(key, shown) for shown in shown_keys(scope) for key in self._keys
        )


def shown_keys(scope: Scope) -> Iterator[bytes]:
    """The keys of a request: Bearer header, `api-key` header, or the WebSocket subprotocol."""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            yield value[7:].strip()
        elif name == b"api-key":
            yield value
    offered = scope["subprotocols"] if scope["type"] == ScopeType.WEBSOCKET else []
    for protocol in offered:
        if protocol.startswith(SUBPROTOCOL_PREFIX):
            yield protocol.removeprefix(SUBPROTOCOL_PREFIX).encode()
