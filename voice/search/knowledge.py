"""The library of a running server, and what goes on in it: uploads are taken in, old things go."""

import asyncio
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import structlog

from voice.engines.protocols import Embedder
from voice.groups import first_error
from voice.search.errors import SearchError
from voice.search.intake import Intake
from voice.search.library import Library, open_library
from voice.search.records import FOLDERS_STORE

log = structlog.get_logger()

EXPIRE_EVERY_S = 600

Keep = Callable[[Library], Coroutine[None, None, None]]
REOPEN_EVERY_S = 5.0
OPENING_S = 10.0
"""How long to wait for a library that is being opened, which may take long after an update."""


class Knowledge:
    """Opens the library at `location`, in the background: a server also talks without one.

    Where that fails it is tried again and again.
    """

    def __init__(
        self,
        location: str,
        embedder: Callable[[], Awaitable[Embedder | None]],
        keep: Keep | None = None,
    ) -> None:
        self._location = location
        self._embedder = embedder
        self._keep = keep
        """What keeps folders indexed, if anything does."""
        self._library: Library | None = None
        self._intake: Intake | None = None
        self._failure = "The documents are still being opened"
        self._opened = asyncio.Event()

    async def library(self) -> Library:
        """The library, once it is open. Raises `SearchError` where it cannot be."""
        return (await self._both())[0]

    async def intake(self) -> Intake:
        """What takes in uploads. Raises `SearchError` where there is no library."""
        return (await self._both())[1]

    async def _both(self) -> tuple[Library, Intake]:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._opened.wait(), OPENING_S)
        if self._library is None or self._intake is None:
            raise SearchError(self._failure, "unreachable")
        return self._library, self._intake

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the library open while the block runs."""
        async with asyncio.TaskGroup() as group:
            host = group.create_task(self._host())
            try:
                yield
            finally:
                host.cancel()
                self._failure = "The server is shutting down"

    async def _host(self) -> None:
        while True:
            try:
                async with open_library(self._location) as library, asyncio.TaskGroup() as group:
                    self._library, self._intake, self._failure = library, Intake(library), ""
                    self._opened.set()
                    group.create_task(self._take_in(group, library, self._intake))
                    group.create_task(self._expire(library))
            except* Exception as errors:  # noqa: BLE001 - a server also talks without documents
                self._fail(first_error(errors))
            finally:
                self._library = self._intake = None
                self._opened.set()
            await asyncio.sleep(REOPEN_EVERY_S)

    def _fail(self, error: BaseException) -> None:
        failure = f"Documents cannot be searched: {error}"
        if failure != self._failure:
            unexpected = None if isinstance(error, SearchError) else error
            log.warning("no documents", reason=failure, exc_info=unexpected)
        self._failure = failure

    async def _take_in(self, group: TaskGroup, library: Library, intake: Intake) -> None:
        # What is taken in before there is an embedder would be found by its words alone.
        library.embedder = await self._embedder()
        # The first question shall not wait for the vectors to be read.
        with suppress(SearchError):
            await library.warm(FOLDERS_STORE)
        if self._keep is not None:
            group.create_task(self._keep(library))
        await intake.run()

    async def _expire(self, library: Library) -> None:
        while True:
            try:
                expired = await library.expire()
            except SearchError as error:
                log.warning("old documents stay", reason=str(error))
            else:
                if expired.files or expired.stores:
                    log.info("expired", files=len(expired.files), stores=len(expired.stores))
            await asyncio.sleep(EXPIRE_EVERY_S)
