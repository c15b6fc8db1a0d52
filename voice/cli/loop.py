"""The event loop that the server runs on: uvloop, and where there is none, that of asyncio."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:  # Windows has none.
    from asyncio import new_event_loop

T = TypeVar("T")


def run(main: Coroutine[object, object, T]) -> T:
    """Run a command's work to its end, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)
