"""Exact search over the vectors of a store, in memory."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from voice.search.filters import Compiled
from voice.search.records import Attributes, Vectors
from voice.search.store import Change, Found

BLOCK_ROWS = 4096
"""Of one array: what grows is their number, so nothing is ever copied to grow."""

_NOWHERE = -1

Rows = NDArray[np.int64]


class _Entry:
    """A document in the matrix: the rows its chunks have, which may be none."""

    def __init__(self, attributes: Attributes, rows: Rows) -> None:
        self.attributes = attributes
        self.rows = rows


class Matrix:
    """The vectors of one store's chunks, as of one revision of its records.

    Rows stand in blocks of a fixed size; those of a document that has gone are given to the next.
    """

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.revision = 0
        self._blocks: list[Vectors] = []
        self._used = 0
        self._free: list[int] = []
        self._chunk_ids = np.empty(0, np.int64)
        self._slots = np.empty(0, np.int32)
        self._entries: list[_Entry | None] = []
        self._slot_of: dict[str, int] = {}

    def __len__(self) -> int:
        """How many documents there are."""
        return len(self._slot_of)

    @property
    def bytes(self) -> int:
        vectors = sum(block.nbytes for block in self._blocks)
        return vectors + self._chunk_ids.nbytes + self._slots.nbytes

    # ------------------------------------------------------------ changes

    def apply(self, change: Change) -> None:
        """Put a document in, in place of what it was."""
        self.remove(change.document_id)
        slot = self._vacant_slot()
        rows = np.empty(0, np.int64)
        if change.vectors is not None:
            vectors = np.frombuffer(change.vectors, "<f4").reshape(-1, self.dimensions)
            rows = self._place(vectors, change.chunk_ids, slot)
        self._entries[slot] = _Entry(change.attributes, rows)
        self._slot_of[change.document_id] = slot

    def keep_only(self, document_ids: set[str]) -> None:
        for gone in self._slot_of.keys() - document_ids:
            self.remove(gone)

    def remove(self, document_id: str) -> None:
        slot = self._slot_of.pop(document_id, None)
        if slot is None:
            return
        entry = self._entries[slot]
        assert entry is not None  # noqa: S101 - a slot that is pointed to is taken
        self._slots[entry.rows] = _NOWHERE
        self._free.extend(entry.rows.tolist())
        self._entries[slot] = None

    def _vacant_slot(self) -> int:
        if len(self._entries) > 2 * len(self._slot_of) + 64:
            self._close_ranks()
        self._entries.append(None)
        return len(self._entries) - 1

    def _close_ranks(self) -> None:
        """Number the documents anew, without those that have gone."""
        order = {document_id: n for n, document_id in enumerate(self._slot_of)}
        entries = [self._entries[slot] for slot in self._slot_of.values()]
        for slot, entry in enumerate(entries):
            if entry is not None:
                self._slots[entry.rows] = slot
        self._entries, self._slot_of = entries, order

    def _place(self, vectors: Vectors, chunk_ids: range, slot: int) -> Rows:
        rows = np.fromiter(self._vacant_rows(len(vectors)), np.int64, len(vectors))
        for row, vector in zip(rows.tolist(), vectors, strict=True):
            self._blocks[row // BLOCK_ROWS][row % BLOCK_ROWS] = vector
        self._chunk_ids[rows] = chunk_ids
        self._slots[rows] = slot
        return rows

    def _vacant_rows(self, wanted: int) -> list[int]:
        reused = [self._free.pop() for _ in range(min(wanted, len(self._free)))]
        first, self._used = self._used, self._used + wanted - len(reused)
        while self._used > len(self._blocks) * BLOCK_ROWS:
            self._blocks.append(np.empty((BLOCK_ROWS, self.dimensions), np.float32))
        if self._used > len(self._slots):
            more = len(self._blocks) * BLOCK_ROWS - len(self._slots)
            self._chunk_ids = np.append(self._chunk_ids, np.zeros(more, np.int64))
            self._slots = np.append(self._slots, np.full(more, _NOWHERE, np.int32))
        return [*reused, *range(first, self._used)]

    # ------------------------------------------------------------ search

    def nearest(self, queries: Vectors, wanted: Compiled | None, limit: int) -> list[list[Found]]:
        """The chunks with the highest cosine to each query, best first."""
        if not self._used:
            return [[] for _ in queries]
        scores = self._scores(queries)
        if wanted is not None or self._free:
            scores[:, ~self._passing(wanted)] = -np.inf
        return [self._best(each, limit) for each in scores]

    def _scores(self, queries: Vectors) -> Vectors:
        """(queries, rows): one number a row and query; the vectors are not copied."""
        scores = np.empty((len(queries), self._used), np.float32)
        for first, block in self._filled():
            scores[:, first : first + len(block)] = queries @ block.T
        return scores

    def _filled(self) -> Iterator[tuple[int, Vectors]]:
        for first in range(0, self._used, BLOCK_ROWS):
            yield first, self._blocks[first // BLOCK_ROWS][: self._used - first]

    def _passing(self, wanted: Compiled | None) -> NDArray[np.bool_]:
        """Which rows belong to a document that passes the filter."""
        slots = self._slots[: self._used]
        if wanted is None:
            taken: NDArray[np.bool_] = slots != _NOWHERE
            return taken
        matches = wanted.matches
        passing = [entry is not None and matches(entry.attributes) for entry in self._entries]
        return np.array([*passing, False])[slots]  # the last is that of free rows

    def similarities(self, query: Vectors, chunk_ids: Sequence[int]) -> dict[int, float]:
        """The cosine of some chunks to a query, of those that are here."""
        here = np.isin(self._chunk_ids[: self._used], chunk_ids)
        rows = np.flatnonzero(here & self._passing(None))
        return {
            int(self._chunk_ids[row]): _relevance(
                self._blocks[row // BLOCK_ROWS][row % BLOCK_ROWS] @ query
            )
            for row in rows.tolist()
        }

    def _best(self, scores: NDArray[np.float32], limit: int) -> list[Found]:
        if limit < len(scores):
            rows = np.argpartition(scores, len(scores) - limit)[-limit:]
        else:
            rows = np.arange(len(scores))
        ranked: Sequence[int] = rows[np.lexsort((self._chunk_ids[rows], -scores[rows]))].tolist()
        return [
            Found(int(self._chunk_ids[row]), _relevance(scores[row]))
            for row in ranked
            if scores[row] > -np.inf
        ]


def _relevance(cosine: np.float32) -> float:
    """Vectors that point away from each other have no more to do with each other than any."""
    return min(1.0, max(0.0, float(cosine)))
