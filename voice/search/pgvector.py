"""Vectors searched by the database, where PostgreSQL has the extension pgvector."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from voice.search.database import first_chunk, marks
from voice.search.errors import SearchError
from voice.search.filters import Compiled
from voice.search.postgres_schema import EMBEDDINGS
from voice.search.records import Vectors
from voice.search.store import Found

if TYPE_CHECKING:
    from voice.search.postgres import PostgresDatabase


class PgVector:
    """Implements `VectorIndex`, exactly: no index that would leave out what a filter wants."""

    name = "exact, by pgvector"

    def __init__(self, database: "PostgresDatabase") -> None:
        self._db = database

    @classmethod
    def opened(cls, database: "PostgresDatabase") -> "PgVector | None":
        """With a copy of all vectors there are; None where the extension cannot be had."""
        available = "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"
        if next(database.rows(available), None) is None:
            return None
        try:
            database.run("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        except SearchError as refused:
            if refused.code != "read_only":
                raise
            return None
        index = cls(database)
        with database.transaction():
            database.run("LOCK TABLE vectors IN SHARE ROW EXCLUSIVE MODE")
            for statement in EMBEDDINGS.split(";\n"):
                database.run(statement)
            index._catch_up()
        return index

    def _catch_up(self) -> None:
        """Copy what was kept while the extension was missing."""
        rows = self._db.stream(
            "SELECT v.document, v.vectors, s.dimensions FROM vectors v"
            " JOIN documents d ON d.number = v.document JOIN stores s ON s.id = d.store_id"
            " WHERE NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.document = v.document)"
        )
        for number, vectors, dimensions in rows:
            self.add(number, np.frombuffer(vectors, "<f4").reshape(-1, dimensions))

    def add(self, number: int, vectors: Vectors) -> None:
        self._db.many(
            "INSERT INTO embeddings (chunk, document, embedding) VALUES (?, ?, ?)",
            [
                (chunk_id, number, _written(vector))
                for chunk_id, vector in enumerate(vectors, first_chunk(number))
            ],
        )

    def nearest(
        self, store_id: str, queries: Vectors, wanted: Compiled | None, limit: int
    ) -> list[list[Found]]:
        return [self._nearest(store_id, query, wanted, limit) for query in queries]

    def _nearest(
        self, store_id: str, query: Vectors, wanted: Compiled | None, limit: int
    ) -> list[Found]:
        rows = self._db.rows(
            "SELECT e.chunk, -(e.embedding <#> ?::vector) AS cosine FROM documents d"
            " JOIN embeddings e ON e.document = d.number"
            f" WHERE d.store_id = ? AND {wanted.sql if wanted else 'TRUE'}"
            " ORDER BY cosine DESC, e.chunk LIMIT ?",
            (_written(query), store_id, *(wanted.parameters if wanted else ()), limit),
        )
        return [Found(chunk_id, min(1.0, max(0.0, cosine))) for chunk_id, cosine in rows]

    def similarities(
        self, store_id: str, query: Vectors, chunk_ids: Sequence[int]
    ) -> dict[int, float]:
        if not chunk_ids:
            return {}
        rows = self._db.rows(
            "SELECT e.chunk, -(e.embedding <#> ?::vector) FROM embeddings e"
            " JOIN documents d ON d.number = e.document"
            f" WHERE d.store_id = ? AND e.chunk IN ({marks(chunk_ids)})",
            (_written(query), store_id, *chunk_ids),
        )
        return {chunk_id: min(1.0, max(0.0, cosine)) for chunk_id, cosine in rows}


def _written(vector: Vectors) -> str:
    return str(vector.tolist())
