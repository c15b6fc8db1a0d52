"""Compression of answers as their clients accept it, never at the cost of an event's delay."""

import asyncio
import importlib
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

SMALL_BYTES = 500
"""Less than this fits a packet anyway."""
SLICE_BYTES = 64 * 1024
"""What is compressed at once: some milliseconds' worth."""
_ZLIB_WINDOW, _GZIP_WINDOW = 15, 31
_LEVEL, _BROTLI_QUALITY = 6, 4
_COMPRESSIBLE = ("text/", "application/json", "application/javascript", "image/svg+xml")


class Compressor(Protocol):
    def push(self, data: bytes) -> bytes:
        """All of what was pushed can be read from what this gives."""

    def finish(self) -> bytes: ...


class _Zlib:
    def __init__(self, window: int) -> None:
        self._stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, window)

    def push(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._stream.flush()


class _Brotli:
    def __init__(self) -> None:
        # The library has no types.
        self._stream: Any = importlib.import_module("brotli").Compressor(quality=_BROTLI_QUALITY)

    def push(self, data: bytes) -> bytes:
        found: bytes = self._stream.process(data) + self._stream.flush()
        return found

    def finish(self) -> bytes:
        found: bytes = self._stream.finish()
        return found


COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "br": _Brotli,
    "gzip": lambda: _Zlib(_GZIP_WINDOW),
    "deflate": lambda: _Zlib(_ZLIB_WINDOW),
}
"""By their names in `Accept-Encoding`, the best first."""


def negotiated(accepted: str) -> str | None:
    """What to compress with, or None for not at all (RFC 9110, 12.5.3).

    The client's weights decide, our order among equals; what is not wanted more than plain data is
    not done.
    """
    weights = dict(_weights(accepted))
    others = weights.get("*", 0.0)
    plain = weights.get("identity", 0.0)
    offered = [(weights.get(name, others), name) for name in COMPRESSORS]
    weight, best = max(offered, key=lambda each: each[0])
    return best if weight > 0 and weight >= plain else None


def _weights(accepted: str) -> Iterable[tuple[str, float]]:
    for item in accepted.lower().split(","):
        name, _, rest = item.partition(";")
        key, _, value = rest.partition("=")
        try:
            weight = float(value) if key.strip() == "q" else 1.0
        except ValueError:
            weight = 0.0
        if name.strip():
            yield name.strip(), weight


class Compression:
    """ASGI middleware that compresses what gets smaller by it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            lines = (value for name, value in scope["headers"] if name == b"accept-encoding")
            send = _Sender(negotiated(b",".join(lines).decode("latin-1")), send)
        await self._app(scope, receive, send)


class _Sender:
    """Sends one answer, compressed if that is worth it, which its first block shows."""

    def __init__(self, encoding: str | None, send: Send) -> None:
        self._encoding = encoding
        self._send = send
        self._start: HTTPResponseStartEvent | None = None
        self._compressor: Compressor | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] == "http.response.body":
            body, last = message.get("body", b""), not message.get("more_body", False)
            if self._start is not None:
                await self._begin(self._start, body, whole=last)
            if self._compressor is not None:
                message = {**message, "body": await self._compressed(self._compressor, body, last)}
        await self._send(message)

    async def _compressed(self, compressor: Compressor, body: bytes, last: bool) -> bytes:
        parts = []
        for start in range(0, len(body), SLICE_BYTES):
            if start:
                await asyncio.sleep(0)  # for the conversations that go on meanwhile
            parts.append(compressor.push(body[start : start + SLICE_BYTES]))
        return b"".join(parts) + (compressor.finish() if last else b"")

    async def _begin(self, start: HTTPResponseStartEvent, body: bytes, *, whole: bool) -> None:
        self._start = None
        headers = {name.lower(): value for name, value in start["headers"]}
        kind = headers.get(b"content-type", b"").decode("latin-1")
        fits = kind.startswith(_COMPRESSIBLE) and b"content-encoding" not in headers
        if fits and self._encoding and (len(body) >= SMALL_BYTES or not whole):
            self._compressor = COMPRESSORS[self._encoding]()
            kept = [each for each in start["headers"] if each[0].lower() != b"content-length"]
            start = {**start, "headers": [*kept, (b"content-encoding", self._encoding.encode())]}
        if fits:
            start = {**start, "headers": [*start["headers"], (b"vary", b"accept-encoding")]}
        await self._send(start)
