"""`voice bench search`: measure how well and how fast documents are found."""

import asyncio
from typing import BinaryIO, cast

import click

from voice.bench.figures import Spread
from voice.bench.search_bench import SEARCH_DEFINITIONS, Found, SearchResult, measure_search
from voice.bench.search_corpus import Question, transcribed_questions, typed_questions
from voice.bench.tables import ABSENT, print_table
from voice.cli.bench_output import Numbers, console_beside, json_option, machine, write_json
from voice.cli.settings import settings_or_exit
from voice.config import Settings
from voice.engines.protocols import Embedder, EngineError
from voice.engines.registry import open_engine

HEADERS = [
    "chunks", "by", "recall@5", "MRR", "heard recall@5", "heard MRR", "query ms p50 / p95",
    "index s per MB", "memory MB",
]  # fmt: skip


@click.command()
@click.option(
    "--chunks",
    type=Numbers(100),
    default="1000,10000,100000",
    show_default=True,
    help="How many chunks there are; one run each.",
)
@click.option("--heard/--no-heard", default=True, help="Ask the spoken questions, too.")
@json_option
def search(chunks: tuple[int, ...], heard: bool, to: BinaryIO | None) -> None:
    """Measure how well and how fast documents are found, by the sample questions.

    By words, and with an embedding model also by meaning and by both.
    """
    console = console_beside(to)
    settings = settings_or_exit()
    spoken: list[Question] = []
    if heard:
        try:
            spoken = transcribed_questions()
        except EngineError as error:
            console.print(f"The spoken questions are left out: {error}", style="dim")
    results = asyncio.run(_measure(settings, chunks, spoken))
    print_table(console, "Questions answered, and the time they take", HEADERS, _rows(results))
    if all(each.mode == "words" for each in results):
        console.print("By words alone: `voice pull minilm` fetches an embedding model.")
    for name, meaning in SEARCH_DEFINITIONS.items():
        console.print(f"{name}: {meaning}", style="dim", soft_wrap=not console.is_terminal)
    write_json(to, {"machine": machine(), "definitions": SEARCH_DEFINITIONS, "runs": results})


async def _measure(
    settings: Settings, chunks: tuple[int, ...], heard: list[Question]
) -> list[SearchResult]:
    typed = typed_questions()
    async with open_engine(settings, "embed", settings.engines.embed) as engine:
        embedder = cast("Embedder | None", engine)
        return [
            each for count in chunks for each in await measure_search(count, typed, heard, embedder)
        ]


def _rows(results: list[SearchResult]) -> list[list[str]]:
    return [
        [
            f"{each.chunks:,}",
            each.mode,
            *_found(each.typed),
            *(_found(each.heard) if each.heard else [ABSENT, ABSENT]),
            _both(each.typed.query_ms),
            f"{each.indexed.seconds / each.indexed.megabytes:.1f}",
            ABSENT if each.memory_mb is None else f"{each.memory_mb:.0f}",
        ]
        for each in results
    ]


def _found(found: Found) -> list[str]:
    return [f"{found.recall:.2f}", f"{found.mrr:.2f}"]


def _both(seen: Spread | None) -> str:
    return ABSENT if seen is None else f"{seen.p50:.1f} / {seen.p95:.1f}"
