"""The records in a PostgreSQL database, in a schema of their own."""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import psycopg
import structlog
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from voice.search.database import CHUNK_BITS, STORE_NUMBER, Row, Scope, first_chunk, marks
from voice.search.errors import SearchError, Trouble
from voice.search.filters import Compiled
from voice.search.pgvector import PgVector
from voice.search.postgres_schema import MIGRATIONS, STORE_MARK
from voice.search.records import Chunk, Vectors
from voice.search.rows import heading_lines, keepable, keepable_values
from voice.search.sql_records import SqlRecords
from voice.search.store import VectorIndex

SCHEMA = "inferno_voice"
LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "60s"
"""Longer than to delete the largest store takes: what runs out of it hangs."""
CONNECTING = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
"""Seconds, and milliseconds until what is not received is given up, where the URL does not say."""
STREAMED_ROWS = 64
"""Fetched at a time, each with the vectors of a document."""

_MIGRATION_LOCK = 0x766F696365
"""Any number that other programs do not lock."""

log = structlog.get_logger()

_RANKED = """
WITH asked AS MATERIALIZED (
  SELECT plainto_tsquery('words', word) AS query, weight, telling
  FROM unnest(?::text[], ?::float8[], ?::boolean[]) AS each (word, weight, telling)
), matches AS MATERIALIZED (
  SELECT c.id, asked.weight FROM asked
  CROSS JOIN LATERAL (
    SELECT id FROM chunks WHERE terms @@ asked.query AND {within}
  ) c WHERE asked.telling
), best AS MATERIALIZED (
  SELECT m.id FROM matches m JOIN documents d ON d.number = m.id >> {bits}
  WHERE d.store_id IN ({stores}) AND {condition}
  GROUP BY m.id ORDER BY sum(m.weight) DESC, m.id LIMIT ?
)
SELECT c.id FROM best JOIN chunks c USING (id) CROSS JOIN asked
GROUP BY c.id ORDER BY
  sum(asked.weight * ts_rank('{{0.1, 0.1, 0.1, 0.2}}', c.terms, asked.query, 1)) DESC, c.id
LIMIT ?
"""
"""To look into a chunk for how often and where words stand is dear, so that is only done with those
that have the most of them."""
LEAST_RANKED = 300

_NO_WORD = re.compile(r"[\W_]+")


