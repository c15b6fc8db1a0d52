"""One run of a worker process, seen from its host: start it, speak frames with it, end it."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

import msgspec
import structlog

from voice.engines.wire import HEADER, MAX_FRAME_BYTES, Frame, FromWorker, pack
from voice.import_path import import_path

# A worker that was given this much and did not read it is not going to.
UNREAD_BYTES = 2 * MAX_FRAME_BYTES
# Together the steps below keep the end of a worker under a second.
GRACE_S = 0.4
INSISTENCE_S = 0.3
PIPES_S = 0.2

LINE_BYTES = 500
LINES_PER_PERIOD = 50
PERIOD_S = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker hosts: a synchronous engine as `module:Class` and its keyword options."""

    name: str
    engine: str
    options: Mapping[str, object] = field(default_factory=dict)
    slots: int = 1
    """How many jobs the engine can do at a time."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the variables the worker inherits."""
    patience_s: float = 10.0
    """How long a job waits for a worker that is starting."""


class Child(asyncio.SubprocessProtocol):
    """A worker process, from the start to the end of the `async with` block."""

    def __init__(self, spec: WorkerSpec, take: Callable[[FromWorker], None]) -> None:
        self._spec = spec
        self._take = take
        self._frames = bytearray()
        self._decoder: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
        self._lines = LineLog(spec.name)
        self._exited = asyncio.Event()
        self._closed = asyncio.Event()
        self.gone = asyncio.Event()
        """Set when no more frames will come."""

    async def __aenter__(self) -> Self:
        spec = self._spec
        transport, _ = await asyncio.get_running_loop().subprocess_exec(
            lambda: self,
            *(sys.executable, "-P", "-m", "voice.engines.worker"),
            *(spec.engine, json.dumps(dict(spec.options)), f"--slots={spec.slots}"),
            env=os.environ | {"PYTHONPATH": import_path()} | dict(spec.environment),
        )
        self._transport = transport
        self._stdin = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process within a second, gently if it lets us."""
        try:
            await self._end()
        except asyncio.CancelledError:
            self._kill()
            await self._exited.wait()
            raise
        finally:
            self._transport.close()

    async def _end(self) -> None:
        self._stdin.close()
        for grace_s, insist in ((GRACE_S, self._transport.terminate), (INSISTENCE_S, self._kill)):
            try:
                async with asyncio.timeout(grace_s):
                    await self._exited.wait()
            except TimeoutError:
                insist()
        await self._exited.wait()
        # Its last words are still in the pipes, unless a process of its own holds them open.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PIPES_S):
                await self._closed.wait()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._transport.kill()

    @property
    def pid(self) -> int:
        return self._transport.get_pid()

    @property
    def last_line(self) -> str:
        return self._lines.last

    def how_it_ended(self) -> str:
        status = self._transport.get_returncode()
        if status is not None and status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def send(self, frame: Frame) -> None:
        """Hand a frame to the process; one that has stopped reading is killed."""
        data = pack(frame)
        if self._stdin.get_write_buffer_size() > UNREAD_BYTES:
            self._kill()
        elif not self._stdin.is_closing():
            self._stdin.write(data)

    # ------------------------------------------------------------ called by the event loop

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._lines.feed(data)
            return
        self._frames += data
        while len(self._frames) >= HEADER.size:
            end = HEADER.size + HEADER.unpack_from(self._frames)[0]
            if len(self._frames) < end:
                return
            # Raw values in a frame point into what it is decoded from: that must be a copy.
            frame = self._decoder.decode(bytes(self._frames[HEADER.size : end]))
            del self._frames[:end]
            self._take(frame)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        del exc
        if fd == 1:
            self.gone.set()
        elif fd == 2:
            self._lines.end()

    def process_exited(self) -> None:
        self._exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._closed.set()


class LineLog:
    """What a process prints, as log lines of bounded length at a bounded rate."""

    def __init__(self, name: str) -> None:
        self._log = log.bind(worker=name)
        self._rest = b""
        self._period_start_s = 0.0
        self._count = 0
        self.last = ""

    def feed(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:LINE_BYTES]
        for line in lines:
            self._write(line)

    def end(self) -> None:
        self._write(self._rest)
        self._rest = b""

    def _write(self, line: bytes) -> None:
        text = line[:LINE_BYTES].decode(errors="replace").strip()
        if not text:
            return
        self.last = text
        if self._may_write():
            self._log.info("worker says", line=text)

    def _may_write(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._period_start_s > PERIOD_S:
            if self._count > LINES_PER_PERIOD:
                self._log.warning("lines dropped", count=self._count - LINES_PER_PERIOD)
            self._period_start_s, self._count = now_s, 0
        self._count += 1
        return self._count <= LINES_PER_PERIOD
