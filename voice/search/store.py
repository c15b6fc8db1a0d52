"""What the search asks of a database. Everything here blocks, and belongs to one thread."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from voice.search.filters import Compiled
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


class Found(msgspec.Struct, frozen=True):
    """A chunk that was found, and how well it fits: 0 to 1, comparable between searches."""

    chunk_id: int
    relevance: float


class Keywords(msgspec.Struct, frozen=True):
    """What a search for words has found."""

    ranked: list[int]
    """The ids of chunks, best first."""
    coverage: Callable[[Sequence[int]], list[float]]
    """The share of what is asked for that chunks have, by the weight of the words: 0 to 1."""
    asked: bool = True
    """Whether there were words to look for."""


class Change(msgspec.Struct, frozen=True):
    """A document as the vector search needs it, because it is new or has changed."""

    document_id: str
    attributes: Attributes
    chunk_ids: range
    vectors: bytes | None
    """Float32, one row a chunk; None where the document has none."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds."""

    documents: Mapping[DocumentStatus, int]
    chunks: int
    chunks_with_vectors: int
    bytes: int


class Expired(msgspec.Struct, frozen=True, kw_only=True):
    files: list[str]
    stores: list[str]
    """Those whose documents were dropped; the stores themselves stay, as expired ones."""


class VectorIndex(Protocol):
    """Finds the nearest vectors of a store, exactly. Asked within a snapshot of the records."""

    name: str
    """How it does so, for people."""

    def nearest(
        self, store_id: str, queries: Vectors, wanted: Compiled | None, limit: int
    ) -> list[list[Found]]:
        """The best of those documents that pass, for each row of `queries`, best first."""

    def similarities(
        self, store_id: str, query: Vectors, chunk_ids: Sequence[int]
    ) -> dict[int, float]:
        """How near some chunks are, 0 to 1; those without vectors, or of other stores, are left out."""


class Records(Protocol):
    """Vector stores, files, documents and their chunks.

    Each method is one transaction: afterwards all of it is there, or none. Raises `SearchError`
    where the database cannot do it, having changed nothing.
    """

    database: str
    """What it is, for people."""
    usual_files: Path
    """Where uploaded files are kept if nobody says: a folder that no other database has."""
    vector_index: VectorIndex | None
    """The database's own search for vectors; None leaves it to the process."""

    def close(self) -> None: ...

    def another(self) -> "Records":
        """The same records by a connection of its own, for another thread."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Within it everything read is of one moment."""

    # ------------------------------------------------------------ stores

    def put_store(self, store: VectorStore) -> None:
        """Create a store; one that is there stays as it is."""

    def change_store(
        self, store_id: str, changes: Mapping[str, object], now: int
    ) -> VectorStore | None:
        """Change some fields of what describes a store, which is a use of it. None if there is none."""

    def store(self, store_id: str) -> VectorStore | None: ...

    def stores(self, page: Page) -> Listing[VectorStore]: ...

    def delete_store(self, store_id: str, now: int) -> bool:
        """Delete a store with all documents in it. False if there is none."""

    def touch(self, store_id: str, now: int) -> None:
        """Note that the store was used."""

    def totals(self, store_id: str) -> Totals: ...

    # ------------------------------------------------------------ files

    def put_file(self, file: File) -> None: ...

    def file(self, file_id: str) -> File | None: ...

    def files(self, page: Page, purpose: str | None = None) -> Listing[File]: ...

    def file_ids(self) -> set[str]: ...

    def delete_file(self, file_id: str, now: int) -> bool:
        """Delete a file, and the documents made of it in all stores. False if there is none."""

    # ------------------------------------------------------------ documents

    def put(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        vectors: Vectors | None,
        embedder: str,
    ) -> Document:
        """Put a document in its store, in place of one with the same id or path.

        Gives it as it was kept: with its number of chunks. Raises `SearchError` when the store is
        unknown, or has vectors of another embedder or other dimensions.
        """

    def finish(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        vectors: Vectors | None,
        embedder: str,
    ) -> bool:
        """Put what has become of a document in progress: its content and status, or its failure.

        False if it is no longer in progress, is to be cut otherwise, or has gone.
        """

    def add_vectors(self, document: Document, vectors: Vectors, embedder: str) -> bool:
        """Add the vectors of a document kept without. False if it has changed since, or gone."""

    def drop_vectors(self, store_id: str) -> None:
        """Forget all vectors of a store and whose they were, so that others can be added."""

    def set_attributes(self, store_id: str, document_id: str, attributes: Attributes) -> bool:
        """Replace the attributes of a document. False if there is none."""

    def amend(self, document: Document) -> bool:
        """Change the name, path, title, time, attributes and status of a document, not its chunks.

        What else has this path goes. False if the content has changed since, or has gone.
        """

    def document(self, store_id: str, document_id: str) -> Document | None: ...

    def document_at(self, store_id: str, path: str) -> Document | None: ...

    def documents(
        self,
        store_id: str,
        page: Page,
        status: DocumentStatus | None = None,
        batch_id: str | None = None,
    ) -> Listing[Document]: ...

    def paths(self, store_id: str) -> Iterator[Document]:
        """All documents that were read from this machine, by their paths."""

    def without_vectors(self, store_id: str, limit: int) -> list[Document]:
        """Documents with chunks that have no vectors."""

    def delete_document(self, store_id: str, document_id: str, now: int) -> bool: ...

    def chunks(self, store_id: str, document_id: str) -> list[Chunk]:
        """The chunks of a document, in order."""

    # ------------------------------------------------------------ files in stores

    def attach(
        self,
        documents: Sequence[Document],
        now: int,
        *,
        store: VectorStore | None = None,
        batch: FileBatch | None = None,
    ) -> list[Document]:
        """Put files in a store as documents in progress, which is a use of it: all or none.

        With the store, if it is new, and the batch that they are. Raises `SearchError` for a store
        or a file that has gone.
        """

    def batch(self, store_id: str, batch_id: str) -> FileBatch | None: ...

    def batch_counts(self, store_id: str, batch_id: str) -> dict[DocumentStatus, int]:
        """How many documents of a batch have which status."""

    def cancel_batch(self, store_id: str, batch_id: str) -> bool:
        """Cancel a batch, and with it those of its documents that are in progress."""

    # ------------------------------------------------------------ search

    def revision(self) -> int:
        """A number that grows with every change of documents, by any process."""

    def changes(self, store_id: str, since: int) -> Iterator[Change]:
        """The documents of a store that are new, or have changed, since a revision."""

    def document_ids(self, store_id: str) -> set[str]: ...

    def document_count(self, store_id: str) -> int: ...

    def keywords(
        self, store_ids: Sequence[str], words: Sequence[str], wanted: Compiled | None, limit: int
    ) -> Keywords:
        """The chunks that fit plain words best, of those documents that pass."""

    def passages(self, found: Sequence[Found]) -> list[Passage]:
        """What was found, in the same order, without what has gone since."""

    # ------------------------------------------------------------ upkeep

    def expire(self, now: int) -> Expired:
        """Delete what has outlived its time."""

    def take_lease(self, name: str, owner: str, now: int, seconds: int) -> str:
        """Take or renew a lease, and tell who holds it now: another, if theirs still runs."""

    def drop_lease(self, name: str, owner: str) -> None: ...
