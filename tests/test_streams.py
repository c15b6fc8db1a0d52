"""Streams that run ahead of their readers, and end with them."""

import asyncio
from contextlib import aclosing

import pytest

from voice.streams import ahead, closing


class Source:
    """Counts, until it is told to fail, and remembers how it ended."""

    def __init__(self, fails_after: int | None = None, ends_after: int = 1000) -> None:
        self.made = 0
        self.closed = False
        self._fails_after = fails_after
        self._ends_after = ends_after

    async def items(self):
        try:
            while self.made < self._ends_after:
                if self.made == self._fails_after:
                    raise ValueError("out of numbers")
                self.made += 1
                yield self.made
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            self.closed = True


async def collect(stream, seen: list[int]) -> None:
    async for item in stream:
        seen.append(item)  # noqa: PERF401 - what came before an error is wanted


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_all_items_come_in_order():
    assert [item async for item in ahead(Source(ends_after=20).items(), 3)] == [*range(1, 21)]


async def test_no_more_is_made_than_may_wait():
    source = Source()
    async with aclosing(ahead(source.items(), 3)) as stream:
        assert await anext(stream) == 1
        await settle()
        # One was taken, three wait, and one more is in the hands of the maker.
        assert source.made == 5


async def test_an_error_comes_after_the_items_before_it():
    stream = ahead(Source(fails_after=4).items(), 10)
    await anext(stream)
    await settle()
    seen = []
    with pytest.raises(ValueError, match="out of numbers"):
        await collect(stream, seen)
    assert seen == [2, 3, 4]


async def test_a_reader_that_leaves_closes_the_source():
    source = Source()
    async with aclosing(ahead(source.items(), 3)) as stream:
        await anext(stream)
    assert source.closed


async def test_a_reader_that_is_cancelled_closes_the_source():
    source = Source(ends_after=1)
    waiting = asyncio.Event()

    async def endless():
        async for item in source.items():
            yield item
            waiting.set()
            await asyncio.Event().wait()

    async def read():
        async with aclosing(ahead(endless(), 3)) as stream:
            async for _ in stream:
                pass

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        await waiting.wait()
        reading.cancel()
    assert reading.cancelled()
    assert len(asyncio.all_tasks()) == 1


async def test_closing_closes_what_can_be_closed():
    source = Source()
    async with closing(source.items()) as stream:
        await anext(stream)
    assert source.closed
