"""A person at a terminal: lines as they are typed, and Ctrl-C."""

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

from voice.groups import ungrouped

T = TypeVar("T")

LINE_BYTES = 64 * 1024
CONTROLS = {
    code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in {"\n", "\t"}
}


class InterruptedByUserError(Exception):
    """Ctrl-C ended the work; `for_good` when it was a signal to terminate."""

    def __init__(self, *, for_good: bool) -> None:
        super().__init__("interrupted")
        self.for_good = for_good


class Interrupts:
    """Ends work on Ctrl-C."""

    def __init__(self) -> None:
        self._came = asyncio.Event()
        self._for_good = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM for the block, from whoever has them."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._came.set)
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def unless(self, work: Coroutine[object, object, T]) -> T:
        """Do the work; raises `InterruptedByUserError` once it has been ended before its end."""
        try:
            with ungrouped():
                async with asyncio.TaskGroup() as group:
                    doing = group.create_task(work)
                    waiting = group.create_task(self._came.wait())
                    await asyncio.wait([doing, waiting], return_when=asyncio.FIRST_COMPLETED)
                    waiting.cancel()
                    doing.cancel()
        finally:
            self._came.clear()
        if doing.cancelled():
            raise InterruptedByUserError(for_good=self._for_good)
        return doing.result()

    def _terminate(self) -> None:
        self._for_good = True
        self._came.set()


async def read_line(descriptor: int) -> str | None:
    """The next line of a terminal, which edits it until Enter; None at its end (Ctrl-D)."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
    data = os.read(descriptor, LINE_BYTES)
    return data.decode(errors="replace").strip() if data else None


def harmless(text: str) -> str:
    """A text without what would command the terminal that shows it."""
    return text.translate(CONTROLS)
