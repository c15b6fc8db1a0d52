"""Follows folders: tells when documents in them may have changed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from watchfiles import Change, awatch

from voice.engines.protocols import EngineError
from voice.groups import ungrouped
from voice.search.errors import SearchError
from voice.search.formats import format_of
from voice.search.ignore import NAMES

DEBOUNCE_MS = 1000
"""How long changes that come one after the other are gathered at most."""
QUIET_MS = 200
"""So much without a change ends the gathering."""
RETRY_S = 30.0
"""When to try again after a trouble, if nothing changes before."""


async def follow(
    folders: Sequence[Path],
    index: Callable[[], Awaitable[None]],
    tell: Callable[[str], None],
    *,
    retry_s: float = RETRY_S,
) -> None:
    """Index at once, and again after every change, until it is cancelled.

    What goes wrong the first time is raised; after that it is told, and tried again.
    """
    changed = asyncio.Event()
    with ungrouped():
        async with asyncio.TaskGroup() as group:
            group.create_task(_notice(folders, changed, tell))
            await asyncio.sleep(0)  # What changes during the first pass is noticed, too.
            await index()
            patience_s: float | None = None
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        await changed.wait()
                changed.clear()
                patience_s = None
                try:
                    await index()
                except (SearchError, EngineError) as error:
                    tell(str(error))
                    patience_s = retry_s


async def _notice(
    folders: Sequence[Path], changed: asyncio.Event, tell: Callable[[str], None]
) -> None:
    try:
        async for _ in _changes(folders, polling=False):
            changed.set()
    except OSError as error:
        # Systems limit how many folders one may be told of.
        tell(f"The system does not tell of changes ({error}); looking for them instead")
        async for _ in _changes(folders, polling=True):
            changed.set()


def _changes(folders: Sequence[Path], *, polling: bool) -> AsyncIterator[object]:
    return awatch(
        *folders,
        watch_filter=lambda change, path: _matters(folders, change, Path(path)),
        debounce=DEBOUNCE_MS,
        step=QUIET_MS,
        poll_delay_ms=DEBOUNCE_MS,
        force_polling=polling or None,
        ignore_permission_denied=True,
    )


def _matters(folders: Sequence[Path], change: Change, path: Path) -> bool:
    """Whether a change may be one of documents. Of what has gone only the name is left."""
    if path.name in NAMES:
        return True
    top = next((folder for folder in folders if path.is_relative_to(folder)), path.parent)
    if any(part.startswith(".") for part in path.relative_to(top).parts):
        return False
    return change == Change.deleted or bool(format_of(path.name)) or path.is_dir()
