"""Takes uploaded files into their stores, one after the other, in the background.

What is in progress is in the library; after a restart it is gone on with.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from time import time

import msgspec
import numpy as np
import structlog

from voice.engines.protocols import EngineError
from voice.search.errors import SearchError, Trouble
from voice.search.keeping import CHUNKS_AT_ONCE, Keeper, every_store
from voice.search.library import Library
from voice.search.paging import MAX_LIMIT, Page
from voice.search.prepared import Answer, Gone, Job, Prepared, Unreadable
from voice.search.reading import ReadingProcess
from voice.search.records import (
    FOLDERS_STORE,
    SECONDS_PER_DAY,
    Chunk,
    Document,
    Failure,
    FailureCode,
    FileBatch,
    Vectors,
    VectorStore,
)

log = structlog.get_logger()

MOST_BYTES = 1 << 30
"""Of one file: the most that an upload may be allowed to have."""
RETRY_S = 5.0
"""How long to wait for a database that fails."""
LOST_S = SECONDS_PER_DAY
"""So old and without its bytes here, a document in progress is no other server's either."""

PASSING: frozenset[Trouble] = frozenset({"busy", "full", "read_only", "unreachable"})
"""Troubles of the database and of no document."""

Key = tuple[str, str]
"""Of a store and a document in it."""


class _UnwantedError(Exception):
    """A document has gone or was cancelled, or is to be cut otherwise: then its turn comes again."""


class Intake:
    """Reads, cuts and embeds the documents of a library that are in progress, while it runs."""

    def __init__(self, library: Library, now: Callable[[], float] = time) -> None:
        self._library = library
        self._now = now
        self._waiting: dict[Key, None] = {}
        """In the order of their turns; as many as the library has in progress, and names only."""
        self._arrived = asyncio.Event()

    async def add(
        self,
        *documents: Document,
        store: VectorStore | None = None,
        batch: FileBatch | None = None,
    ) -> list[Document]:
        """Put documents in progress in their store, all or none; what is there of the same files goes.

        With the store, if it is new, and the batch that they are.
        """
        kept = await self._library.attach(documents, store=store, batch=batch)
        for document in kept:
            self._await_turn(document)
        return kept

    async def run(self) -> None:
        """Work until cancelled. When the database fails, all that is in progress waits."""
        async with ReadingProcess() as reading:
            while True:
                try:
                    await self._find_unfinished()
                    await self._work(reading)
                except SearchError as error:
                    log.warning("uploads wait for the database", reason=str(error))
                except Exception:
                    log.exception("uploads wait")
                await asyncio.sleep(RETRY_S)

    async def _work(self, reading: ReadingProcess) -> None:
        """Take what waits, and add missing vectors while nothing does."""
        async with aclosing(self._add_missing()) as missing:
            while True:
                while self._waiting:
                    await self._take(reading, self._next())
                if await anext(missing, None) is None and not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()

    def _await_turn(self, document: Document) -> None:
        self._waiting[document.store_id, document.id] = None
        self._arrived.set()

    def _next(self) -> Key:
        key = next(iter(self._waiting))
        del self._waiting[key]
        return key

    async def _find_unfinished(self) -> None:
        """What was in progress when the server ended, or the database failed."""
        async for store in every_store(self._library):
            await self._find_in(store.id)

    async def _find_in(self, store_id: str) -> None:
        after = None
        while True:
            asked = Page(after=after, limit=MAX_LIMIT, order="asc")
            page = await self._library.documents(store_id, asked, "in_progress")
            for document in page.items:
                if self._is_ours(document):
                    self._await_turn(document)
            if not page.has_more:
                return
            after = page.items[-1].id

    def _is_ours(self, document: Document) -> bool:
        """Whether it was uploaded, and to no other server of the same database."""
        if document.path:
            return False
        if self._library.file_path(document.id).exists():
            return True
        return document.created_at < self._now() - LOST_S

    async def _add_missing(self) -> AsyncGenerator[Document, None]:
        """Embed what was uploaded while there was no embedder, a document each time it is asked.

        What stands in folders is left to those who index them.
        """
        for store in [each async for each in every_store(self._library)]:
            embedder = self._library.embedder
            if embedder is None or store.embedder not in {"", embedder.name}:
                continue
            if store.id == FOLDERS_STORE:
                continue
            try:
                async with aclosing(Keeper(self._library).add_missing(store.id)) as added:
                    async for document in added:
                        log.info("a document has vectors now", store=store.id, file=document.id)
                        yield document
            except Exception as error:
                if _will_pass(error):
                    raise
                log.warning("documents have no vectors", store=store.id, reason=str(error))

    async def _take(self, reading: ReadingProcess, key: Key) -> None:
        """Bring one document to its end. Raises `SearchError` where only the database hinders it."""
        document = await self._library.document(*key)
        if document is None or document.status != "in_progress":
            return
        try:
            with suppress(_UnwantedError):
                await self._keep(document, await self._read(reading, document))
        except (SearchError, EngineError, OSError) as error:
            if _will_pass(error):
                raise
            log.warning("a file could not be taken in", file=document.id, reason=str(error))
            await self._fail(document, "server_error", str(error))
        except Exception as error:
            log.exception("a file could not be taken in", file=document.id)
            await self._fail(document, "server_error", f"{type(error).__name__}: {error}")

    async def _read(self, reading: ReadingProcess, document: Document) -> Answer:
        return await reading.read(
            Job(
                path=str(self._library.file_path(document.id)),
                name=document.name,
                rules=document.rules,
                most_bytes=MOST_BYTES,
            )
        )

    async def _keep(self, document: Document, answer: Answer) -> None:
        match answer:
            case Prepared(chunks=chunks):
                vectors = await self._embedded(document, chunks)
                done = msgspec.structs.replace(
                    document,
                    status="completed",
                    title=answer.title,
                    sha256=answer.sha256,
                    bytes=answer.bytes,
                )
                await self._library.finish(done, chunks, vectors)
            case Unreadable(code=code, message=message):
                await self._fail(document, code, f"{document.name} {message}")
            case Gone():
                await self._fail(
                    document, "server_error", "The bytes of the file are not on this server"
                )

    async def _embedded(self, document: Document, chunks: Sequence[Chunk]) -> Vectors | None:
        """The vectors of the chunks, for as long as they are wanted; None without an embedder."""
        parts: list[Vectors] = []
        for start in range(0, len(chunks), CHUNKS_AT_ONCE):
            await self._check_wanted(document)
            part = await self._library.embed(chunks[start : start + CHUNKS_AT_ONCE])
            if part is None:
                return None
            parts.append(part)
        return np.concatenate(parts) if parts else None

    async def _fail(self, document: Document, code: FailureCode, message: str) -> None:
        failure = Failure(code=code, message=message)
        failed = msgspec.structs.replace(document, status="failed", failure=failure)
        await self._library.finish(failed)

    async def _check_wanted(self, document: Document) -> None:
        there = await self._library.document(document.store_id, document.id)
        if there is None or there.status != "in_progress" or there.rules != document.rules:
            raise _UnwantedError


def _will_pass(error: Exception) -> bool:
    return isinstance(error, SearchError) and error.code in PASSING
