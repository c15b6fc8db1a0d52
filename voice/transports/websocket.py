"""The conversation over a WebSocket: JSON text frames both ways."""

import asyncio
from contextlib import suppress

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from voice.transports.transport import Line

SUBPROTOCOL = "realtime"
CLOSE_S = 1.0


class WebSocketTransport:
    """A `Transport` over an accepted Litestar WebSocket."""

    max_frame_bytes = 2**20
    """Some clients drop the connection at a larger frame."""
    line: Line | None = None

    def __init__(self, socket: WebSocket) -> None:  # type: ignore[type-arg]
        self._socket = socket
        self._closed = False

    async def receive(self) -> str | bytes | None:
        message = await self._socket.receive()
        if message["type"] != "websocket.receive":
            self._closed = True
            return None
        text: str | None = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    async def send(self, text: str) -> None:
        if self._closed:
            return
        try:
            await self._socket.send({"type": "websocket.send", "text": text, "bytes": None})
        except (WebSocketDisconnect, OSError, RuntimeError):
            # The last is what uvicorn says once it has closed a connection itself, for a frame that
            # is none or a client that answers no pings, until its word of it is received.
            self._closed = True

    async def close(self, code: int, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        with suppress(WebSocketDisconnect, OSError, RuntimeError, TimeoutError):
            # To a client that has stopped reading not even this gets through.
            async with asyncio.timeout(CLOSE_S):
                # A close frame holds 123 bytes of reason (RFC 6455, 5.5).
                await self._socket.close(code, reason.encode()[:123].decode(errors="ignore"))
