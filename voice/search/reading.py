"""Reads files in a process of its own, so that a bad one costs time, memory or a crash there alone."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

from voice.import_path import import_path
from voice.search.errors import SearchError
from voice.search.prepared import HEADER, Answer, Job, Unreadable

LIMIT_S = 120.0
"""How long the reading of one file may take."""

_ANSWER: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


class ReadingProcess:
    """One process that reads files one after the other, between `async with` and its end.

    It is started when it is needed, and again after a file that it did not survive.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end()

    async def read(self, job: Job) -> Answer:
        """Read and cut one file. Raises `SearchError` when the process does not start."""
        async with self._turn:
            process = self._process or await self._start()
            try:
                async with asyncio.timeout(self._limit_s):
                    return await self._ask(process, job)
            except TimeoutError:
                await self._end()
                return Unreadable("invalid_file", f"took longer than {self._limit_s:g} s to read")
            except (asyncio.IncompleteReadError, ConnectionError):
                status = await self._end()
                how = f"signal {-status}" if status < 0 else f"status {status}"
                return Unreadable("invalid_file", f"ended the process that read it, with {how}")
            except BaseException:
                await self._end()  # It is in the middle of an answer that nobody waits for.
                raise

    async def _ask(self, process: asyncio.subprocess.Process, job: Job) -> Answer:
        assert process.stdin  # noqa: S101 - it is a pipe
        data = msgspec.msgpack.encode(job)
        process.stdin.write(HEADER.pack(len(data)) + data)
        await process.stdin.drain()
        return _ANSWER.decode(await self._receive())

    async def _start(self) -> asyncio.subprocess.Process:
        """Start the process, and wait for the empty frame that says it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "voice.search.reading_child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": import_path(), "OPENBLAS_NUM_THREADS": "1"},
        )
        try:
            await self._receive()
        except asyncio.IncompleteReadError:
            await self._end()
            raise SearchError("The process that reads files does not start", "broken") from None
        return self._process

    async def _receive(self) -> bytes:
        assert self._process  # noqa: S101 - it was started
        assert self._process.stdout  # noqa: S101 - it is a pipe
        (size,) = HEADER.unpack(await self._process.stdout.readexactly(HEADER.size))
        return await self._process.stdout.readexactly(size)

    async def _end(self) -> int:
        """Kill the process, which has nothing to lose; gives its status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.stdin:
            process.stdin.close()
        # Not by its own method: that may reap a process that has ended, and its status is lost.
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        return await process.wait()
