"""An embedder that costs nothing, for tests and benchmarks."""

import asyncio
import zlib
from collections.abc import Sequence

import numpy as np

from voice.engines.places import place
from voice.engines.protocols import Embeddings, EngineError


class FakeEmbedder:
    """Texts that share words lie near each other, and it takes `delay_s` for any number of them.

    `requests` holds what was asked; texts that contain `fails_on` are refused.
    """

    name = "fake"

    def __init__(
        self,
        *,
        dimensions: int = 64,
        max_tokens: int = 512,
        delay_s: float = 0.0,
        fails_on: str | None = None,
    ) -> None:
        self.dimensions = dimensions
        self.max_tokens = max_tokens
        self.delay_s = delay_s
        self.fails_on = fails_on
        self.requests: list[tuple[str | tuple[int, ...], ...]] = []

    async def embed(self, inputs: Sequence[str | tuple[int, ...]]) -> Embeddings:
        self.requests.append(tuple(inputs))
        await asyncio.sleep(self.delay_s)
        words = [each.lower().split() if isinstance(each, str) else each for each in inputs]
        for index, each in enumerate(words):
            if self.fails_on is not None and self.fails_on in each:
                raise EngineError(f"{self.fails_on!r} cannot be embedded")
            if len(each) > self.max_tokens:
                raise EngineError(
                    f"This input has {len(each)} words; the model takes {self.max_tokens} at most",
                    "context_length_exceeded",
                    place(index),
                )
        vectors = np.zeros((len(words), self.dimensions), dtype="<f4")
        for vector, each in zip(vectors, words, strict=True):
            # One more than the words, so that no text is all zeros.
            places = [zlib.crc32(str(word).encode()) % self.dimensions for word in ("", *each)]
            np.add.at(vector, places, 1)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return Embeddings(vectors=vectors.tobytes(), tokens=tuple(map(len, words)))
