"""The records in the tables that SQLite and PostgreSQL share."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial

from voice.search.database import CHUNK_BITS, Database, Row, first_chunk, marks
from voice.search.errors import SearchError
from voice.search.filters import Compiled, column
from voice.search.keywords import coverage, weight
from voice.search.listing import list_page, note_departed, prune_departed
from voice.search.paging import Listing, Page
from voice.search.records import (
    SECONDS_PER_DAY,
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
from voice.search.rows import (
    BATCH,
    CHUNK,
    DOCUMENT,
    FILE,
    STORE,
    document_values,
    kept_attributes,
    kept_document,
    read_attributes,
    read_batch,
    read_chunk,
    read_document,
    read_file,
    read_store,
    write_json,
)
from voice.search.store import Change, Expired, Found, Keywords, Totals

COMMON = 10
"""A word that more than one in so many chunks has says little, where others say more."""
FEW_CHUNKS = 1000
"""Among so few, no word is too common to be looked at."""


class SqlRecords:
    """Implements `Records`."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.database = database.name
        self.vector_index = database.vector_index

    def close(self) -> None:
        self._db.close()

    def snapshot(self) -> AbstractContextManager[None]:
        return self._db.snapshot()

    # ------------------------------------------------------------ stores

    def put_store(self, store: VectorStore) -> None:
        described = {
            "name": store.name,
            "description": store.description,
            "metadata": write_json(store.metadata),
            "last_active_at": store.last_active_at,
            "expires_after_days": store.expires_after_days,
        }
        with self._db.transaction():
            place = self._advance()
            self._insert(
                "stores",
                {"id": store.id, "created_at": store.created_at, "place": place, **described},
                f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in described)}",
            )

    def store(self, store_id: str) -> VectorStore | None:
        row = self._one(f"SELECT {STORE} FROM stores WHERE id = ?", store_id)
        return read_store(row) if row else None

    def stores(self, page: Page) -> Listing[VectorStore]:
        return list_page(self._db, "stores", STORE, read_store, page)

    def delete_store(self, store_id: str, now: int) -> bool:
        with self._db.transaction():
            self._advance()
            note_departed(self._db, "stores", now, "id = ?", store_id)
            return self._db.run("DELETE FROM stores WHERE id = ?", (store_id,)) > 0

    def touch(self, store_id: str, now: int) -> None:
        with self._db.transaction():
            self._db.run("UPDATE stores SET last_active_at = ? WHERE id = ?", (now, store_id))

    def totals(self, store_id: str) -> Totals:
        rows = list(
            self._db.rows(
                "SELECT status, count(*), sum(chunk_count),"
                " sum(CASE WHEN embedded THEN chunk_count ELSE 0 END), sum(bytes)"
                " FROM documents WHERE store_id = ? GROUP BY status",
                (store_id,),
            )
        )
        return Totals(
            documents={row[0]: row[1] for row in rows},
            chunks=sum(int(row[2]) for row in rows),
            chunks_with_vectors=sum(int(row[3]) for row in rows),
            bytes=sum(int(row[4]) for row in rows),
        )

    # ------------------------------------------------------------ files

    def put_file(self, file: File) -> None:
        with self._db.transaction():
            values = {name: getattr(file, name) for name in FILE.split(", ")}
            self._insert("files", {**values, "place": self._advance()})

    def file(self, file_id: str) -> File | None:
        row = self._one(f"SELECT {FILE} FROM files WHERE id = ?", file_id)
        return read_file(row) if row else None

    def files(self, page: Page, purpose: str | None = None) -> Listing[File]:
        return list_page(self._db, "files", FILE, read_file, page, {"purpose": purpose})

    def file_ids(self) -> set[str]:
        return {row[0] for row in self._db.rows("SELECT id FROM files")}

    def delete_file(self, file_id: str, now: int) -> bool:
        with self._db.transaction():
            return self._delete_file(file_id, now)

    def _delete_file(self, file_id: str, now: int) -> bool:
        stores = self._db.rows("SELECT store_id FROM documents WHERE id = ?", (file_id,))
        for (store_id,) in list(stores):
            self._delete_document(store_id, file_id, now)
        note_departed(self._db, "files", now, "id = ?", file_id)
        return self._db.run("DELETE FROM files WHERE id = ?", (file_id,)) > 0

    # ------------------------------------------------------------ documents

    def put(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        vectors: Vectors | None,
        embedder: str,
    ) -> Document:
        check_shape(chunks, vectors)
        kept = kept_document(document, chunks)
        with self._db.transaction():
            self._require_store(kept.store_id)
            number = self._advance()
            place = self._replaced(kept) or number
            self._insert(
                "documents",
                {
                    **document_values(kept),
                    "number": number,
                    "place": place,
                    "revision": number,
                    "embedded": False,
                },
            )
            self._insert_attributes(number, kept.attributes)
            self._db.add_chunks(number, chunks)
            self._settle_embedder(kept.store_id)
            if vectors is not None:
                self._insert_vectors(kept.store_id, number, vectors, embedder)
        return kept

    def _replaced(self, document: Document) -> int | None:
        """Delete what has the same id or path, and tell the place it had in lists."""
        twins = list(
            self._db.rows(
                "SELECT number, place, id FROM documents WHERE store_id = ?"
                " AND (id = ? OR (path = ? AND path <> ''))",
                (document.store_id, document.id, document.path),
            )
        )
        for number, _, _ in twins:
            self._db.run("DELETE FROM documents WHERE number = ?", (number,))
        return next((place for _, place, twin in twins if twin == document.id), None)

    def add_vectors(self, document: Document, vectors: Vectors, embedder: str) -> bool:
        with self._db.transaction():
            row = self._one(
                "SELECT number, chunk_count FROM documents"
                " WHERE store_id = ? AND id = ? AND sha256 = ?",
                document.store_id,
                document.id,
                document.sha256,
            )
            if row is None or row[1] != len(vectors):
                return False
            self._insert_vectors(document.store_id, row[0], vectors, embedder)
            return True

    def _insert_vectors(self, store_id: str, number: int, vectors: Vectors, embedder: str) -> None:
        self._claim(store_id, embedder, vectors.shape[1])
        self._db.add_vectors(number, vectors)
        self._db.run(
            "UPDATE documents SET embedded = ?, revision = ? WHERE number = ?",
            (len(vectors) > 0, self._advance(), number),
        )

    def _claim(self, store_id: str, embedder: str, dimensions: int) -> None:
        """Note whose vectors the store has. Raises `SearchError` where they are another's."""
        store = self._require_store(store_id)
        if not store.embedder:
            self._db.run(
                "UPDATE stores SET embedder = ?, dimensions = ? WHERE id = ?",
                (embedder, dimensions, store_id),
            )
        elif (store.embedder, store.dimensions) != (embedder, dimensions):
            raise mismatch(store, embedder, dimensions)

    def _settle_embedder(self, store_id: str) -> None:
        """A store without vectors is open to those of any embedder again."""
        self._db.run(
            "UPDATE stores SET embedder = '', dimensions = 0 WHERE id = ? AND embedder <> ''"
            " AND NOT EXISTS (SELECT 1 FROM documents WHERE store_id = ? AND embedded)",
            (store_id, store_id),
        )

    def drop_vectors(self, store_id: str) -> None:
        with self._db.transaction():
            self._db.run(
                "DELETE FROM vectors WHERE document IN"
                " (SELECT number FROM documents WHERE store_id = ?)",
                (store_id,),
            )
            self._db.run(
                "UPDATE documents SET embedded = ?, revision = ? WHERE store_id = ? AND embedded",
                (False, self._advance(), store_id),
            )
            self._settle_embedder(store_id)

    def set_attributes(self, store_id: str, document_id: str, attributes: Attributes) -> bool:
        kept = kept_attributes(attributes)
        with self._db.transaction():
            row = self._one(
                "SELECT number FROM documents WHERE store_id = ? AND id = ?", store_id, document_id
            )
            if row is None:
                return False
            self._db.run(
                "UPDATE documents SET attributes = ?, revision = ? WHERE number = ?",
                (write_json(kept), self._advance(), row[0]),
            )
            self._db.run("DELETE FROM attributes WHERE document = ?", row)
            self._insert_attributes(row[0], kept)
            return True

    def _insert_attributes(self, number: int, attributes: Attributes) -> None:
        for key, value in attributes.items():
            self._insert("attributes", {"document": number, "key": key, column(value): value})

    def document(self, store_id: str, document_id: str) -> Document | None:
        return self._document("d.store_id = ? AND d.id = ?", store_id, document_id)

    def document_at(self, store_id: str, path: str) -> Document | None:
        return self._document("d.store_id = ? AND d.path = ? AND d.path <> ''", store_id, path)

    def _document(self, condition: str, *parameters: str) -> Document | None:
        row = self._one(f"SELECT {DOCUMENT} FROM documents d WHERE {condition}", *parameters)
        return read_document(row) if row else None

    def documents(
        self,
        store_id: str,
        page: Page,
        status: DocumentStatus | None = None,
        batch_id: str | None = None,
    ) -> Listing[Document]:
        wanted = {"store_id": store_id, "status": status, "batch_id": batch_id}
        return list_page(self._db, "documents", DOCUMENT, read_document, page, wanted)

    def paths(self, store_id: str) -> Iterator[Document]:
        rows = self._db.rows(
            f"SELECT {DOCUMENT} FROM documents d WHERE d.store_id = ? AND d.path <> ''"
            " ORDER BY d.path",
            (store_id,),
        )
        return map(read_document, rows)

    def without_vectors(self, store_id: str, limit: int) -> list[Document]:
        rows = self._db.rows(
            f"SELECT {DOCUMENT} FROM documents d WHERE d.store_id = ? AND d.chunk_count > 0"
            " AND NOT d.embedded ORDER BY d.number LIMIT ?",
            (store_id, limit),
        )
        return [read_document(row) for row in rows]

    def delete_document(self, store_id: str, document_id: str, now: int) -> bool:
        with self._db.transaction():
            return self._delete_document(store_id, document_id, now)

    def _delete_document(self, store_id: str, document_id: str, now: int) -> bool:
        self._advance()
        wanted = "store_id = ? AND id = ?"
        note_departed(self._db, "documents", now, wanted, store_id, document_id)
        deleted = self._db.run(f"DELETE FROM documents WHERE {wanted}", (store_id, document_id))
        self._settle_embedder(store_id)
        return deleted > 0

    def chunks(self, store_id: str, document_id: str) -> list[Chunk]:
        rows = self._db.rows(
            f"SELECT {CHUNK} FROM documents d JOIN chunks c ON c.document = d.number"
            " WHERE d.store_id = ? AND d.id = ? ORDER BY c.id",
            (store_id, document_id),
        )
        return [read_chunk(row) for row in rows]

    # ------------------------------------------------------------ batches

    def put_batch(self, batch: FileBatch) -> None:
        with self._db.transaction():
            self._require_store(batch.store_id)
            self._insert("batches", {name: getattr(batch, name) for name in BATCH.split(", ")})

    def batch(self, store_id: str, batch_id: str) -> FileBatch | None:
        row = self._one(
            f"SELECT {BATCH} FROM batches WHERE store_id = ? AND id = ?", store_id, batch_id
        )
        return read_batch(row) if row else None

    def batch_counts(self, store_id: str, batch_id: str) -> dict[DocumentStatus, int]:
        rows = self._db.rows(
            "SELECT status, count(*) FROM documents WHERE store_id = ? AND batch_id = ?"
            " GROUP BY status",
            (store_id, batch_id),
        )
        return {row[0]: row[1] for row in rows}

    def cancel_batch(self, store_id: str, batch_id: str) -> bool:
        with self._db.transaction():
            self._db.run(
                "UPDATE documents SET status = 'cancelled', revision = ?"
                " WHERE store_id = ? AND batch_id = ? AND status = 'in_progress'",
                (self._advance(), store_id, batch_id),
            )
            cancel = "UPDATE batches SET cancelled = ? WHERE store_id = ? AND id = ?"
            return self._db.run(cancel, (True, store_id, batch_id)) > 0

    # ------------------------------------------------------------ search

    def revision(self) -> int:
        return int(next(self._db.rows("SELECT revision FROM clock"))[0])

    def changes(self, store_id: str, since: int) -> Iterator[Change]:
        rows = self._db.stream(
            "SELECT d.id, d.attributes, d.number, d.chunk_count, v.vectors FROM documents d"
            " LEFT JOIN vectors v ON v.document = d.number"
            " WHERE d.store_id = ? AND d.revision > ?",
            (store_id, since),
        )
        for document_id, attributes, number, chunks, vectors in rows:
            ids = range(first_chunk(number), first_chunk(number) + chunks)
            yield Change(document_id, read_attributes(attributes), ids, vectors)

    def document_ids(self, store_id: str) -> set[str]:
        rows = self._db.rows("SELECT id FROM documents WHERE store_id = ?", (store_id,))
        return {row[0] for row in rows}

    def document_count(self, store_id: str) -> int:
        rows = self._db.rows("SELECT count(*) FROM documents WHERE store_id = ?", (store_id,))
        return int(next(rows)[0])

    def keywords(
        self, store_ids: Sequence[str], words: Sequence[str], wanted: Compiled | None, limit: int
    ) -> Keywords:
        chunks = self._chunk_count()
        if not words or not chunks:
            return Keywords([], lambda _: 0.0)
        most = max(FEW_CHUNKS, chunks // COMMON)
        holders = {word: set(self._db.holders(word, most + 1)) for word in words}
        if any(len(ids) <= most for ids in holders.values()):
            holders = {word: ids for word, ids in holders.items() if len(ids) <= most}
        weights = {word: weight(len(ids), chunks) for word, ids in holders.items()}
        ranked = self._db.ranked(store_ids, weights, wanted, limit)
        return Keywords(ranked, partial(coverage, holders=holders, weights=weights))

    def _chunk_count(self) -> int:
        return int(next(self._db.rows("SELECT coalesce(sum(chunk_count), 0) FROM documents"))[0])

    def passages(self, found: Sequence[Found]) -> list[Passage]:
        if not found:
            return []
        ids = [each.chunk_id for each in found]
        rows = self._db.rows(
            f"SELECT c.id, {CHUNK}, {DOCUMENT} FROM chunks c"
            f" JOIN documents d ON d.number = c.document WHERE c.id IN ({marks(ids)})",
            ids,
        )
        kept = {row[0]: (read_chunk(row[1:5]), read_document(row[5:])) for row in rows}
        return [
            Passage(chunk_id=each.chunk_id, document=document, chunk=chunk, score=each.relevance)
            for each in found
            if each.chunk_id in kept
            for chunk, document in [kept[each.chunk_id]]
        ]

    # ------------------------------------------------------------ upkeep

    def expire(self, now: int) -> Expired:
        with self._db.transaction():
            prune_departed(self._db, now)
            files = [
                row[0]
                for row in self._db.rows("SELECT id FROM files WHERE expires_at <= ?", (now,))
            ]
            for file_id in files:
                self._delete_file(file_id, now)
            stores = self._expired_stores(now)
            for store_id in stores:
                self._advance()
                self._db.run("DELETE FROM documents WHERE store_id = ?", (store_id,))
                self._settle_embedder(store_id)
        return Expired(files=files, stores=stores)

    def _expired_stores(self, now: int) -> list[str]:
        """Those whose time is over, and that still hold something."""
        rows = self._db.rows(
            "SELECT id FROM stores s WHERE last_active_at + expires_after_days * ? <= ?"
            " AND EXISTS (SELECT 1 FROM documents d WHERE d.store_id = s.id)",
            (SECONDS_PER_DAY, now),
        )
        return [row[0] for row in rows]

    def take_lease(self, name: str, owner: str, now: int, seconds: int) -> str:
        with self._db.transaction():
            self._db.run(
                "INSERT INTO leases (name, owner, ends_at) VALUES (?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET owner = excluded.owner, ends_at = excluded.ends_at"
                " WHERE leases.owner = excluded.owner OR leases.ends_at <= ?",
                (name, owner, now + seconds, now),
            )
            rows = self._db.rows("SELECT owner FROM leases WHERE name = ?", (name,))
            return str(next(rows)[0])

    def drop_lease(self, name: str, owner: str) -> None:
        with self._db.transaction():
            self._db.run("DELETE FROM leases WHERE name = ? AND owner = ?", (name, owner))

    # ------------------------------------------------------------ parts

    def _advance(self) -> int:
        """The next revision; in PostgreSQL this row also lets writers in one at a time."""
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


def check_shape(chunks: Sequence[Chunk], vectors: Vectors | None) -> None:
    if len(chunks) >= 1 << CHUNK_BITS:
        raise SearchError(
            f"A document has at most {(1 << CHUNK_BITS) - 1} chunks, and this has {len(chunks)}",
            "invalid",
            "chunks",
        )
    if vectors is not None and (vectors.ndim != 2 or len(vectors) != len(chunks)):
        raise SearchError(
            f"There must be a vector for each of the {len(chunks)} chunks; the shape of these is"
            f" {vectors.shape}",
            "invalid",
            "vectors",
        )


def mismatch(store: VectorStore, embedder: str, dimensions: int) -> SearchError:
    return SearchError(
        f"The vectors of '{store.id}' were made by {store.embedder} ({store.dimensions} dimensions)"
        f" and cannot be searched with {embedder} ({dimensions} dimensions). Either use"
        f" {store.embedder} again, or make them anew with: voice index --rebuild",
        "embedder_mismatch",
        "embedder",
    )
