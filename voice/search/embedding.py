"""Texts of any length as vectors, by an embedder that refuses long ones."""

from collections.abc import Sequence

import numpy as np

from voice.engines.protocols import Embedder, EngineError
from voice.search.records import Chunk, Vectors

CHARS_PER_TOKEN = 4
"""As English has. Where a text has more tokens, it is cut in smaller pieces and tried again."""
LEAST_CHARS = 64


def chunk_text(chunk: Chunk) -> str:
    """What a chunk is searched by: its text, below the headings that say what it is about."""
    return "\n".join((" > ".join(chunk.headings), chunk.text)) if chunk.headings else chunk.text


async def embed_texts(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """One vector a text, of length 1; that of a long text is the mean of its pieces'.

    Raises `EngineError`.
    """
    chars = embedder.max_tokens * CHARS_PER_TOKEN
    while True:
        pieces = [_cut(text, chars) for text in texts]
        try:
            found = await embedder.embed([piece for each in pieces for piece in each])
        except EngineError as error:
            if error.code != "context_length_exceeded" or chars <= LEAST_CHARS:
                raise
            chars //= 2
            continue
        vectors = np.frombuffer(found.vectors, "<f4").reshape(-1, embedder.dimensions)
        return _means(vectors, [len(each) for each in pieces])


def _cut(text: str, chars: int) -> list[str]:
    # An embedder has no vector for nothing.
    text = text.strip() or "."
    return [text[start : start + chars] for start in range(0, len(text), chars)]


def _means(vectors: Vectors, counts: Sequence[int]) -> Vectors:
    if not counts:
        return vectors
    starts = np.cumsum([0, *counts[:-1]])
    sums: Vectors = np.add.reduceat(vectors, starts, axis=0)
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return sums
