"""The library: documents kept and found, for everything that waits instead of blocking."""

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from time import time
from typing import IO

import msgspec
import structlog

from voice.engines.protocols import Embedder
from voice.search.embedding import chunk_text, embed_texts
from voice.search.errors import SearchError
from voice.search.file_bytes import FileBytes
from voice.search.filters import Compiled, Filter, compile_filter
from voice.search.memory_index import MemoryIndex
from voice.search.opening import open_records
from voice.search.paging import Listing, Page
from voice.search.records import (
    Attributes,
    Chunk,
    Document,
    DocumentStatus,
    File,
    FileBatch,
    Passage,
    Vectors,
    VectorStore,
)
from voice.search.searcher import Questions, Ranking, Reranker, Searcher
from voice.search.store import Expired, Totals
from voice.search.worker import Worker, opened

TOUCH_S = 60
"""How often it is noted at most that a store is in use."""
UPLOADS_AT_ONCE = 4
"""Whose bytes are written; others wait."""
RERANK_DEPTH = 30
"""How many passages a reranker looks at, or as many as are asked for."""

FIRST_PAGE = Page()
BEST_FIRST = Ranking()

log = structlog.get_logger()


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What a library is made of, for people and for checks."""

    database: str
    vectors: str
    """How vectors are searched."""
    embedder: str
    """Its name; empty where only keywords are searched."""
    reranker: str


class Library:
    """All vector stores with their documents, and uploaded files.

    Made by `open_library`. What writes to the database runs in one thread, one thing after the
    other, and what reads in another, so that no search waits for a writer. Every method raises
    `SearchError` where something is wrong with what is asked, or with the database.
    """

    def __init__(
        self,
        writing: Worker,
        reading: Worker,
        files: FileBytes,
        uploads: ThreadPoolExecutor,
        embedder: Embedder | None,
        reranker: Reranker | None,
        now: Callable[[], float],
    ) -> None:
        self.embedder = embedder
        """May be set later, as when its model has been loaded; None searches by keywords alone."""
        self.reranker = reranker
        self._records, self._write = writing.records, writing.run
        self._reader, self._read = reading.records, reading.run
        self._writing = writing
        self._files = files
        self._uploads = uploads
        self._now = now
        self._touching: set[str] = set()
        self._vectors = self._reader.vector_index or MemoryIndex(self._reader)
        self._searcher = Searcher(self._reader, self._vectors)

    def describe(self) -> Description:
        return Description(
            database=self._records.database,
            vectors=self._vectors.name,
            embedder=self.embedder.name if self.embedder else "",
            reranker=self.reranker.name if self.reranker else "",
        )

    # ------------------------------------------------------------ search

    async def search(
        self,
        store_ids: Sequence[str],
        queries: Sequence[str],
        *,
        filters: Filter | None = None,
        limit: int = 10,
        ranking: Ranking = BEST_FIRST,
    ) -> list[Passage]:
        """The passages that fit best, best first; several queries ask for the same.

        Searches by keywords, and by vectors in those stores that have them. Raises `EngineError`
        when the queries cannot be embedded, and `SearchError` for stores that are unknown, have
        expired, or have vectors of another embedder.
        """
        if not store_ids or not queries or limit < 1:
            raise SearchError("A search needs a store, a query and a limit above 0", "invalid")
        if not ranking.keyword_weight and self.embedder is None:
            raise SearchError(
                "There is no embedding model here, so nothing is found by meaning alone: give words"
                " a weight, or fetch a model by `voice pull minilm`",
                "invalid",
                "ranking_options.hybrid_search.text_weight",
            )
        stores = await asyncio.gather(*(self._living_store(each) for each in store_ids))
        embedder, reranker = self.embedder, self.reranker if ranking.rerank else None
        if not any(store.embedder for store in stores) or not ranking.vector_weight:
            embedder = None
        asked = Questions(
            store_ids=list(dict.fromkeys(store_ids)),
            texts=queries,
            vectors=await embed_texts(embedder, queries) if embedder else None,
            embedder=embedder.name if embedder else "",
            wanted=_compiled(filters),
            limit=max(limit, RERANK_DEPTH) if reranker else limit,
            ranking=ranking,
        )
        passages = await self._read(self._searcher.search, asked)
        if reranker is not None:
            passages = await _reranked(reranker, queries, passages)
        self._touch(stores)
        return [each for each in passages[:limit] if each.score >= ranking.score_threshold]

    async def _living_store(self, store_id: str) -> VectorStore:
        store = await self.store(store_id)
        if store is None:
            raise SearchError(
                f"There is no vector store '{store_id}'", "not_found", "vector_store_ids"
            )
        if store.expires_at is not None and store.expires_at <= self._now():
            raise SearchError(
                f"The vector store '{store_id}' has expired", "expired", "vector_store_ids"
            )
        return store

    def _touch(self, stores: Sequence[VectorStore]) -> None:
        """Note the use of stores that expire. No search waits for it, or fails with it."""
        now = int(self._now())
        for store in stores:
            due = store.expires_after_days is not None and now - store.last_active_at >= TOUCH_S
            if due and store.id not in self._touching:
                self._touching.add(store.id)
                self._writing.thread.submit(self._touch_one, store.id, now)

    def _touch_one(self, store_id: str, now: int) -> None:
        try:
            with suppress(SearchError):
                self._records.touch(store_id, now)
        finally:
            self._touching.discard(store_id)

    async def warm(self, store_id: str) -> None:
        """Bring the vectors of a store into memory, so that its first search is as fast as others."""
        await self._read(self._searcher.warm, store_id)

    async def embed(self, chunks: Sequence[Chunk]) -> Vectors | None:
        """The vectors of chunks with their headings; None without an embedder."""
        if self.embedder is None:
            return None
        return await embed_texts(self.embedder, [chunk_text(each) for each in chunks])

    # ------------------------------------------------------------ stores

    async def put_store(self, store: VectorStore) -> None:
        """Create a store; one that is there stays as it is."""
        await self._write(self._records.put_store, store)

    async def change_store(
        self, store_id: str, changes: Mapping[str, object]
    ) -> VectorStore | None:
        """Change some fields of what describes a store; what it is then, or None if it has gone."""
        now = int(self._now())
        return await self._write(self._records.change_store, store_id, changes, now)

    async def store(self, store_id: str) -> VectorStore | None:
        return await self._read(self._reader.store, store_id)

    async def stores(self, page: Page = FIRST_PAGE) -> Listing[VectorStore]:
        return await self._read(self._reader.stores, page)

    async def totals(self, store_id: str) -> Totals:
        """How many documents of which status, chunks and bytes a store holds."""
        return await self._read(self._reader.totals, store_id)

    async def delete_store(self, store_id: str) -> bool:
        """Delete a store with its documents; uploaded files stay. False if there is none."""
        return await self._write(self._records.delete_store, store_id, int(self._now()))

    # ------------------------------------------------------------ documents

    async def put(
        self,
        document: Document,
        chunks: Sequence[Chunk] = (),
        vectors: Vectors | None = None,
        embedder: str | None = None,
    ) -> Document:
        """Put a document with its chunks in its store, in place of one with its id or path.

        Whole or not at all. `vectors` are those of `embed`, or of the embedder that is named.
        """
        name = embedder or (self.embedder.name if self.embedder else "")
        return await self._write(self._records.put, document, chunks, vectors, name)

    async def finish(
        self, document: Document, chunks: Sequence[Chunk] = (), vectors: Vectors | None = None
    ) -> bool:
        """Put what has become of a document in progress: its content and status, or its failure.

        False if it is no longer in progress, is to be cut otherwise, or has gone.
        """
        name = self.embedder.name if self.embedder else ""
        return await self._write(self._records.finish, document, chunks, vectors, name)

    async def add_vectors(
        self, document: Document, vectors: Vectors, embedder: str | None = None
    ) -> bool:
        """Add the vectors of a document kept without. False if it has changed since, or gone."""
        name = embedder or (self.embedder.name if self.embedder else "")
        return await self._write(self._records.add_vectors, document, vectors, name)

    async def drop_vectors(self, store_id: str) -> None:
        """Forget all vectors of a store, to add those of another embedder."""
        await self._write(self._records.drop_vectors, store_id)

    async def without_vectors(self, store_id: str, limit: int = 100) -> list[Document]:
        """Documents whose chunks have no vectors yet."""
        return await self._read(self._reader.without_vectors, store_id, limit)

    async def set_attributes(self, store_id: str, document_id: str, attributes: Attributes) -> bool:
        """Replace the attributes of a document. False if there is none."""
        return await self._write(self._records.set_attributes, store_id, document_id, attributes)

    async def amend(self, document: Document) -> bool:
        """Change what is told of a document, as its path or status; its chunks and vectors stay.

        False if its content has changed since, or it has gone.
        """
        return await self._write(self._records.amend, document)

    async def document(self, store_id: str, document_id: str) -> Document | None:
        return await self._read(self._reader.document, store_id, document_id)

    async def document_at(self, store_id: str, path: str) -> Document | None:
        """The document that was read from a path on this machine."""
        return await self._read(self._reader.document_at, store_id, path)

    async def documents(
        self,
        store_id: str,
        page: Page = FIRST_PAGE,
        status: DocumentStatus | None = None,
        batch_id: str | None = None,
    ) -> Listing[Document]:
        return await self._read(self._reader.documents, store_id, page, status, batch_id)

    async def paths(self, store_id: str) -> list[Document]:
        """All documents that were read from this machine, by their paths."""
        return await self._read(lambda: list(self._reader.paths(store_id)))

    async def chunks(self, store_id: str, document_id: str) -> list[Chunk]:
        """The chunks of a document, in order."""
        return await self._read(self._reader.chunks, store_id, document_id)

    async def delete_document(self, store_id: str, document_id: str) -> bool:
        """Take a document out of a store; the uploaded file stays. False if there is none."""
        now = int(self._now())
        return await self._write(self._records.delete_document, store_id, document_id, now)

    # ------------------------------------------------------------ files

    async def add_file(
        self,
        filename: str,
        purpose: str,
        content: bytes | IO[bytes],
        expires_after_s: int | None = None,
    ) -> File:
        """Keep an uploaded file. What is read from is read in a thread of the library's."""
        readable = io.BytesIO(content) if isinstance(content, bytes) else content
        adding = self._uploads.submit(self._add_file, filename, purpose, readable, expires_after_s)
        return await asyncio.wrap_future(adding)

    def _add_file(
        self, filename: str, purpose: str, content: IO[bytes], expires_after_s: int | None
    ) -> File:
        file_id, now = new_id("file-"), int(self._now())
        size, sha256 = self._files.write(file_id, content)
        file = File(
            id=file_id,
            filename=filename,
            purpose=purpose,
            bytes=size,
            sha256=sha256,
            created_at=now,
            expires_at=None if expires_after_s is None else now + expires_after_s,
        )
        try:
            self._writing.thread.submit(self._records.put_file, file).result()
        except BaseException:
            self._files.delete(file_id)
            raise
        return file

    async def file(self, file_id: str) -> File | None:
        return await self._read(self._reader.file, file_id)

    async def files(self, page: Page = FIRST_PAGE, purpose: str | None = None) -> Listing[File]:
        return await self._read(self._reader.files, page, purpose)

    def file_path(self, file_id: str) -> Path:
        """Where the bytes of a file are, to be read only."""
        return self._files.path(file_id)

    async def delete_file(self, file_id: str) -> bool:
        """Delete a file, and the documents made of it in all stores. False if there is none."""
        return await self._write(self._delete_file, file_id)

    def _delete_file(self, file_id: str) -> bool:
        deleted = self._records.delete_file(file_id, int(self._now()))
        if deleted:
            self._files.delete(file_id)
        return deleted

    # ------------------------------------------------------------ files in stores

    async def attach(
        self,
        documents: Sequence[Document],
        *,
        store: VectorStore | None = None,
        batch: FileBatch | None = None,
    ) -> list[Document]:
        """Put files in a store as documents in progress, all or none.

        With the store, if it is new, and the batch that they are.
        """
        now = int(self._now())
        return await self._write(self._records.attach, documents, now, store=store, batch=batch)

    async def batch(self, store_id: str, batch_id: str) -> FileBatch | None:
        return await self._read(self._reader.batch, store_id, batch_id)

    async def batch_counts(self, store_id: str, batch_id: str) -> dict[DocumentStatus, int]:
        """How many documents of a batch have which status."""
        return await self._read(self._reader.batch_counts, store_id, batch_id)

    async def cancel_batch(self, store_id: str, batch_id: str) -> bool:
        """Cancel a batch, and with it those of its documents that are in progress."""
        return await self._write(self._records.cancel_batch, store_id, batch_id)

    # ------------------------------------------------------------ upkeep

    async def expire(self) -> Expired:
        """Delete files, and the documents of stores, that have outlived their time."""
        return await self._write(self._expire)

    def _expire(self) -> Expired:
        expired = self._records.expire(int(self._now()))
        for file_id in expired.files:
            self._files.delete(file_id)
        return expired

    async def sweep(self) -> list[str]:
        """Delete bytes of which no file is recorded, as after a crash; tells their names."""
        return await self._write(lambda: self._files.sweep(self._records.file_ids(), self._now()))

    async def take_lease(self, name: str, owner: str, seconds: int) -> str:
        """Take or renew a lease, and tell who holds it now: another, if theirs still runs."""
        now = int(self._now())
        return await self._write(self._records.take_lease, name, owner, now, seconds)

    async def drop_lease(self, name: str, owner: str) -> None:
        await self._write(self._records.drop_lease, name, owner)


