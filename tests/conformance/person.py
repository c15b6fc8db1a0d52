"""A person at a stock client: speaks in real time, and waits for what should be heard."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

from voice.engines.fakes import calling

FRAME_BYTES = 960
"""20 ms at 24 kHz."""
PATIENCE_S = 15.0
LONG = "one two three four five six seven eight nine ten " * 6
"""An answer of 18 s, to be interrupted."""


class Microphone:
    """Sends silence, and what is said, in frames of 20 ms."""

    def __init__(self, send: Callable[[bytes], Awaitable[object]]) -> None:
        self._send = send
        self._frames: deque[bytes] = deque()
        self._spoken = asyncio.Event()

    def say(self, pcm: bytes) -> None:
        self._spoken.clear()
        for start in range(0, len(pcm), FRAME_BYTES):
            self._frames.append(pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))

    async def quiet(self) -> None:
        """Wait until all is said."""
        await patiently(self._spoken.wait())

    async def run(self) -> None:
        now = asyncio.get_running_loop().time
        due_s = now()
        while True:
            await self._send(self._frames.popleft() if self._frames else bytes(FRAME_BYTES))
            if not self._frames:
                self._spoken.set()
            due_s += 0.02
            await asyncio.sleep(due_s - now())


class Ears:
    """Keeps what came, and waits for what should."""

    def __init__(self) -> None:
        self.heard: list = []
        self._changed = asyncio.Condition()

    async def listen(self, events) -> None:
        async for event in events:
            await self.take(event)

    async def take(self, event) -> None:
        self.heard.append(event)
        async with self._changed:
            self._changed.notify_all()

    async def until(self, is_it, count: int = 1):
        """The `count`-th thing of which `is_it` holds."""

        def found() -> list:
            return [event for event in self.heard if is_it(event)]

        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: len(found()) >= count)
        return found()[count - 1]

    async def of_type(self, kind: str, count: int = 1):
        return await self.until(lambda event: event.type == kind, count)


async def patiently(awaited):
    """Wait, but not for ever."""
    async with asyncio.timeout(PATIENCE_S):
        return await awaited


@asynccontextmanager
async def working(*jobs):
    """Let coroutines run beside the block, and end with it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(job) for job in jobs]
        yield
        for task in tasks:
            task.cancel()


def librarian(prompt):
    """Ask for the hours where there is a tool for it, and tell what came back."""
    last = prompt.messages[-1]
    if last.role == "tool":
        return f"In winter it closes at {last.content}."
    return calling(prompt.tools[0].name, {"season": "winter"}, "call_hours_1")
