"""The sample documents among many made-up ones, and the sample questions, typed and transcribed."""

import json
import random
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np

from voice.bundled import samples_path
from voice.search.chunking import cut
from voice.search.formats import read_text
from voice.search.library import Library
from voice.search.records import Chunk, ChunkingRules, Document, Vectors, VectorStore

STORE = "vs_bench"
RULES = ChunkingRules(max_tokens=256, overlap_tokens=32)
CHUNKS_PER_DOCUMENT = 50
WORDS_PER_CHUNK = 90
INVENTED_WORDS = 20_000
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
SEED = 7


class Question(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    document: str
    """The name of the document that answers it."""
    answer: str
    """Words that the passage has which answers it."""


class Indexed(msgspec.Struct, frozen=True, kw_only=True):
    """What it took to index the sample documents, or none of their own embedder's work."""

    chunks: int
    seconds: float
    megabytes: float


def typed_questions() -> list[Question]:
    listed = json.loads((samples_path() / "search.json").read_text())
    return [
        Question(text=each["words"], document=each["document"], answer=each["answer"])
        for each in listed
    ]


def transcribed_questions() -> list[Question]:
    """The same questions as PocketSphinx hears them. Raises `EngineError` where it is missing."""
    from voice.engines.sphinx import Sphinx  # noqa: PLC0415 - loads a language model
    from voice.engines.wer_samples import recognize  # noqa: PLC0415

    folder = samples_path()
    recognizer = Sphinx(str(folder / "documents"))
    listed = json.loads((folder / "search.json").read_text())
    return [
        msgspec.structs.replace(question, text=recognize(recognizer, folder / each["file"]))
        for question, each in zip(typed_questions(), listed, strict=True)
    ]


async def fill(library: Library, chunks: int) -> Indexed:
    """Put the sample documents in, and made-up ones until there are so many chunks.

    The made-up ones have random vectors, and words as often as languages have theirs: invented
    ones, and among them those of the samples.
    """
    await library.put_store(VectorStore(id=STORE, created_at=0, last_active_at=0))
    began_s, samples, size = perf_counter(), 0, 0
    words: list[str] = []
    for path in sorted((samples_path() / "documents").iterdir()):
        kept = await _put_sample(library, path)
        samples += len(kept)
        size += path.stat().st_size
        words += [word for chunk in kept for word in chunk.text.split()]
    seconds = perf_counter() - began_s
    await _put_others(library, chunks - samples, words)
    return Indexed(chunks=samples, seconds=seconds, megabytes=size / 1e6)


async def _put_sample(library: Library, path: Path) -> list[Chunk]:
    text = read_text(path.name, path.read_bytes())  # noqa: ASYNC240 - a benchmark has time
    chunks = cut(text, RULES)
    await library.put(_document(path.name), chunks, await library.embed(chunks))
    return chunks


async def _put_others(library: Library, count: int, words: list[str]) -> None:
    dimensions = library.embedder.dimensions if library.embedder else 0
    rng, numbers = random.Random(SEED), np.random.default_rng(SEED)  # noqa: S311 - no secret
    vocabulary = _vocabulary(rng, words)
    for start in range(0, count, CHUNKS_PER_DOCUMENT):
        few = min(CHUNKS_PER_DOCUMENT, count - start)
        chunks = list(_made_up(rng, vocabulary, few))
        vectors = _random_vectors(numbers, few, dimensions) if dimensions else None
        await library.put(_document(f"made-up-{start}.md"), chunks, vectors)


def _vocabulary(rng: random.Random, words: list[str]) -> list[str]:
    """Words in any order, of which the first are to be the most frequent."""
    invented = {"".join(rng.choices(SYLLABLES, k=rng.randint(2, 4))) for _ in range(INVENTED_WORDS)}
    vocabulary = sorted(invented | {word.strip(".,:;") for word in words})
    rng.shuffle(vocabulary)
    return vocabulary


def _made_up(rng: random.Random, vocabulary: list[str], count: int) -> Iterator[Chunk]:
    # Zipf's law: the nth word comes 1/n as often as the first.
    shares = list(accumulate(1 / rank for rank in range(1, len(vocabulary) + 1)))
    for _ in range(count):
        text = " ".join(rng.choices(vocabulary, cum_weights=shares, k=WORDS_PER_CHUNK))
        yield Chunk(text=text, start=0, end=len(text))


def _random_vectors(numbers: np.random.Generator, count: int, dimensions: int) -> Vectors:
    vectors = numbers.standard_normal((count, dimensions), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _document(name: str) -> Document:
    return Document(id=name, store_id=STORE, name=name, status="completed", created_at=0)
