"""One indexer at a time: a lease in the database that is renewed while the work goes on."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from voice.groups import ungrouped
from voice.search.errors import SearchError
from voice.search.library import Library

SECONDS = 30
"""How long a lease outlives a process that was killed on another machine."""
RENEWAL_S = 10.0


@asynccontextmanager
async def leased(library: Library, name: str) -> AsyncIterator[None]:
    """Hold a lease for the block. Raises `SearchError` while somebody else has it."""
    owner = f"process {os.getpid()} on {socket.gethostname()} ({secrets.token_hex(4)})"
    await _take(library, name, owner)
    try:
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(_renew(library, name, owner))
                try:
                    yield
                finally:
                    renewing.cancel()
    finally:
        with suppress(SearchError):  # It ends by itself.
            await library.drop_lease(name, owner)


async def _take(library: Library, name: str, owner: str) -> None:
    holder = await library.take_lease(name, owner, SECONDS)
    if holder != owner and _is_dead(holder):
        await library.drop_lease(name, holder)
        holder = await library.take_lease(name, owner, SECONDS)
    if holder != owner:
        raise SearchError(
            f"The documents are being indexed by {holder.partition(' (')[0]}; "
            "wait until it is done, or stop it",
            "busy",
        )


async def _renew(library: Library, name: str, owner: str) -> None:
    while True:
        await asyncio.sleep(RENEWAL_S)
        await _take(library, name, owner)


def _is_dead(owner: str) -> bool:
    """Whether the owner was a process of this machine that is no more."""
    match owner.split():
        case ["process", number, "on", host, _] if host == socket.gethostname():
            try:
                os.kill(int(number), 0)
            except ProcessLookupError:
                return True
            except (OSError, ValueError):
                return False
    return False
