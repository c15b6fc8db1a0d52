"""Texts of any length as vectors, by an embedder that refuses long ones."""

from collections.abc import Sequence

import numpy as np

from voice.engines.places import number_in
from voice.engines.protocols import Embedder, EngineError
from voice.search.records import Chunk, Vectors
from voice.search.tokens import token_spans

MARGIN = 0.9
"""Our tokens are near to a model's, and it adds some. Where it has more, that text is cut again."""


def chunk_text(chunk: Chunk) -> str:
    """What a chunk is searched by: its text, below the headings that say what it is about."""
    return "\n".join((" > ".join(chunk.headings), chunk.text)) if chunk.headings else chunk.text


async def embed_texts(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """One vector a text, of length 1; that of a long text is the mean of its pieces'.

    Raises `EngineError`.
    """
    size = max(int(embedder.max_tokens * MARGIN), 1)
    pieces = [_cut(text, size) for text in texts]
    while True:
        try:
            found = await embedder.embed([piece for each in pieces for piece in each])
        except EngineError as error:
            for index in _too_long(error, pieces):
                pieces[index] = _cut(texts[index], _half(pieces[index], error))
            continue
        vectors = np.frombuffer(found.vectors, "<f4").reshape(-1, embedder.dimensions)
        return _means(vectors, [len(each) for each in pieces])


def _cut(text: str, size: int) -> list[str]:
    """Pieces of at most so many tokens, and of nearly as many each, so that all weigh the same."""
    # An embedder has no vector for nothing.
    text = text.strip() or "."
    if len(text) <= size:
        return [text]
    starts, _ = token_spans(text)
    parts = -(-len(starts) // size)
    cuts = [starts[len(starts) * part // parts] for part in range(1, parts)]
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _too_long(error: EngineError, pieces: Sequence[list[str]]) -> list[int]:
    """Which texts are to be cut again: that of the piece that is named, or all with long ones."""
    if error.code != "context_length_exceeded":
        raise error
    owners = [index for index, each in enumerate(pieces) for _ in each]
    number = number_in(error.param)
    if number is not None and number < len(owners):
        return [owners[number]]
    longest = [max(map(len, each)) for each in pieces]
    return [index for index, chars in enumerate(longest) if 2 * chars > max(longest)]


def _half(pieces: Sequence[str], error: EngineError) -> int:
    """Half the tokens of the longest. Raises `error` where there is nothing to halve."""
    longest = max(len(token_spans(piece)[0]) for piece in pieces)
    if longest < 2:
        raise error
    return longest // 2


def _means(vectors: Vectors, counts: Sequence[int]) -> Vectors:
    if not counts:
        return vectors
    starts = np.cumsum([0, *counts[:-1]])
    sums: Vectors = np.add.reduceat(vectors, starts, axis=0)
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return sums
