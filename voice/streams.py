"""Asynchronous streams: closed on the way out, and made ahead of whoever reads them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from voice.groups import ungrouped

T = TypeVar("T")


@asynccontextmanager
async def closing(stream: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close a stream on the way out, which stops whoever makes it."""
    try:
        yield stream
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


@dataclass(frozen=True, slots=True)
class _End:
    error: Exception | None = None


async def ahead(source: AsyncGenerator[T, None], items: int) -> AsyncGenerator[T, None]:
    """The items of `source`, up to so many of them made before they are asked for.

    Closing it closes the source; an error of the source comes after the items before it.
    """
    made: asyncio.Queue[T | _End] = asyncio.Queue(maxsize=items)

    async def make() -> None:
        end = _End()
        try:
            async with aclosing(source):
                async for item in source:
                    await made.put(item)
        except Exception as error:  # noqa: BLE001 - it belongs to the reader, not to the group
            end = _End(error)
        await made.put(end)

    with ungrouped():
        async with asyncio.TaskGroup() as group:
            making = group.create_task(make())
            try:
                while not isinstance(item := await made.get(), _End):
                    yield item
            finally:
                making.cancel()
    if item.error is not None:
        raise item.error
