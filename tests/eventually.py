"""Waiting for what another process or a library does in its own time, and announces to nobody."""

import asyncio
from collections.abc import Callable


async def eventually(holds: Callable[[], object], within_s: float = 30) -> None:
    """Let the loop work until something holds. Raises `TimeoutError`."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)
