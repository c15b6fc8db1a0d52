"""How well and how fast documents are found: by words, by meaning, and by both."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Literal

import msgspec

from voice.bench.figures import Spread, spread
from voice.bench.search_corpus import STORE, Indexed, Question, fill
from voice.bench.usage import Meter
from voice.engines.protocols import Embedder
from voice.search.library import Library, open_library
from voice.search.records import Passage
from voice.search.searcher import Ranking

Mode = Literal["words", "meaning", "both"]
RANKINGS: dict[Mode, Ranking] = {
    "words": Ranking(vector_weight=0.0),
    "meaning": Ranking(keyword_weight=0.0),
    "both": Ranking(),
}
LOOKED_AT = 5

SEARCH_DEFINITIONS = {
    "corpus": "the sample documents, and made-up chunks up to the number: random vectors, and words "
    "as often as languages have theirs, invented ones and among them those of the samples",
    "recall@5": "the share of questions whose answer stands in one of the first five passages, "
    "which must be of the right document and hold the words of the answer",
    "MRR": "the mean of 1 / the place of the first such passage among the five",
    "heard": "the questions as PocketSphinx transcribes their recordings",
    "query": "from the question to its passages, the embedding of the question included",
    "memory": "what the process has grown by since the library was opened, after all queries",
}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How some questions fared."""

    recall: float
    mrr: float
    query_ms: Spread | None


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    chunks: int
    mode: Mode
    typed: Found
    heard: Found | None
    indexed: Indexed
    memory_mb: float | None


async def measure_search(
    chunks: int, typed: Sequence[Question], heard: Sequence[Question], embedder: Embedder | None
) -> list[SearchResult]:
    """Fill a library with so many chunks and ask it everything, in each mode there is."""
    modes: tuple[Mode, ...] = ("words", "meaning", "both") if embedder else ("words",)
    meter = Meter()
    with tempfile.TemporaryDirectory() as folder:
        async with open_library(str(Path(folder) / "search.db"), embedder=embedder) as library:
            before = meter.read().memory_bytes
            indexed = await fill(library, chunks)
            asked = {mode: await _ask_both(library, mode, typed, heard) for mode in modes}
            after = meter.read().memory_bytes
    grown_mb = None if before is None or after is None else (after - before) / 1e6
    return [
        SearchResult(
            chunks=chunks,
            mode=mode,
            typed=found,
            heard=misheard,
            indexed=indexed,
            memory_mb=grown_mb,
        )
        for mode, (found, misheard) in asked.items()
    ]


async def _ask_both(
    library: Library, mode: Mode, typed: Sequence[Question], heard: Sequence[Question]
) -> tuple[Found, Found | None]:
    await _ask(library, mode, typed[:1])  # The first search reads the vectors.
    found = await _ask(library, mode, typed)
    return found, await _ask(library, mode, heard) if heard else None


async def _ask(library: Library, mode: Mode, questions: Sequence[Question]) -> Found:
    places: list[int] = []
    query_ms: list[float] = []
    for question in questions:
        began_s = perf_counter()
        passages = await library.search(
            [STORE], [question.text or "."], limit=LOOKED_AT, ranking=RANKINGS[mode]
        )
        query_ms.append((perf_counter() - began_s) * 1000)
        places.append(_place(question, passages))
    return Found(
        recall=sum(place > 0 for place in places) / len(places),
        mrr=sum(1 / place for place in places if place) / len(places),
        query_ms=spread(query_ms),
    )


def _place(question: Question, passages: Sequence[Passage]) -> int:
    """Where the first passage stands that answers, from 1; 0 for nowhere."""
    for place, passage in enumerate(passages, 1):
        is_right = passage.document.name == question.document
        if is_right and question.answer.lower() in passage.chunk.text.lower():
            return place
    return 0
