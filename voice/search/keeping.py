"""Puts documents that were read into a library, with the vectors of their chunks."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from voice.engines.protocols import EngineError
from voice.search.errors import SearchError
from voice.search.library import Library
from voice.search.paging import MAX_LIMIT, Page
from voice.search.records import Chunk, Document, Failure, Vectors, VectorStore

CHUNKS_AT_ONCE = 32
"""How many are embedded between two reports of progress."""
MOST_FAILURES = 3
"""So many documents one after the other that cannot be embedded say that none can be."""
FEW = 50
OUT_OF_DATE = "what is found is of the time before it was changed"


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that was read, and whom to tell of it."""

    document: Document
    chunks: list[Chunk]
    advance: Callable[[float], None]
    """Takes shares of 1."""
    finish: Callable[[str], None]
    """Takes the reason where it was not kept as it is, but as one that failed."""


async def every_store(library: Library) -> AsyncIterator[VectorStore]:
    """All vector stores, the oldest first."""
    after = None
    while True:
        listing = await library.stores(Page(after=after, limit=MAX_LIMIT, order="asc"))
        for store in listing.items:
            yield store
        if not listing.has_more:
            return
        after = listing.items[-1].id


class Keeper:
    """Embeds and puts documents; one that cannot be embedded or kept is put as failed."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._failures = 0

    async def keep(self, batch: Sequence[Ready]) -> None:
        """Raises `EngineError` when it seems that nothing can be embedded, and `SearchError`."""
        try:
            vectors = await self._embed(batch)
        except EngineError as error:
            if len(batch) == 1:
                self._count_failure(error)
                await self._fail(batch[0], f"cannot be embedded: {error}")
                return
            for ready in batch:
                await self.keep([ready])
            return
        self._failures = 0
        for ready, rows in zip(batch, vectors, strict=True):
            if reason := await self._put(ready.document, ready.chunks, rows):
                await self._fail(ready, reason)
            else:
                ready.finish("")

    async def add_missing(self, store_id: str) -> AsyncGenerator[Document, None]:
        """Add the vectors of documents kept without, and give those that have them now."""
        left: set[str] = set()
        while self._library.embedder is not None:
            found = await self._library.without_vectors(store_id, FEW + len(left))
            found = [document for document in found if document.id not in left]
            if not found:
                return
            for document in found:
                if await self._add_vectors(document):
                    yield document
                else:
                    left.add(document.id)

    async def _add_vectors(self, document: Document) -> bool:
        chunks = await self._library.chunks(document.store_id, document.id)
        ready = Ready(document, chunks, lambda _: None, lambda _: None)
        try:
            (vectors,) = await self._embed([ready])
        except EngineError as error:
            self._count_failure(error)
            return False
        self._failures = 0
        return vectors is not None and await self._library.add_vectors(document, vectors)

    async def _embed(self, batch: Sequence[Ready]) -> list[Vectors | None]:
        """The vectors of each document; None without an embedder."""
        owned = [(ready, chunk) for ready in batch for chunk in ready.chunks]
        parts: list[Vectors] = []
        for start in range(0, len(owned), CHUNKS_AT_ONCE):
            some = owned[start : start + CHUNKS_AT_ONCE]
            part = await self._library.embed([chunk for _, chunk in some])
            if part is None:
                return [None] * len(batch)
            parts.append(part)
            for ready, _ in some:
                ready.advance(1 / len(ready.chunks))
        ends = np.cumsum([len(ready.chunks) for ready in batch])
        return list(np.split(np.concatenate(parts), ends[:-1]))

    async def _put(
        self, document: Document, chunks: Sequence[Chunk] = (), vectors: Vectors | None = None
    ) -> str:
        """Why a document cannot be kept; empty where it is."""
        try:
            await self._library.put(document, chunks, vectors)
        except SearchError as error:
            if error.code != "invalid":
                raise
            return f"cannot be kept: {error}"
        return ""

    async def _fail(self, ready: Ready, reason: str) -> None:
        """Where even the failure cannot be kept it is only told."""
        if not await self._keep_old(ready.document, reason):
            await self._put(_failed(ready.document, reason))
        ready.finish(reason)

    async def _keep_old(self, document: Document, reason: str) -> bool:
        """Whether what it said before could be left to be found, marked as out of date."""
        old = await self._library.document(document.store_id, document.id)
        if old is None or not old.chunk_count:
            return False
        return await self._library.amend(_failed(old, f"{reason}; {OUT_OF_DATE}"))

    def _count_failure(self, error: EngineError) -> None:
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            raise error


def _failed(document: Document, reason: str) -> Document:
    failure = Failure(code="server_error", message=reason)
    return msgspec.structs.replace(document, status="failed", failure=failure)
