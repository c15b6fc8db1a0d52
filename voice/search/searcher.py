"""Keywords and vectors together: the passages that fit a question best."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np

from voice.search.errors import SearchError, mismatch
from voice.search.filters import Compiled
from voice.search.fusion import descending, fuse
from voice.search.keywords import words_of
from voice.search.records import Passage, Vectors
from voice.search.store import Found, Keywords, Records, VectorIndex

LEAST_DEPTH = 60
"""Of each ranking that is fused: what stands lower changes the first places no more."""


class Reranker(Protocol):
    """Judges passages again, each beside the question: slower than a search, and better."""

    name: str

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers, 0 to 1, in the order of the texts. Raises `EngineError`."""


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """How passages are put in order. A weight of 0 leaves that part of the search out."""

    keyword_weight: float = 1.0
    vector_weight: float = 1.0
    score_threshold: float = 0.0
    """Passages with a lower score are left out."""
    rerank: bool = True
    """Let the reranker judge, where there is one."""


class Questions(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of which stores. Several texts ask for the same in different words."""

    store_ids: Sequence[str]
    texts: Sequence[str]
    vectors: Vectors | None
    """One row a text, of length 1; None searches by keywords alone."""
    embedder: str
    wanted: Compiled | None
    limit: int
    ranking: Ranking


class Searcher:
    """Fuses, by reciprocal rank, the rankings of all questions in all stores.

    The score of a passage is its cosine to the question and the share of the question's words that
    it has, averaged by the weights of the two; of several questions the best counts. What was not
    asked for, or could not be, has no weight.
    """

    def __init__(self, records: Records, vectors: VectorIndex) -> None:
        self._records = records
        self._vectors = vectors

    def search(self, asked: Questions) -> list[Passage]:
        """The best passages, best first; `limit` is kept, the threshold is not looked at."""
        with self._records.snapshot():
            stores, weights = self._vector_stores(asked), asked.ranking
            depth = max(LEAST_DEPTH, 2 * asked.limit)
            words = [words_of(text) if weights.keyword_weight else [] for text in asked.texts]
            keywords = [
                self._records.keywords(asked.store_ids, each, asked.wanted, depth) for each in words
            ]
            nearest = [self._nearest(asked, store_id, depth) for store_id in stores]
            rankings = [(weights.keyword_weight, each.ranked) for each in keywords]
            for of_question in zip(*nearest, strict=True):
                merged = sorted((f for each in of_question for f in each), key=_worst_first)
                rankings.append((weights.vector_weight, [f.chunk_id for f in merged[:depth]]))
            ids = fuse(rankings)[: asked.limit]
            return self._records.passages(self._judged(asked, ids, keywords, stores))

    def _vector_stores(self, asked: Questions) -> list[str]:
        """Those whose vectors are looked at. Raises `SearchError` where they are another's."""
        found = []
        for store_id in asked.store_ids:
            store = self._records.store(store_id)
            if store is None:
                raise SearchError(f"There is no vector store '{store_id}'", "not_found", "store_id")
            if asked.vectors is None or not store.embedder or not asked.ranking.vector_weight:
                continue
            dimensions = asked.vectors.shape[1]
            if (store.embedder, store.dimensions) != (asked.embedder, dimensions):
                raise mismatch(store, asked.embedder, dimensions)
            found.append(store_id)
        return found

    def _nearest(self, asked: Questions, store_id: str, depth: int) -> list[list[Found]]:
        assert asked.vectors is not None  # noqa: S101 - else no store has them looked at
        return self._vectors.nearest(store_id, asked.vectors, asked.wanted, depth)

    def _judged(
        self,
        asked: Questions,
        ids: Sequence[int],
        keywords: Sequence[Keywords],
        stores: Sequence[str],
    ) -> list[Found]:
        """The chunks, in their order, with their scores."""
        best = np.zeros(len(ids))
        for number, words in enumerate(keywords):
            near = self._similarities(asked, number, ids, stores)
            word_weight = asked.ranking.keyword_weight if words.asked else 0.0
            vector_weight = asked.ranking.vector_weight if stores else 0.0
            scores = [
                word_weight * covered + vector_weight * near.get(each, 0.0)
                for each, covered in zip(ids, words.coverage(ids), strict=True)
            ]
            best = np.maximum(best, np.divide(scores, word_weight + vector_weight or 1.0))
        return list(map(Found, ids, descending(best.tolist())))

    def _similarities(
        self, asked: Questions, number: int, ids: Sequence[int], stores: Sequence[str]
    ) -> dict[int, float]:
        near: dict[int, float] = {}
        for store_id in stores:
            assert asked.vectors is not None  # noqa: S101 - as above
            near |= self._vectors.similarities(store_id, asked.vectors[number], ids)
        return near

    def warm(self, store_id: str) -> None:
        """Read what a search in the store will want at hand."""
        with self._records.snapshot():
            store = self._records.store(store_id)
            if store is not None and store.embedder:
                nothing = np.zeros((1, store.dimensions), np.float32)
                self._vectors.nearest(store_id, nothing, None, 1)


def _worst_first(found: Found) -> float:
    return -found.relevance
