"""What is kept of documents: vector stores, files, the documents in a store, and their chunks."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

AttributeValue = str | float | bool
Attributes = dict[str, AttributeValue]
DocumentStatus = Literal["in_progress", "completed", "cancelled", "failed"]
FailureCode = Literal["server_error", "unsupported_file", "invalid_file"]

Vectors = NDArray[np.float32]
"""One row a chunk, each of length 1: (chunks, dimensions) float32."""

FOLDERS_STORE = "vs_documents"
"""The vector store that holds what `voice index` has read."""


SECONDS_PER_DAY = 86_400


def plain(attributes: Attributes) -> dict[str, object]:
    """As they were sent: whole numbers, which are kept as floats, without a point."""
    return {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in attributes.items()
    }


class ChunkingRules(msgspec.Struct, frozen=True, kw_only=True):
    """How documents of a store are cut, in the tokens of `voice.search.tokens`."""

    max_tokens: int = 800
    overlap_tokens: int = 400


class VectorStore(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str = ""
    description: str = ""
    metadata: dict[str, str] = {}
    created_at: int
    last_active_at: int
    expires_after_days: int | None = None
    """Counted from `last_active_at`."""
    embedder: str = ""
    """The name of the embedding model; empty while there are no vectors, then never another."""
    dimensions: int = 0

    @property
    def expires_at(self) -> int | None:
        if self.expires_after_days is None:
            return None
        return self.last_active_at + self.expires_after_days * SECONDS_PER_DAY


class File(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded file; its bytes are kept beside the record."""

    id: str
    filename: str
    purpose: str
    bytes: int
    sha256: str
    created_at: int
    expires_at: int | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    code: FailureCode
    message: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a store. Uploaded ones have the `id` of the file, others one of their own."""

    id: str
    store_id: str
    name: str
    """What it is called to people: the file name, or the path below the folder it came from."""
    path: str = ""
    """Where it was read from on this machine; empty for an uploaded file."""
    title: str = ""
    sha256: str = ""
    bytes: int = 0
    modified_ns: int = 0
    attributes: Attributes = {}
    rules: ChunkingRules = ChunkingRules()
    status: DocumentStatus = "in_progress"
    failure: Failure | None = None
    created_at: int
    chunk_count: int = 0
    batch_id: str = ""
    """The `FileBatch` it was put in the store with, if any."""


class FileBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Files put in a store together; how far they are is told by the status of each."""

    id: str
    store_id: str
    created_at: int
    cancelled: bool = False


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A passage: whole paragraphs where they fit. Offsets are characters of the document's text."""

    text: str
    headings: tuple[str, ...] = ()
    """The path of headings it stands under, the outermost first."""
    start: int
    end: int


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that was found."""

    chunk_id: int
    document: Document
    chunk: Chunk
    score: float
    """How well it fits, 0 to 1, comparable between searches."""