class PostgresDatabase:
    """Implements `Database`. A connection that was lost is made anew for what is asked next."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = _connect(url)
        facts = self._connection.info
        self.name = f"PostgreSQL at {facts.host}:{facts.port}, database {facts.dbname}"
        try:
            _migrate(self._connection)
            self.usual_files = _files_folder(self._connection)
            self._pgvector = PgVector.opened(self)
        except BaseException:
            self.close()
            raise
        self.vector_index: VectorIndex | None = self._pgvector

    def close(self) -> None:
        self._connection.close()

    def another(self) -> "PostgresDatabase":
        return PostgresDatabase(self._url)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        # The row lets writers in one at a time.
        with self._block("BEGIN; SELECT 1 FROM clock FOR UPDATE"):
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self._block("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    @contextmanager
    def _block(self, begin: str) -> Iterator[None]:
        with _explained():
            try:
                self._execute(begin)
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if not self._connection.closed:
                    self._connection.execute("ROLLBACK")
                raise

    def _reconnect(self) -> None:
        if self._connection.closed:
            self._connection.close()
            self._connection = _connect(self._url)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Row]:
        return iter(self._execute(sql, parameters).fetchall())

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        return self._execute(sql, parameters).rowcount

    def _execute(self, sql: str, parameters: Sequence[object] = ()) -> psycopg.Cursor[Row]:
        statement, values = _translated(sql), keepable_values(parameters)
        with _explained():
            self._reconnect()
            first = self._connection.info.transaction_status == TransactionStatus.IDLE
            try:
                return self._connection.execute(statement, values)
            except psycopg.OperationalError:
                # The server may have ended since it was last asked; what is only begun begins anew.
                if not (first and self._connection.closed):
                    raise
            self._reconnect()
            return self._connection.execute(statement, values)

    def stream(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Row]:
        with _explained(), self._connection.cursor(name="streamed") as cursor:
            cursor.itersize = STREAMED_ROWS
            yield from cursor.execute(_translated(sql), keepable_values(parameters))

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute once for each row of parameters."""
        with _explained(), self._connection.cursor() as cursor:
            cursor.executemany(_translated(sql), rows)

    def add_chunks(self, number: int, chunks: Sequence[Chunk]) -> None:
        rows = [
            (
                chunk_id,
                number,
                each.start,
                each.end,
                heading_lines(each),
                keepable(each.text),
                _plain(heading_lines(each)),
                _plain(each.text),
                number,
            )
            for chunk_id, each in enumerate(chunks, first_chunk(number))
        ]
        # What stands in a heading counts twice.
        self.many(
            "INSERT INTO chunks (id, document, start_at, end_at, headings, text, terms)"
            " VALUES (?, ?, ?, ?, ?, ?,"
            " setweight(to_tsvector('words', ?), 'A') || to_tsvector('words', ?)"
            f" || array_to_tsvector(ARRAY['{STORE_MARK}' || {STORE_NUMBER}]))",
            rows,
        )

    def add_vectors(self, number: int, vectors: Vectors) -> None:
        self.run("DELETE FROM vectors WHERE document = ?", (number,))
        values = (number, vectors.astype("<f4", copy=False).tobytes())
        self.run("INSERT INTO vectors (document, vectors) VALUES (?, ?)", values)
        if self._pgvector is not None:
            self._pgvector.add(number, vectors)

    def count_holders(self, scope: Scope, word: str, limit: int) -> int:
        rows = self.rows(
            "SELECT count(*) FROM (SELECT 1 FROM chunks"
            f" WHERE terms @@ plainto_tsquery('words', ?) AND {_within(scope)} LIMIT ?) counted",
            (_plain(word), limit),
        )
        return int(next(rows)[0])

    def holders_among(self, word: str, chunk_ids: Sequence[int]) -> set[int]:
        rows = self.rows(
            "SELECT id FROM chunks WHERE terms @@ plainto_tsquery('words', ?)"
            f" AND id IN ({marks(chunk_ids)})",
            (_plain(word), *chunk_ids),
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
        words = {**telling, **others}
        rows = self.rows(
            _RANKED.format(
                bits=CHUNK_BITS,
                within=_within(scope),
                stores=marks(scope.store_ids),
                condition=wanted.sql if wanted else "TRUE",
            ),
            (
                [_plain(word) for word in words],
                list(words.values()),
                [word in telling for word in words],
                *scope.store_ids,
                *(wanted.parameters if wanted else ()),
                max(LEAST_RANKED, limit),
                limit,
            ),
        )
        return [row[0] for row in rows]


def open_postgres(url: str) -> SqlRecords:
    """Open a database, creating or migrating its tables first. Raises `SearchError`."""
    with _explained():
        database = PostgresDatabase(url)
    if database.vector_index is None:
        log.info("pgvector is not there: vectors are searched in memory", database=database.name)
    return SqlRecords(database)


def _within(scope: Scope) -> str:
    """The condition by which the index looks into no other stores."""
    if not scope.numbers:
        return "TRUE"
    stores = " | ".join(f"''{STORE_MARK}{number}''" for number in scope.numbers)
    return f"terms @@ '{stores}'::tsquery"


def _connect(url: str) -> psycopg.Connection[Row]:
    facts = make_conninfo("", **{**CONNECTING, **conninfo_to_dict(url)})
    connection = psycopg.connect(facts, autocommit=True)
    connection.execute(f"SET search_path = {SCHEMA}, public")
    connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
    return connection


def _migrate(connection: psycopg.Connection[Row]) -> None:
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (version INTEGER NOT NULL)")
        row = connection.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchone()
        version = cast("Row", row)[0]
        if version > len(MIGRATIONS):
            raise SearchError(
                "The database was made by a newer version of this program; update this one",
                "broken",
            )
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            connection.execute(statements)
            connection.execute("INSERT INTO migrations (version) VALUES (%s)", (number,))


def _files_folder(connection: psycopg.Connection[Row]) -> Path:
    """Among the user's data, one for each database."""
    row = connection.execute("SELECT id FROM identity").fetchone()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "inferno-voice" / "files" / str(cast("Row", row)[0])


@lru_cache(256)
def _translated(sql: str) -> str:
    """SQL in the way of this driver."""
    return sql.replace("?", "%s")


def _plain(text: str) -> str:
    """Small letters without accents or marks between words, which have a meaning here.

    Which letters there are, and which of them are small, a database with the locale C does not know.
    """
    letters = unicodedata.normalize("NFKD", keepable(text).lower())
    bare = "".join(each for each in letters if not unicodedata.combining(each))
    return _NO_WORD.sub(" ", bare)


_TROUBLES: tuple[tuple[type[Exception], Trouble, str], ...] = (
    (errors.DiskFull, "full", "The disk of the database is full; nothing was changed"),
    (errors.ReadOnlySqlTransaction, "read_only", "The database may only be read"),
    (errors.InsufficientPrivilege, "read_only", "The database does not let this user do it"),
    (errors.LockNotAvailable, "busy", "Others write to the database all the time; try again"),
    (errors.ProgramLimitExceeded, "invalid", "The database cannot keep as much of one document"),
    (errors.QueryCanceled, "busy", "The database takes too long; try again"),
    (psycopg.OperationalError, "unreachable", "The database cannot be reached"),
)


@contextmanager
def _explained() -> Iterator[None]:
    """What PostgreSQL says, said for people."""
    try:
        yield
    except psycopg.Error as error:
        for kind, code, message in _TROUBLES:
            if isinstance(error, kind):
                raise SearchError(f"{message}: {_first_line(error)}", code) from error
        raise


def _first_line(error: Any) -> str:
    return str(error).strip().partition("\n")[0]