@asynccontextmanager
async def open_library(
    location: str,
    *,
    files: Path | None = None,
    embedder: Embedder | None = None,
    reranker: Reranker | None = None,
    now: Callable[[], float] = time,
) -> AsyncIterator[Library]:
    """Open a library at the path of an SQLite database or a postgresql:// URL, creating it first.

    The bytes of uploaded files are kept in `files`; by default that is a folder beside the SQLite
    database, and with PostgreSQL one of the user for each database. Raises `SearchError`.
    """
    async with (
        opened("writing", partial(open_records, location)) as writing,
        opened("reading", writing.records.another) as reading,
    ):
        with ThreadPoolExecutor(UPLOADS_AT_ONCE, "uploads") as uploads:
            kept = FileBytes(files or writing.records.usual_files)
            library = Library(writing, reading, kept, uploads, embedder, reranker, now)
            if swept := await library.sweep():
                log.info("swept files that were never recorded", files=len(swept))
            yield library


def new_id(prefix: str) -> str:
    """An id that nobody has: the prefix of its kind, as `file-` or `vs_`, and 24 characters."""
    return prefix + secrets.token_hex(12)


def _compiled(filters: Filter | None) -> Compiled | None:
    return None if filters is None else compile_filter(filters)


async def _reranked(
    reranker: Reranker, queries: Sequence[str], passages: Sequence[Passage]
) -> list[Passage]:
    """The passages by their best score for any query."""
    texts = [chunk_text(each.chunk) for each in passages]
    scores = [await reranker.rerank(query, texts) for query in queries] if texts else []
    judged = [
        msgspec.structs.replace(passage, score=max(each))
        for passage, *each in zip(passages, *scores, strict=False)
    ]
    return sorted(judged, key=lambda passage: -passage.score)
