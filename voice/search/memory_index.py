"""The vectors of the stores that are searched, kept in memory and up to date."""

from collections import OrderedDict
from collections.abc import Sequence

from voice.search.filters import Compiled
from voice.search.matrix import Matrix
from voice.search.records import Vectors
from voice.search.store import Found, Records

MAX_BYTES = 1 << 30
"""Of all matrices together; those not searched for longest go first, the last one never."""


class MemoryIndex:
    """Implements `VectorIndex`, reading from the records what has changed before each search."""

    name = "exact, in memory"

    def __init__(self, records: Records, max_bytes: int = MAX_BYTES) -> None:
        self._records = records
        self._max_bytes = max_bytes
        self._matrices: OrderedDict[str, Matrix] = OrderedDict()

    @property
    def bytes(self) -> int:
        return sum(matrix.bytes for matrix in self._matrices.values())

    def nearest(
        self, store_id: str, queries: Vectors, wanted: Compiled | None, limit: int
    ) -> list[list[Found]]:
        return self._current(store_id, queries.shape[1]).nearest(queries, wanted, limit)

    def similarities(
        self, store_id: str, query: Vectors, chunk_ids: Sequence[int]
    ) -> dict[int, float]:
        return self._current(store_id, len(query)).similarities(query, chunk_ids)

    def _current(self, store_id: str, dimensions: int) -> Matrix:
        """The matrix of a store as its records are now, and room for it."""
        matrix = self._matrices.get(store_id)
        if matrix is None or matrix.dimensions != dimensions:
            matrix = Matrix(dimensions)
        revision = self._records.revision()
        if revision != matrix.revision:
            self._refresh(matrix, store_id)
            matrix.revision = revision
        self._matrices[store_id] = matrix
        self._matrices.move_to_end(store_id)
        while len(self._matrices) > 1 and self.bytes > self._max_bytes:
            self._matrices.popitem(last=False)
        return matrix

    def _refresh(self, matrix: Matrix, store_id: str) -> None:
        for change in self._records.changes(store_id, matrix.revision):
            matrix.apply(change)
        # What was deleted left nothing to read: it shows as one too many.
        if len(matrix) != self._records.document_count(store_id):
            matrix.keep_only(self._records.document_ids(store_id))
