"""The records in an SQLite file."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from voice.search.database import CHUNK_BITS, STORE_NUMBER, Row, Scope, first_chunk, marks
from voice.search.errors import SearchError, Trouble
from voice.search.filters import Compiled
from voice.search.records import Chunk, Vectors
from voice.search.rows import heading_lines, keepable, keepable_values
from voice.search.sql_records import SqlRecords
from voice.search.sqlite_schema import MIGRATIONS, STORE_MARK
from voice.search.store import VectorIndex

APPLICATION_ID = 0x496E4676
"""Stands in the file, and says whose it is."""
BUSY_MS = 10_000
"""How long to wait for another process that writes; a document takes milliseconds."""
CACHE_KIB = 16_384


class SqliteDatabase:
    """Implements `Database`. A file that may only be read is opened for that, and says so."""

    vector_index: VectorIndex | None = None

    def __init__(self, path: Path) -> None:
        self.name = f"SQLite at {path}"
        self.usual_files = path.with_name(f"{path.name}.files")
        self._path = path
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or os.access(path, os.W_OK):
                self._connection = self._prepared("mode=rwc", _migrate)
            else:
                self.name += ", which may only be read"
                self._connection = self._open_to_read()

    def _open_to_read(self) -> sqlite3.Connection:
        try:
            return self._prepared("mode=ro", _check)
        except sqlite3.OperationalError:
            # Even to read, SQLite wants to write beside a file that nobody has open.
            return self._prepared("mode=ro&immutable=1", _check)

    def _prepared(
        self, mode: str, prepare: Callable[[sqlite3.Connection, Path], None]
    ) -> sqlite3.Connection:
        connection = self._connect(mode)
        try:
            prepare(connection, self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?{mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        return connection

    def close(self) -> None:
        self._connection.close()

    def another(self) -> "SqliteDatabase":
        return SqliteDatabase(self._path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with _explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            with self._ended():
                yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with _explained(self._path):
            self._connection.execute("BEGIN")
            with self._ended():
                yield

    @contextmanager
    def _ended(self) -> Iterator[None]:
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite itself rolls back when the disk is full.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Row]:
        with _explained(self._path):
            yield from self._connection.execute(sql, keepable_values(parameters))

    stream = rows

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        with _explained(self._path):
            return self._connection.execute(sql, keepable_values(parameters)).rowcount

    def add_chunks(self, number: int, chunks: Sequence[Chunk]) -> None:
        with _explained(self._path):
            self._connection.executemany(
                "INSERT INTO chunks (id, document, start_at, end_at, headings, text, store)"
                f" VALUES (?, ?, ?, ?, ?, ?, char({STORE_MARK}) || {STORE_NUMBER})",
                (
                    (
                        chunk_id,
                        number,
                        each.start,
                        each.end,
                        heading_lines(each),
                        keepable(each.text),
                        number,
                    )
                    for chunk_id, each in enumerate(chunks, first_chunk(number))
                ),
            )

    def add_vectors(self, number: int, vectors: Vectors) -> None:
        self.run(
            "INSERT INTO vectors (document, vectors) VALUES (?, ?)"
            " ON CONFLICT (document) DO UPDATE SET vectors = excluded.vectors",
            (number, vectors.astype("<f4", copy=False).tobytes()),
        )

    def count_holders(self, scope: Scope, word: str, limit: int) -> int:
        rows = self.rows(
            "SELECT count(*) FROM (SELECT 1 FROM keywords WHERE keywords MATCH ? LIMIT ?)",
            (_within(scope, [word]), limit),
        )
        return int(next(rows)[0])

    def holders_among(self, word: str, chunk_ids: Sequence[int]) -> set[int]:
        rows = self.rows(
            f"SELECT rowid FROM keywords WHERE keywords MATCH ? AND rowid IN ({marks(chunk_ids)})",
            (_quoted(word), *chunk_ids),
        )
        return {row[0] for row in rows}

    def ranked(
        self,
        scope: Scope,
        telling: Mapping[str, float],
        others: Mapping[str, float],
        wanted: Compiled | None,
        limit: int,
    ) -> list[int]:
        # The index weighs words by itself: by how many chunks have them.
        asked = [telling, {**telling, **others}] if others else [telling]
        # The index is read by rank from the best on, and stops as soon as enough have passed.
        rows = self.rows(
            f"SELECT k.rowid FROM keywords k"
            f" CROSS JOIN documents d ON d.number = k.rowid >> {CHUNK_BITS}"
            f" WHERE k.keywords MATCH ? AND d.store_id IN ({marks(scope.store_ids)})"
            f" AND {wanted.sql if wanted else 'TRUE'} ORDER BY k.rank LIMIT ?",
            (
                _within(scope, *asked),
                *scope.store_ids,
                *(wanted.parameters if wanted else ()),
                limit,
            ),
        )
        return [row[0] for row in rows]


def open_sqlite(path: Path) -> SqlRecords:
    """Open a database, creating or migrating it first. Raises `SearchError`."""
    return SqlRecords(SqliteDatabase(path))


def _within(scope: Scope, *asked: Iterable[str]) -> str:
    """A question to the index for what has, of each of some lists of words, one."""
    stores = [f"{chr(STORE_MARK)}{number}" for number in scope.numbers]
    needed = [stores, *asked] if stores else asked
    return " AND ".join(f"({' OR '.join(map(_quoted, words))})" for words in needed)


def _quoted(word: str) -> str:
    """A word as a string of the index's query language, in which nothing has a meaning."""
    return '"' + word.replace('"', '""') + '"'


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to those of today."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if _version(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited.
        version = _version(connection, path)
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection, path) < len(MIGRATIONS):
        raise SearchError(
            f"{path} is of an older version and may not be written to; make it writable once",
            "read_only",
        )


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """How many of the migrations were made. Raises `SearchError` for a database that is not ours."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and tables:
        raise SearchError(f"{path} is a database of another program; name another file", "broken")
    if version > len(MIGRATIONS):
        raise SearchError(
            f"{path} was made by a newer version of this program; update this one", "broken"
        )
    return int(version)


_TROUBLES: dict[str, tuple[Trouble, str]] = {
    "SQLITE_FULL": ("full", "The disk is full; nothing was changed in {}"),
    "SQLITE_READONLY": (
        "read_only",
        "{} may only be read; give this user the right to write to it",
    ),
    "SQLITE_CANTOPEN": ("unreachable", "{} cannot be opened; is its folder there, and writable?"),
    "SQLITE_BUSY": ("busy", "Another process writes to {} all the time; try again"),
    "SQLITE_NOTADB": ("broken", "{} is no database; name another file"),
    "SQLITE_CORRUPT": ("broken", "{} is damaged; move it away and index again"),
    "SQLITE_IOERR": ("unreachable", "{} cannot be read or written; look at its disk"),
}


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What SQLite says, said for people."""
    try:
        yield
    except sqlite3.Error as error:
        for name, (code, message) in _TROUBLES.items():
            if _is(error, name):
                raise SearchError(message.format(path), code) from error
        raise
    except OSError as error:
        raise SearchError(f"{path} cannot be opened: {error.strerror}", "unreachable") from error


def _is(error: sqlite3.Error, *names: str) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(names)
