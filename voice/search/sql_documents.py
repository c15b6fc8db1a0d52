"""Documents with their attributes, chunks and vectors, in the tables of both databases."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from voice.search.database import CHUNK_BITS, Row
from voice.search.errors import SearchError, mismatch
from voice.search.filters import column
from voice.search.listing import list_page, note_departed
from voice.search.paging import Listing, Page
from voice.search.records import (
    Attributes,
    Chunk,
    Document,
    DocumentStatus,
    Vectors,
)
from voice.search.rows import (
    CHUNK,
    DOCUMENT,
    document_values,
    kept_attributes,
    kept_document,
    read_chunk,
    read_document,
    write_json,
)
from voice.search.sql_tables import Tables

AMENDED = (
    *("name", "path", "title", "modified_ns", "attributes"),
    *("status", "failure_code", "failure_message"),
)
"""The columns that can change while the content stays."""


class DocumentTables(Tables):
    def put(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        vectors: Vectors | None,
        embedder: str,
    ) -> Document:
        with self._db.transaction():
            return self._put(document, chunks, vectors, embedder)

    def finish(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        vectors: Vectors | None,
        embedder: str,
    ) -> bool:
        with self._db.transaction():
            self._advance()  # From here on nobody else writes.
            there = self.document(document.store_id, document.id)
            if there is None or there.status != "in_progress" or there.rules != document.rules:
                return False
            finished = msgspec.structs.replace(
                there,
                status=document.status,
                failure=document.failure,
                title=document.title,
                sha256=document.sha256,
                bytes=document.bytes,
            )
            self._put(finished, chunks, vectors, embedder)
            return True

    def _put(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        vectors: Vectors | None,
        embedder: str,
    ) -> Document:
        check_shape(chunks, vectors)
        kept = kept_document(document, chunks)
        self._require_store(kept.store_id)
        number = self._advance()
        created_at, place = self._replaced(kept) or (kept.created_at, number)
        kept = msgspec.structs.replace(kept, created_at=created_at)
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

    def _replaced(self, document: Document) -> tuple[int, int] | None:
        """Delete what has the same id or path, and tell where the same id stood in lists."""
        twins = list(
            self._db.rows(
                "SELECT number, id, created_at, place FROM documents WHERE store_id = ?"
                " AND (id = ? OR (path = ? AND path <> ''))",
                (document.store_id, document.id, document.path),
            )
        )
        for number, *_ in twins:
            self._db.run("DELETE FROM documents WHERE number = ?", (number,))
        return next(((made, place) for _, twin, made, place in twins if twin == document.id), None)

    def add_vectors(self, document: Document, vectors: Vectors, embedder: str) -> bool:
        with self._db.transaction():
            row = self._same(document)
            if row is None or row[1] != len(vectors):
                return False
            self._insert_vectors(document.store_id, row[0], vectors, embedder)
            return True

    def _insert_vectors(self, store_id: str, number: int, vectors: Vectors, embedder: str) -> None:
        self._claim(store_id, embedder, vectors.shape[1])
        self._db.add_vectors(number, vectors)
        self._change(number, {"embedded": len(vectors) > 0})

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
            self._change(row[0], {"attributes": write_json(kept)})
            self._replace_attributes(row[0], kept)
            return True

    def amend(self, document: Document) -> bool:
        kept = kept_document(document, [])
        values = document_values(kept)
        with self._db.transaction():
            row = self._same(kept)
            if row is None:
                return False
            self._db.run(
                "DELETE FROM documents WHERE store_id = ? AND path = ? AND path <> '' AND id <> ?",
                (kept.store_id, kept.path, kept.id),
            )
            self._change(row[0], {name: values[name] for name in AMENDED})
            self._replace_attributes(row[0], kept.attributes)
            self._settle_embedder(kept.store_id)
            return True

    def _same(self, document: Document) -> Row | None:
        """The number and how many chunks of a document, if its content is still the same."""
        return self._one(
            "SELECT number, chunk_count FROM documents"
            " WHERE store_id = ? AND id = ? AND sha256 = ?",
            document.store_id,
            document.id,
            document.sha256,
        )

    def _change(self, number: int, values: Mapping[str, object]) -> None:
        self._db.run(
            f"UPDATE documents SET {', '.join(f'{name} = ?' for name in values)}, revision = ?"
            " WHERE number = ?",
            (*values.values(), self._advance(), number),
        )

    def _replace_attributes(self, number: int, attributes: Attributes) -> None:
        self._db.run("DELETE FROM attributes WHERE document = ?", (number,))
        self._insert_attributes(number, attributes)

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
