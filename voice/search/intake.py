"""Takes uploaded files into their stores, one after the other, in the background.

What is in progress is in the library; after a restart it is gone on with.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import time

import msgspec
import numpy as np
import structlog

from voice.engines.protocols import EngineError
from voice.search.errors import SearchError
from voice.search.keeping import CHUNKS_AT_ONCE, Keeper, every_store
from voice.search.library import Library
from voice.search.paging import MAX_LIMIT, Page
from voice.search.prepared import Answer, Gone, Job, Prepared, Unreadable
from voice.search.reading import ReadingProcess
from voice.search.records import (
    Attributes,
    Chunk,
    Document,
    Failure,
    FailureCode,
    Vectors,
    VectorStore,
)

log = structlog.get_logger()

MOST_BYTES = 512 << 20
"""Of one file, as OpenAI takes."""

Key = tuple[str, str]
"""Of a store and a document in it."""


class _UnwantedError(Exception):
    """A document has gone or was cancelled, or is to be cut otherwise: then its turn comes again."""


class Intake:
    """Reads, cuts and embeds the documents of a library that are in progress, while it runs."""

    def __init__(self, library: Library, now: Callable[[], float] = time) -> None:
        self._library = library
        self._now = now
        self._waiting: deque[Key] = deque()
        """As many as the library has in progress; names only."""
        self._arrived = asyncio.Event()
        self._keeping = asyncio.Lock()
        """Nothing is changed, deleted or cancelled between the last look at a document and its keeping."""

    async def add(self, document: Document) -> Document:
        """Put a document in progress in its store; what is there of the same file goes."""
        async with self._keeping:
            kept = await self._library.put(document)
        self._await_turn((document.store_id, document.id))
        return kept

    async def remove(self, store_id: str, document_id: str) -> bool:
        """Take a document out of its store. False if there is none."""
        async with self._keeping:
            return await self._library.delete_document(store_id, document_id)

    async def delete_file(self, file_id: str) -> bool:
        """Delete a file, and the documents made of it in all stores. False if there is none."""
        async with self._keeping:
            return await self._library.delete_file(file_id)

    async def set_attributes(self, store_id: str, document_id: str, attributes: Attributes) -> bool:
        """Replace the attributes of a document. False if there is none."""
        async with self._keeping:
            return await self._library.set_attributes(store_id, document_id, attributes)

    async def cancel(self, store_id: str, batch_id: str) -> bool:
        """Cancel a batch and what is in progress of it. False if there is none."""
        async with self._keeping:
            return await self._library.cancel_batch(store_id, batch_id)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._find_unfinished()
        async with ReadingProcess() as reading:
            while True:
                while not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
                await self._take(reading, self._waiting.popleft())

    def _await_turn(self, key: Key) -> None:
        self._waiting.append(key)
        self._arrived.set()

    async def _find_unfinished(self) -> None:
        """What was in progress when the server ended, if it did."""
        async for store in every_store(self._library):
            await self._find_in(store.id)
            await self._add_missing(store)

    async def _find_in(self, store_id: str) -> None:
        after = None
        while True:
            asked = Page(after=after, limit=MAX_LIMIT, order="asc")
            page = await self._library.documents(store_id, asked, "in_progress")
            for document in page.items:
                if not document.path:
                    self._await_turn((store_id, document.id))
            if not page.has_more:
                return
            after = page.items[-1].id

    async def _add_missing(self, store: VectorStore) -> None:
        """Embed what was kept while there was no embedder."""
        embedder = self._library.embedder
        if embedder is None or store.embedder not in {"", embedder.name}:
            return
        try:
            added = [each.id async for each in Keeper(self._library).add_missing(store.id)]
        except (SearchError, EngineError) as error:
            log.warning("documents have no vectors", store=store.id, reason=str(error))
        else:
            if added:
                log.info("documents have vectors now", store=store.id, documents=len(added))

    async def _take(self, reading: ReadingProcess, key: Key) -> None:
        """Bring one document to its end, whatever happens."""
        document = await self._library.document(*key)
        if document is None or document.status != "in_progress":
            return
        with suppress(_UnwantedError):
            try:
                await self._keep(document, await self._read(reading, document))
            except SearchError as error:
                await self._fail(document, "server_error", str(error))
            except (EngineError, OSError) as error:
                log.warning("a file could not be taken in", file=document.id, reason=str(error))
                await self._fail(document, "server_error", str(error))

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
                async with self._keeping:
                    done = msgspec.structs.replace(
                        await self._wanted(document),
                        status="completed",
                        title=answer.title,
                        sha256=answer.sha256,
                        bytes=answer.bytes,
                    )
                    await self._library.put(done, chunks, vectors)
            case Unreadable(code=code, message=message):
                await self._fail(document, code, f"{document.name} {message}")
            case Gone():
                await self._fail(document, "server_error", "The bytes of the file are gone")

    async def _embedded(self, document: Document, chunks: Sequence[Chunk]) -> Vectors | None:
        """The vectors of the chunks, for as long as they are wanted; None without an embedder."""
        parts: list[Vectors] = []
        for start in range(0, len(chunks), CHUNKS_AT_ONCE):
            await self._wanted(document)
            part = await self._library.embed(chunks[start : start + CHUNKS_AT_ONCE])
            if part is None:
                return None
            parts.append(part)
        return np.concatenate(parts) if parts else None

    async def _fail(self, document: Document, code: FailureCode, message: str) -> None:
        failure = Failure(code=code, message=message)
        try:
            async with self._keeping:
                there = await self._wanted(document)
                failed = msgspec.structs.replace(there, status="failed", failure=failure)
                await self._library.put(failed)
        except SearchError as error:
            # It stays in progress, and is tried again at the next start.
            log.warning("a failure could not be kept", file=document.id, reason=str(error))

    async def _wanted(self, document: Document) -> Document:
        """The document as it is kept now, whose attributes may be others. Raises `_UnwantedError`."""
        there = await self._library.document(document.store_id, document.id)
        if there is None or there.status != "in_progress" or there.rules != document.rules:
            raise _UnwantedError
        return there
