"""Small libraries to put things in and look them up."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from voice.engines.protocols import Embeddings, EngineError
from voice.search.records import Attributes, Chunk, Document, Vectors, VectorStore
from voice.search.tokens import token_spans

STORE = "vs_1"
EMBEDDER = "words"


class WordEmbedder:
    """Texts of the same words have the same vector; those without a common one hardly agree."""

    def __init__(self, name: str = EMBEDDER, dimensions: int = 64, max_tokens: int = 100) -> None:
        self.name = name
        self.dimensions = dimensions
        self.max_tokens = max_tokens
        self.asked: list[str] = []

    async def embed(self, inputs: Sequence[str | tuple[int, ...]]) -> Embeddings:
        vectors = np.zeros((len(inputs), self.dimensions), "<f4")
        for row, text in zip(vectors, inputs, strict=True):
            assert isinstance(text, str)
            words = text.lower().split()
            if len(words) > self.max_tokens:
                raise EngineError("This input is too long", "context_length_exceeded", "input")
            for word in words:
                row[crc32(word.strip(".,?!").encode()) % self.dimensions] += 1
            row[:] /= np.linalg.norm(row)
            self.asked.append(text)
        return Embeddings(vectors=vectors.tobytes(), tokens=(1,) * len(inputs))


def store(store_id: str = STORE, created_at: int = 0, **fields: object) -> VectorStore:
    return VectorStore(
        **{"id": store_id, "created_at": created_at, "last_active_at": created_at, **fields}
    )


def document(
    document_id: str = "a", attributes: Attributes | None = None, **fields: object
) -> Document:
    usual = {
        "id": document_id,
        "store_id": STORE,
        "name": f"{document_id}.md",
        "created_at": 0,
        "status": "completed",
        "attributes": attributes or {},
    }
    return Document(**{**usual, **fields})


def chunks(*texts: str, headings: tuple[str, ...] = ()) -> list[Chunk]:
    return [Chunk(text=text, headings=headings, start=0, end=len(text)) for text in texts]


def vectors(*rows: Sequence[float]) -> Vectors:
    """Rows brought to length 1."""
    found = np.array(rows, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def count_tokens(text: str) -> int:
    return len(token_spans(text)[0])
