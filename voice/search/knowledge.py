"""The library of a running server, and what goes on in it: uploads are taken in, old things go."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from voice.engines.protocols import Embedder
from voice.search.errors import SearchError
from voice.search.intake import Intake
from voice.search.library import Library, open_library

log = structlog.get_logger()

EXPIRE_EVERY_S = 600


class Knowledge:
    """Opens the library at `location`, in the background: a server also talks without one."""

    def __init__(self, location: str, embedder: Callable[[], Awaitable[Embedder | None]]) -> None:
        self._location = location
        self._embedder = embedder
        self.library: Library | None = None
        self.intake: Intake | None = None
        self.failure = ""
        """Why there is no library."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the library open while the block runs."""
        async with asyncio.TaskGroup() as group:
            host = group.create_task(self._host())
            try:
                yield
            finally:
                host.cancel()

    async def _host(self) -> None:
        try:
            async with open_library(self._location) as library, asyncio.TaskGroup() as group:
                self.library, self.intake = library, Intake(library)
                group.create_task(self._take_in(library, self.intake))
                group.create_task(self._expire(library))
        except* SearchError as errors:
            self.failure = f"Documents cannot be searched: {errors.exceptions[0]}"
            log.warning("no documents", reason=self.failure)
        finally:
            self.library = self.intake = None

    async def _take_in(self, library: Library, intake: Intake) -> None:
        # What is taken in before there is an embedder would be found by its words alone.
        library.embedder = await self._embedder()
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
