"""Records, and the one thread in which everything is done with them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from voice.search.store import Records

P = ParamSpec("P")
Result = TypeVar("Result")


class Worker:
    """Does one thing after the other."""

    def __init__(self, records: Records, thread: ThreadPoolExecutor) -> None:
        self.records = records
        self.thread = thread

    async def run(self, work: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, lambda: work(*args, **kwargs))


@asynccontextmanager
async def opened(name: str, opener: Callable[[], Records]) -> AsyncIterator[Worker]:
    """Records that are opened, used and closed in a thread of this name."""
    with ThreadPoolExecutor(1, thread_name_prefix=name) as thread:
        opening = thread.submit(opener)
        try:
            yield Worker(await asyncio.wrap_future(opening), thread)
        finally:
            # In the same thread, so after the opening, which goes on when nobody waits for it.
            await asyncio.get_running_loop().run_in_executor(thread, _close, opening)


def _close(opening: Future[Records]) -> None:
    if not opening.cancelled() and not opening.exception():
        opening.result().close()
