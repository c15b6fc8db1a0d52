"""Records as rows of tables, and back."""

from collections.abc import Sequence

import msgspec

from voice.search.database import Row
from voice.search.filters import UNKEPT, check_text, check_value
from voice.search.records import (
    Attributes,
    Chunk,
    ChunkingRules,
    Document,
    Failure,
    File,
    FileBatch,
    VectorStore,
)

STORE = (
    "id, name, description, metadata, created_at, last_active_at, expires_after_days, embedder,"
    " dimensions"
)
FILE = "id, filename, purpose, bytes, sha256, created_at, expires_at"
DOCUMENT = (
    "d.id, d.store_id, d.name, d.path, d.title, d.sha256, d.bytes, d.modified_ns, d.attributes,"
    " d.max_tokens, d.overlap_tokens, d.status, d.failure_code, d.failure_message, d.created_at,"
    " d.chunk_count, d.batch_id"
)
CHUNK = "c.text, c.headings, c.start_at, c.end_at"
BATCH = "id, store_id, created_at, cancelled"

_METADATA = msgspec.json.Decoder(dict[str, str])
_ATTRIBUTES = msgspec.json.Decoder(Attributes)


def read_store(row: Row) -> VectorStore:
    return VectorStore(
        id=row[0],
        name=row[1],
        description=row[2],
        metadata=_METADATA.decode(row[3]),
        created_at=row[4],
        last_active_at=row[5],
        expires_after_days=row[6],
        embedder=row[7],
        dimensions=row[8],
    )


def read_file(row: Row) -> File:
    return File(**dict(zip(FILE.split(", "), row, strict=True)))


def read_batch(row: Row) -> FileBatch:
    return FileBatch(id=row[0], store_id=row[1], created_at=row[2], cancelled=bool(row[3]))


def read_attributes(text: str) -> Attributes:
    return _ATTRIBUTES.decode(text)


def read_document(row: Row) -> Document:
    return Document(
        id=row[0],
        store_id=row[1],
        name=row[2],
        path=row[3],
        title=row[4],
        sha256=row[5],
        bytes=row[6],
        modified_ns=row[7],
        attributes=read_attributes(row[8]),
        rules=ChunkingRules(max_tokens=row[9], overlap_tokens=row[10]),
        status=row[11],
        failure=Failure(code=row[12], message=row[13]) if row[12] else None,
        created_at=row[14],
        chunk_count=row[15],
        batch_id=row[16],
    )


def document_values(document: Document) -> dict[str, object]:
    """The columns that are fields of the document."""
    failure = document.failure
    return {
        "id": document.id,
        "store_id": document.store_id,
        "name": document.name,
        "path": document.path,
        "title": document.title,
        "sha256": document.sha256,
        "bytes": document.bytes,
        "modified_ns": document.modified_ns,
        "attributes": write_json(document.attributes),
        "max_tokens": document.rules.max_tokens,
        "overlap_tokens": document.rules.overlap_tokens,
        "status": document.status,
        "failure_code": failure.code if failure else "",
        "failure_message": failure.message if failure else "",
        "created_at": document.created_at,
        "chunk_count": document.chunk_count,
        "batch_id": document.batch_id,
    }


def read_chunk(row: Row) -> Chunk:
    headings = tuple(row[1].split("\n")) if row[1] else ()
    return Chunk(text=row[0], headings=headings, start=row[2], end=row[3])


def heading_lines(chunk: Chunk) -> str:
    return "\n".join(keepable(" ".join(each.split())) for each in chunk.headings)


def write_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def keepable(text: str) -> str:
    """The text with a mark for each character that databases do not keep."""
    return UNKEPT.sub("\ufffd", text)


def keepable_values(parameters: Sequence[object]) -> list[object]:
    """Parameters without what databases refuse; nothing kept is ever found by such a text."""
    return [keepable(each) if isinstance(each, str) else each for each in parameters]


def kept_document(document: Document, chunks: Sequence[Chunk]) -> Document:
    """The document as it can be kept. Raises `SearchError` for attributes that cannot."""
    failure = document.failure
    return msgspec.structs.replace(
        document,
        name=keepable(document.name),
        path=keepable(document.path),
        title=keepable(document.title),
        attributes=kept_attributes(document.attributes),
        failure=failure and Failure(code=failure.code, message=keepable(failure.message)),
        chunk_count=len(chunks),
    )


def kept_attributes(attributes: Attributes) -> Attributes:
    return {
        check_text(key, "attributes"): check_value(value, f"attributes.{key}")
        for key, value in attributes.items()
    }
