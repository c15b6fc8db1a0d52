"""An HTTP/1.1 client that does little but keep times: keep-alive, lengths, chunks, no more."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

MOST_BYTES = 256 * 1024 * 1024
"""Of one answer, all of which is kept to be checked when nothing is measured any more."""
MOST_CONNECTIONS = 1024
PATIENCE_S = 60.0
"""An exchange that has not ended by then has failed, unless it was to take longer."""

_length = re.compile(rb"\r\ncontent-length: *(\d+)\r", re.IGNORECASE)
_chunked = re.compile(rb"\r\ntransfer-encoding: *chunked\r", re.IGNORECASE)
_closing = re.compile(rb"\r\nconnection: *close\r", re.IGNORECASE)


class ExchangeError(Exception):
    """A request got no whole answer."""


@dataclass(slots=True)
class Reply:
    """An answer, and when its parts came, on the clock of `perf_counter`."""

    began_s: float
    """When the request was due, before a connection was found for it."""
    status: int = 0
    first_s: float = 0.0
    """The first bytes of the body."""
    end_s: float = 0.0
    body: bytearray = field(default_factory=bytearray)

    @property
    def first_ms(self) -> float:
        return (self.first_s - self.began_s) * 1000

    @property
    def whole_ms(self) -> float:
        return (self.end_s - self.began_s) * 1000


class Connection(asyncio.Protocol):
    """One connection, with at most one exchange at a time."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self.open = False
        self._rest = b""
        self._reply: Reply | None = None
        self._ended: asyncio.Future[None] | None = None
        self._begun: asyncio.Event | None = None
        self._left: int | None = None
        """How much of the body is missing, where that was told."""
        self._in_chunks = False
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        reply = self._reply
        if reply is None:
            return
        if reply.status and self._left is None and not self._in_chunks:
            self._end()  # Of a body without length the end of the connection is the end.
        else:
            self._fail(f"the connection broke off after {len(reply.body)} bytes: {error}")

    async def exchange(
        self, request: bytes, began_s: float, begun: asyncio.Event | None = None
    ) -> Reply:
        """Send a request and take its whole answer; `begun` is set with its first bytes.

        Raises `ExchangeError`.
        """
        reply = self._reply = Reply(began_s)
        self._ended = asyncio.get_running_loop().create_future()
        self._begun, self._left, self._in_chunks = begun, None, False
        self._transport.write(request)
        try:
            await self._ended
        finally:
            if self._reply is not None:  # It was cancelled: nothing else can be asked here.
                self._reply = None
                self.close()
        return reply

    def close(self) -> None:
        self.open = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        if reply is None:
            self.close()
            return
        if self._rest:
            data, self._rest = self._rest + data, b""
        if not reply.status:
            data = self._head(reply, data)
        if reply.status and data:
            self._body(reply, data)
        if reply.status and self._left == 0 and not self._in_chunks:
            self._end()

    def _head(self, reply: Reply, data: bytes) -> bytes:
        """Read the head, once all of it is there; what follows it is left."""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            self._rest = data
            return b""
        length = _length.search(data, 0, end)
        self._in_chunks = _chunked.search(data, 0, end) is not None
        self._closing = _closing.search(data, 0, end) is not None
        self._left = int(length[1]) if length else None
        reply.status = int(data[9:12])
        return data[end:]

    def _body(self, reply: Reply, data: bytes) -> None:
        if not reply.first_s:
            reply.first_s = perf_counter()
            if self._begun is not None:
                self._begun.set()
        if self._in_chunks:
            self._chunks(reply.body, data)
        else:
            reply.body += data
            if self._left is not None:
                self._left = max(0, self._left - len(data))
        if len(reply.body) > MOST_BYTES:
            self._fail(f"the answer is longer than {MOST_BYTES} bytes")
            self.close()

    def _chunks(self, body: bytearray, data: bytes) -> None:
        at = 0
        while (line := data.find(b"\r\n", at)) >= 0:
            size = int(data[at:line].partition(b";")[0], 16)
            start, end = line + 2, line + 2 + size
            if len(data) < end + 2:
                break
            body += data[start:end]
            at = end + 2
            if size == 0:
                self._in_chunks, self._left = False, 0
                break
        self._rest = data[at:]

    def _end(self) -> None:
        if self._reply is not None:
            self._reply.end_s = perf_counter()
            self._reply.first_s = self._reply.first_s or self._reply.end_s
        self._reply, self._rest = None, b""
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if self._closing:
            self.close()

    def _fail(self, reason: str) -> None:
        self._reply = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(ExchangeError(reason))


class Door:
    """A server's base URL, and the connections to it that are free; use `door`."""

    def __init__(self, base_url: str, key: str) -> None:
        parts = urlsplit(base_url)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._path = parts.path.rstrip("/")
        self._authorization = f"authorization: Bearer {key}\r\n" if key else ""
        self._address = parts.netloc
        self._free: list[Connection] = []
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)

    def request(self, path: str, body: bytes, media_type: str = "application/json") -> bytes:
        """A POST, ready to be sent."""
        head = (
            f"POST {self._path}{path} HTTP/1.1\r\nhost: {self._address}\r\n{self._authorization}"
            f"content-type: {media_type}\r\naccept: */*\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def send(
        self,
        request: bytes,
        *,
        begun: asyncio.Event | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Reply:
        """Exchange on a free connection, or else a new one. Raises `ExchangeError`."""
        began_s = perf_counter()
        try:
            async with asyncio.timeout(patience_s), self._places:
                connection = await self._connection()
                reply = await connection.exchange(request, began_s, begun)
        except TimeoutError:
            raise ExchangeError(f"no whole answer within {patience_s:g} s") from None
        except OSError as error:
            raise ExchangeError(f"no connection to {self._address}: {error}") from error
        if connection.open:
            self._free.append(connection)
        if reply.status != 200:
            raise ExchangeError(f"status {reply.status}: {bytes(reply.body[:300])!r}")
        return reply

    async def _connection(self) -> Connection:
        while self._free:
            if (free := self._free.pop()).open:
                return free
        context = ssl.create_default_context() if self._secure else None
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(Connection, self._host, self._port, ssl=context)
        return made

    def close(self) -> None:
        """Close what is free; nothing may be under way."""
        for connection in self._free:
            connection.close()
        self._free.clear()


@asynccontextmanager
async def door(base_url: str, key: str = "") -> AsyncIterator[Door]:
    """The door of a server, whose connections are closed with the block."""
    opened = Door(base_url, key)
    try:
        yield opened
    finally:
        opened.close()
