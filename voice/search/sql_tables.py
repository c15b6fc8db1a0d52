"""What the parts of the records have in common."""

from contextlib import AbstractContextManager
from typing import Self

from voice.search.database import Database, Row, marks
from voice.search.errors import SearchError
from voice.search.records import VectorStore
from voice.search.rows import STORE, read_store


class Tables:
    def __init__(self, database: Database) -> None:
        self._db = database
        self.database = database.name
        self.usual_files = database.usual_files
        self.vector_index = database.vector_index

    def close(self) -> None:
        self._db.close()

    def another(self) -> Self:
        return type(self)(self._db.another())

    def snapshot(self) -> AbstractContextManager[None]:
        return self._db.snapshot()

    def store(self, store_id: str) -> VectorStore | None:
        row = self._one(f"SELECT {STORE} FROM stores WHERE id = ?", store_id)
        return read_store(row) if row else None

    def revision(self) -> int:
        return int(next(self._db.rows("SELECT revision FROM clock"))[0])

    def _advance(self) -> int:
        """The next revision."""
        self._db.run("UPDATE clock SET revision = revision + 1")
        return self.revision()

    def _insert(self, table: str, values: dict[str, object], conflict: str = "") -> None:
        self._db.run(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks(list(values))}) {conflict}",
            list(values.values()),
        )

    def _one(self, sql: str, *parameters: object) -> Row | None:
        return next(self._db.rows(sql, parameters), None)

    def _require_store(self, store_id: str) -> VectorStore:
        store = self.store(store_id)
        if store is None:
            raise SearchError(f"There is no vector store '{store_id}'", "not_found", "store_id")
        return store
