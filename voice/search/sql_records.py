"""The records in the tables that SQLite and PostgreSQL share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from voice.search.database import Scope, first_chunk, marks
from voice.search.errors import SearchError
from voice.search.filters import Compiled
from voice.search.keywords import telling_words, weight
from voice.search.listing import list_page, note_departed, prune_departed
from voice.search.paging import Listing, Page
from voice.search.records import (
    SECONDS_PER_DAY,
    Document,
    DocumentStatus,
    File,
    FileBatch,
    Passage,
    VectorStore,
)
from voice.search.rows import (
    BATCH,
    CHUNK,
    DOCUMENT,
    FILE,
    STORE,
    read_attributes,
    read_batch,
    read_chunk,
    read_document,
    read_file,
    read_store,
    write_json,
)
from voice.search.sql_documents import DocumentTables
from voice.search.store import Change, Expired, Found, Keywords, Totals

COMMON = 20
"""The rarest words of a question that one in so many chunks has say where to look."""
FEW_CHUNKS = 2000
"""So many may have them, however few there are."""

HARDLY_ANY = 10
"""Where no more than one in so many chunks is of other stores, leaving them out saves nothing."""


class SqlRecords(DocumentTables):
    """Implements `Records`."""

    # ------------------------------------------------------------ stores

    def put_store(self, store: VectorStore) -> None:
        with self._db.transaction():
            self._put_store(store)

    def _put_store(self, store: VectorStore) -> None:
        values = {
            "id": store.id,
            "place": self._advance(),
            "name": store.name,
            "description": store.description,
            "metadata": write_json(store.metadata),
            "created_at": store.created_at,
            "last_active_at": store.last_active_at,
            "expires_after_days": store.expires_after_days,
        }
        self._insert("stores", values, "ON CONFLICT (id) DO NOTHING")

    def change_store(
        self, store_id: str, changes: Mapping[str, object], now: int
    ) -> VectorStore | None:
        values = {**changes, "last_active_at": now}
        if "metadata" in changes:
            values["metadata"] = write_json(changes["metadata"])
        with self._db.transaction():
            self._db.run(
                f"UPDATE stores SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?",
                (*values.values(), store_id),
            )
            return self.store(store_id)

    def stores(self, page: Page) -> Listing[VectorStore]:
        return list_page(self._db, "stores", STORE, read_store, page)

    def delete_store(self, store_id: str, now: int) -> bool:
        with self._db.transaction():
            self._advance()
            note_departed(self._db, "stores", now, "id = ?", store_id)
            return self._db.run("DELETE FROM stores WHERE id = ?", (store_id,)) > 0

    def touch(self, store_id: str, now: int) -> None:
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

    # ------------------------------------------------------------ files in stores

    def attach(
        self,
        documents: Sequence[Document],
        now: int,
        *,
        store: VectorStore | None = None,
        batch: FileBatch | None = None,
    ) -> list[Document]:
        with self._db.transaction():
            if store is not None:
                self._put_store(store)
            self._require_files({each.id for each in documents})
            if batch is not None:
                documents = [msgspec.structs.replace(each, batch_id=batch.id) for each in documents]
                self._put_batch(batch, [each.id for each in documents])
            kept = [self._put(each, (), None, "") for each in documents]
            for store_id in {each.store_id for each in documents}:
                self.touch(store_id, now)
            return kept

    def _put_batch(self, batch: FileBatch, file_ids: Iterable[str]) -> None:
        self._require_store(batch.store_id)
        self._insert("batches", {name: getattr(batch, name) for name in BATCH.split(", ")})
        for file_id in file_ids:
            self._insert("batch_files", {"batch_id": batch.id, "file_id": file_id})

    def _require_files(self, file_ids: Iterable[str]) -> None:
        for file_id in file_ids:
            if self._one("SELECT 1 FROM files WHERE id = ?", file_id) is None:
                raise SearchError(f"There is no file '{file_id}'", "not_found", "file_id")

    def batch(self, store_id: str, batch_id: str) -> FileBatch | None:
        row = self._one(
            f"SELECT {BATCH} FROM batches WHERE store_id = ? AND id = ?", store_id, batch_id
        )
        return read_batch(row) if row else None

    def batch_counts(self, store_id: str, batch_id: str) -> dict[DocumentStatus, int]:
        rows = self._db.rows(
            "SELECT d.status, count(*) FROM batch_files f JOIN documents d ON d.id = f.file_id"
            " WHERE d.store_id = ? AND f.batch_id = ? GROUP BY d.status",
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
        scope, chunks = self._scope(store_ids)
        if not words or not chunks:
            return Keywords([], lambda ids: [0.0 for _ in ids], asked=bool(words))
        most = max(FEW_CHUNKS, chunks // COMMON)
        holders = {word: self._db.count_holders(scope, word, most + 1) for word in words}
        weights = {word: weight(number, chunks) for word, number in holders.items()}
        telling = {word: weights[word] for word in telling_words(holders, most)}
        others = {word: weights[word] for word in weights.keys() - telling.keys()}
        ranked = self._db.ranked(scope, telling, others, wanted, limit)
        if not ranked and others and self._any_passes(store_ids, wanted):
            ranked = self._db.ranked(scope, weights, {}, wanted, limit)
        there = {word: weights[word] for word, number in holders.items() if number}
        share = 1 / sum(weights.values())
        return Keywords(ranked, lambda ids: [share * each for each in self._covered(there, ids)])

    def _any_passes(self, store_ids: Sequence[str], wanted: Compiled | None) -> bool:
        rows = self._db.rows(
            f"SELECT 1 FROM documents d WHERE d.store_id IN ({marks(store_ids)})"
            f" AND {wanted.sql if wanted else 'TRUE'} LIMIT 1",
            (*store_ids, *(wanted.parameters if wanted else ())),
        )
        return next(rows, None) is not None

    def _covered(self, weights: Mapping[str, float], chunk_ids: Sequence[int]) -> list[float]:
        """The weight of all words that each chunk has."""
        covered = dict.fromkeys(chunk_ids, 0.0)
        for word, value in weights.items() if chunk_ids else ():
            for chunk_id in self._db.holders_among(word, chunk_ids):
                covered[chunk_id] += value
        return [covered[chunk_id] for chunk_id in chunk_ids]

    def _scope(self, store_ids: Sequence[str]) -> tuple[Scope, int]:
        """Where to look for words, and how many chunks that are."""
        own, there = next(
            self._db.rows(
                "SELECT coalesce(sum(CASE WHEN store_id IN"
                f" ({marks(store_ids)}) THEN chunk_count ELSE 0 END), 0),"
                " coalesce(sum(chunk_count), 0) FROM documents",
                store_ids,
            )
        )
        if (there - own) * HARDLY_ANY <= there:
            return Scope(store_ids, ()), int(there)
        rows = self._db.rows(
            f"SELECT place FROM stores WHERE id IN ({marks(store_ids)})", store_ids
        )
        return Scope(store_ids, [row[0] for row in rows]), int(own)

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
                note_departed(self._db, "documents", now, "store_id = ?", store_id)
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
