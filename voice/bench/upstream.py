"""`python -m voice.bench.upstream`: a fake model server, light enough not to be what is measured.

Speaks as much HTTP/1.1 as a benchmark needs: POST with a length, keep-alive, chunks. Told an
`UpstreamPlan`, it says where it serves, until its parent ends. What it answers stands in the
request: see `voice.bench.orders`.
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import msgspec

from voice.bench.http_messages import UpstreamPlan
from voice.bench.messages import Serving
from voice.bench.orders import Order, asked, order_in, text_of, word
from voice.bench.pipes import PeerEndedError, parent
from voice.cli.loop import run
from voice.cli.open_files import allow_many

MODEL = "bench"
"""What its only model is called; it answers to every name."""
BACKLOG = 2048

_length = re.compile(rb"\r\ncontent-length: *(\d+)\r", re.IGNORECASE)

_WHOLE = b"HTTP/1.1 %d -\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n%b"
_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n%btransfer-encoding: chunked\r\n\r\n"
)
_CLOSE = b"connection: close\r\n"
_EVENT = (
    b'data: {"id":"chatcmpl-%d","object":"chat.completion.chunk","created":1700000000,'
    b'"model":"bench","choices":[{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}]}\n\n'
)
_LAST = b"0\r\n\r\n"


def completion(order: Order) -> bytes:
    """The answer to an order in one piece."""
    message = {"role": "assistant", "content": text_of(order)}
    return msgspec.json.encode(
        {
            "id": f"chatcmpl-{order.caller}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 60, "completion_tokens": order.words, "total_tokens": 60},
        }
    )


def events(order: Order) -> Iterator[bytes]:
    """The answer to an order as server-sent events."""
    yield _EVENT % (order.caller, b'{"role":"assistant","content":""}', b"null")
    for place in range(order.words):
        delta = b'{"content":"%b"}' % word(order.caller, place).encode()
        yield _EVENT % (order.caller, delta, b"null")
    yield _EVENT % (order.caller, b"{}", b'"stop"')
    yield b"data: [DONE]\n\n"


def writes(order: Order) -> Iterator[bytes]:
    """The events as the chunks of an HTTP body."""
    block: list[bytes] = []
    for event in events(order):
        block.append(event)
        if len(block) == order.per_write:
            yield _chunk(b"".join(block))
            block.clear()
    if block:
        yield _chunk(b"".join(block))
    yield _LAST


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """One client, whose requests are answered one after the other."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._order: Order | None = None
        """What is being answered."""
        self._writes: Iterator[bytes] = iter(())
        self._next: asyncio.Handle | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._paused = True
        if self._next is not None:
            self._next.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._order is None and (body := self._request()) is not None:
            self._answer(body)

    def _request(self) -> bytes | None:
        """The body of the next request, once all of it is there."""
        head = self._received.find(b"\r\n\r\n") + 4
        if head < 4:
            return None
        found = _length.search(self._received, 0, head)
        end = head + int(found[1]) if found else head
        if len(self._received) < end:
            return None
        body, self._received = self._received[head:end], self._received[end:]
        return body

    def _answer(self, body: bytes) -> None:
        try:
            wanted = asked(body)
            order = order_in(wanted.messages[-1].content or "")
        except (msgspec.DecodeError, IndexError) as error:
            self._write_whole(400, msgspec.json.encode({"error": {"message": str(error)}}))
            return
        if wanted.stream:
            self._begin(order)
        else:
            self._write_whole(200, completion(order), last=order.last)

    def _write_whole(self, status: int, body: bytes, *, last: bool = False) -> None:
        self._transport.write(_WHOLE % (status, _CLOSE if last else b"", len(body), body))
        if last:
            self._transport.close()

    # A stream.

    def _begin(self, order: Order) -> None:
        self._order = order
        self._writes = writes(order)
        self._transport.write(_STREAM % (_CLOSE if order.last else b"") + next(self._writes))
        self._go_on_later(order)

    def _go_on_later(self, order: Order) -> None:
        if order.every_ms:
            self._next = self._loop.call_later(order.every_ms / 1000, self._go_on)
        else:  # Others write in between.
            self._next = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._next = None
        if self._paused or self._order is None:
            return
        block = next(self._writes, None)
        if block is not None:
            self._transport.write(block)
            self._go_on_later(self._order)
            return
        last, self._order = self._order.last, None
        if last:
            self._transport.close()
        else:
            self.data_received(b"")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._next is None:
            self._go_on()


@asynccontextmanager
async def serving(port: int = 0) -> AsyncIterator[str]:
    """Serve on loopback while the block runs; gives the base URL."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=BACKLOG)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


async def main() -> None:
    allow_many()
    async with parent() as bench:
        plan = await bench.hear()
        assert isinstance(plan, UpstreamPlan)  # noqa: S101 - the first line is this
        async with serving(plan.port) as url:
            await bench.tell(Serving(url=url, engines=()))
            with suppress(PeerEndedError):
                await bench.hear()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, PeerEndedError):  # nobody is left to tell
        try:
            run(main())
        except OSError as error:
            sys.exit(f"the fake upstream cannot serve: {error}")
