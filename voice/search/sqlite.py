"""The records in an SQLite file."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from voice.search.database import CHUNK_BITS, Row, first_chunk, marks
from voice.search.errors import SearchError, Trouble
from voice.search.filters import Compiled
from voice.search.records import Chunk, Vectors
from voice.search.rows import heading_lines, keepable, keepable_values
from voice.search.sql_records import SqlRecords
from voice.search.sqlite_schema import MIGRATIONS
from voice.search.store import VectorIndex

BUSY_MS = 10_000
"""How long to wait for another process that writes; a document takes milliseconds."""
CACHE_KIB = 16_384


class SqliteDatabase:
    """Implements `Database`. A file that may only be read is opened for that, and says so."""

    vector_index: VectorIndex | None = None

    def __init__(self, path: Path) -> None:
        self.name = f"SQLite at {path}"
        self._path = path
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            return _prepared(self._connect("rwc"), self._path)
        except sqlite3.OperationalError as error:
            if not _is(error, "SQLITE_READONLY", "SQLITE_CANTOPEN") or not self._path.exists():
                raise
            return _prepared(self._connect("ro"), self._path, writable=False)

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
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
                "INSERT INTO chunks (id, document, start_at, end_at, headings, text)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (
                        chunk_id,
                        number,
                        each.start,
                        each.end,
                        heading_lines(each),
                        keepable(each.text),
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

    def holders(self, word: str, limit: int) -> list[int]:
        rows = self.rows(
            "SELECT rowid FROM keywords WHERE keywords MATCH ? LIMIT ?", (_quoted(word), limit)
        )
        return [row[0] for row in rows]

    def ranked(
        self,
        store_ids: Sequence[str],
        words: Mapping[str, float],
        wanted: Compiled | None,
        limit: int,
    ) -> list[int]:
        # The index is read by rank from the best on, and stops as soon as enough have passed.
        rows = self.rows(
            f"SELECT k.rowid FROM keywords k"
            f" CROSS JOIN documents d ON d.number = k.rowid >> {CHUNK_BITS}"
            f" WHERE k.keywords MATCH ? AND d.store_id IN ({marks(store_ids)})"
            f" AND {wanted.sql if wanted else 'TRUE'} ORDER BY k.rank LIMIT ?",
            (
                " OR ".join(map(_quoted, words)),
                *store_ids,
                *(wanted.parameters if wanted else ()),
                limit,
            ),
        )
        return [row[0] for row in rows]


def open_sqlite(path: Path) -> SqlRecords:
    """Open a database, creating or migrating it first. Raises `SearchError`."""
    return SqlRecords(SqliteDatabase(path))


def _quoted(word: str) -> str:
    """A word as a string of the index's query language, in which nothing has a meaning."""
    return '"' + word.replace('"', '""') + '"'


def _prepared(
    connection: sqlite3.Connection, path: Path, *, writable: bool = True
) -> sqlite3.Connection:
    """The connection, with all tables of today. Raises `SearchError` for those of tomorrow."""
    try:
        if writable:
            _migrate(connection)
        _check_version(_version(connection), path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(version: int, path: Path) -> None:
    if version > len(MIGRATIONS):
        raise SearchError(
            f"{path} was made by a newer version of this program; update this one", "broken"
        )
    if version < len(MIGRATIONS):
        raise SearchError(
            f"{path} is of an older version and may not be written to; make it writable once",
            "read_only",
        )


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if _version(connection) >= len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited.
        for number, statements in enumerate(
            MIGRATIONS[_version(connection) :], _version(connection)
        ):
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


_TROUBLES: dict[str, tuple[Trouble, str]] = {
    "SQLITE_FULL": ("full", "The disk is full; nothing was changed in {}"),
    "SQLITE_READONLY": (
        "read_only",
        "{} may only be read; give this user the right to write to it",
    ),
    "SQLITE_CANTOPEN": ("unreachable", "{} cannot be opened; is its folder there, and writable?"),
    "SQLITE_BUSY": ("busy", "Another process writes to {} all the time; try again"),
    "SQLITE_NOTADB": ("broken", "{} is no database of this program; move it away"),
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
