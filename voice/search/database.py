"""What SQLite and PostgreSQL do each in their way, below the tables they share."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, Self

import msgspec

from voice.search.filters import Compiled
from voice.search.records import Chunk, Vectors
from voice.search.store import VectorIndex

Row = tuple[Any, ...]

CHUNK_BITS = 20
"""A chunk's id is its document's number, and its place in the document in these lower bits. Both
are never given twice, so an id that was found is of what was found, or of nothing any more."""


STORE_NUMBER = (
    "(SELECT s.place FROM documents d JOIN stores s ON s.id = d.store_id WHERE d.number = ?)"
)
"""By which the index of words knows the store of a document."""


class Scope(msgspec.Struct, frozen=True):
    """The stores in which words are looked for."""

    store_ids: Sequence[str]
    numbers: Sequence[int]
    """Theirs, where the index is to look into no others; empty where those are hardly any."""


class Database(Protocol):
    """A connection. SQL is what both understand, with `?` for parameters."""

    name: str
    usual_files: Path
    """A folder for uploaded files that no other database has."""
    vector_index: VectorIndex | None

    def close(self) -> None: ...

    def another(self) -> Self:
        """Another connection to the same."""

    def transaction(self) -> AbstractContextManager[None]:
        """Write all of it or nothing; no other transaction writes meanwhile."""

    def snapshot(self) -> AbstractContextManager[None]: ...

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Row]: ...

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Execute, and tell how many rows it changed."""

    def stream(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Row]:
        """As `rows`, for more than should be in memory at once; within a snapshot."""

    def add_chunks(self, number: int, chunks: Sequence[Chunk]) -> None: ...

    def add_vectors(self, number: int, vectors: Vectors) -> None:
        """Keep the vectors of a document's chunks, in place of those it had."""

    def count_holders(self, scope: Scope, word: str, limit: int) -> int:
        """How many chunks have a word, those of hardly any others included; at most the limit."""

    def holders_among(self, word: str, chunk_ids: Sequence[int]) -> set[int]:
        """Those of some chunks that have a word."""

    def ranked(
        self,
        scope: Scope,
        telling: Mapping[str, float],
        others: Mapping[str, float],
        wanted: Compiled | None,
        limit: int,
    ) -> list[int]:
        """The ids of the chunks that fit words best, each by its weight, best first.

        Only those with one of the `telling` words are looked at.
        """


def first_chunk(number: int) -> int:
    return number << CHUNK_BITS


def marks(of: Sequence[object]) -> str:
    """As many `?` as there are values."""
    return ", ".join("?" for _ in of)
