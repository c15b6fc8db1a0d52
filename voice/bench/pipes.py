"""Lines of JSON between a process and the one that started it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

from voice.bench.http_messages import HttpPlan, HttpSeen, UpstreamPlan
from voice.bench.messages import CallPlan, Calls, HostPlan, Line, Mark, Serving, Usage
from voice.bench.rtc_messages import RtcPlan, RtcSeen

LINE_BYTES = 16 * 1024 * 1024
GRACE_S = 10.0

_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(
    HostPlan
    | Serving
    | Usage
    | CallPlan
    | Mark
    | Calls
    | UpstreamPlan
    | HttpPlan
    | HttpSeen
    | RtcPlan
    | RtcSeen
)


class PeerEndedError(Exception):
    """The process at the other end of the pipe is gone."""


class Peer:
    """The process at the other end of a pair of pipes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def tell(self, line: Line) -> None:
        self._writer.write(msgspec.json.encode(line) + b"\n")
        await self._writer.drain()

    async def hear(self) -> Line:
        """The next line; raises `PeerEndedError`."""
        text = await self._reader.readline()
        if not text:
            raise PeerEndedError("a process of the benchmark has ended; its messages are above")
        return _decoder.decode(text)


@asynccontextmanager
async def child(module: str) -> AsyncIterator[Peer]:
    """Run a module in a process of its own; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES,
    )  # fmt: skip
    assert process.stdin and process.stdout  # noqa: S101, PT018 - pipes were asked for
    try:
        yield Peer(process.stdout, process.stdin)
    finally:
        process.stdin.close()  # the end of its input is what a child takes for its end
        try:
            async with asyncio.timeout(GRACE_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@asynccontextmanager
async def parent() -> AsyncIterator[Peer]:
    """The process that started this one, over standard input and output."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    protocol = asyncio.StreamReaderProtocol(reader)
    incoming, _ = await loop.connect_read_pipe(lambda: protocol, sys.stdin)
    outgoing, flow = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    try:
        yield Peer(reader, asyncio.StreamWriter(outgoing, flow, reader, loop))
    finally:
        outgoing.close()
        incoming.close()
