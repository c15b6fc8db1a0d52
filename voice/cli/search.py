"""`voice search`: the passages of indexed documents that fit a question."""

import re
import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal, cast

import click
import msgspec
from rich.console import Console
from rich.text import Text

from voice.cli.loop import run
from voice.cli.settings import settings_or_exit
from voice.cli.terminal import harmless
from voice.config import Settings
from voice.engines.protocols import Embedder, EngineError
from voice.engines.registry import open_engine
from voice.observe.logs import set_up_logs
from voice.search.errors import SearchError
from voice.search.filters import Filter, parse_filter
from voice.search.keywords import words_of
from voice.search.library import open_library
from voice.search.records import FOLDERS_STORE, Passage, VectorStore, plain
from voice.search.searcher import Ranking

Mode = Literal["fused", "keyword", "vector"]

MODES: dict[Mode, Ranking] = {
    "fused": Ranking(),
    "keyword": Ranking(vector_weight=0.0, rerank=False),
    "vector": Ranking(keyword_weight=0.0, rerank=False),
}
_COMPARISONS = {"!=": "ne", ">=": "gte", "<=": "lte", ">": "gt", "<": "lt", "=": "eq"}
_FILTER = re.compile(r"([^=<>!]+)(!=|>=|<=|=|>|<)(.*)", re.DOTALL)


@click.command()
@click.argument("question", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option(
    "--filter",
    "wanted",
    metavar="KEY=VALUE",
    multiple=True,
    help="Only documents with this attribute: folder; path, from there on; format, as markdown, "
    "text, html, pdf or docx; or one of their own. Also !=, <, <=, >, >=. Of several all must hold.",
)
@click.option(
    "--mode",
    type=click.Choice(list(MODES)),
    default="fused",
    show_default=True,
    help="By words and meaning together, or one of them alone.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
def search(
    question: tuple[str, ...], limit: int, wanted: tuple[str, ...], mode: Mode, as_json: bool
) -> None:
    """Find the passages of indexed documents that fit QUESTION best.

    The exit status is 1 when there are none.
    """
    asked = " ".join(question)
    if not asked.strip():
        raise click.UsageError('the question is empty: voice search "when do the roses bloom"')
    settings = settings_or_exit()
    set_up_logs("critical", settings.log_format)
    filters = _filters(wanted)
    try:
        passages = run(_search(settings, asked, limit, filters, mode))
    except (SearchError, EngineError) as error:
        raise click.ClickException(str(error)) from error
    for number, passage in enumerate(passages):
        if as_json:
            click.echo(_json(passage))
        else:
            _show(passage, asked, is_first=number == 0)
    if not passages:
        click.echo("Nothing fits.", err=True)
        raise SystemExit(1)


def _filters(wanted: Sequence[str]) -> Filter | None:
    """Raises `click.BadParameter` for what is no comparison."""
    if not wanted:
        return None
    try:
        return parse_filter({"type": "and", "filters": [_comparison(each) for each in wanted]})
    except SearchError as error:
        raise click.BadParameter(str(error), param_hint="--filter") from error


def _comparison(text: str) -> dict[str, object]:
    found = _FILTER.fullmatch(text)
    if not found:
        raise click.BadParameter(f"{text!r} is not like KEY=VALUE", param_hint="--filter")
    key, sign, value = found[1].strip(), found[2], found[3].strip()
    return {"type": _COMPARISONS[sign], "key": key, "value": _value(value)}


def _value(text: str) -> str | float | bool:
    """A number or truth value where it looks like one, and a text in quotation marks or else."""
    if text in {"true", "false"}:
        return text == "true"
    if text[:1] == text[-1:] == '"' and len(text) > 1:
        return text[1:-1]
    try:
        return float(text)
    except ValueError:
        return text


async def _search(
    settings: Settings, question: str, limit: int, filters: Filter | None, mode: Mode
) -> list[Passage]:
    async with open_library(settings.search.location) as library:
        store = await library.store(FOLDERS_STORE)
        if store is None:
            raise SearchError("Nothing is indexed yet: voice index FOLDER", "not_found")
        async with _embedder(settings, store, mode) as library.embedder:
            return await library.search(
                [store.id], [question], filters=filters, limit=limit, ranking=MODES[mode]
            )


@asynccontextmanager
async def _embedder(
    settings: Settings, store: VectorStore, mode: Mode
) -> AsyncIterator[Embedder | None]:
    """The model that the vectors of a store want; None where none is needed or had."""
    if mode == "keyword" or not (store.embedder or mode == "vector"):
        yield None
        return
    if not store.embedder:
        raise SearchError(
            "The index has no vectors: get a model by `voice pull minilm`, then `voice index`",
            "invalid",
        )
    async with open_engine(settings, "embed", settings.engines.embed) as engine:
        if engine is None:
            lack = f"The index has vectors of {store.embedder}, which is not here"
            if mode == "vector":
                raise SearchError(f"{lack}: get it by `voice pull {store.embedder}`", "invalid")
            click.echo(f"{lack}; searching by words alone.", err=True)
        yield cast("Embedder | None", engine)


def _json(passage: Passage) -> bytes:
    document, chunk = passage.document, passage.chunk
    return msgspec.json.encode(
        {
            "score": round(passage.score, 4),
            "document": document.name,
            "path": document.path,
            "title": document.title,
            "headings": chunk.headings,
            "text": chunk.text,
            "start": chunk.start,
            "end": chunk.end,
            "attributes": plain(document.attributes),
        }
    )


def _show(passage: Passage, question: str, *, is_first: bool) -> None:
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    document, chunk = passage.document, passage.chunk
    if not is_first:
        console.print()
    place = " > ".join(chunk.headings)
    head = Text.assemble(
        (f"{passage.score:.2f}", "bold green"),
        "  ",
        (harmless(document.path), "bold"),
        (f"  {harmless(place)}" if place else "", "cyan"),
    )
    console.print(head)
    text = Text(harmless(chunk.text))
    for start, end in term_spans(text.plain, question):
        text.stylize("bold yellow", start, end)
    console.print(text)


def term_spans(text: str, question: str) -> list[tuple[int, int]]:
    """Where the words of a question stand in a text, also with other endings."""
    stems = {_stem(word) for word in words_of(question)}
    return [
        found.span() for found in re.finditer(r"[^\W_]+", text) if _stem(found[0].lower()) in stems
    ]


def _stem(word: str) -> str:
    """A word without accents and its commonest endings, as the keyword search takes it."""
    plain = unicodedata.normalize("NFD", word)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    for ending in ("ing", "ed", "es", "s", "e"):
        if plain.endswith(ending) and len(plain) - len(ending) >= 3:
            plain = plain.removesuffix(ending)
            break
    return f"{plain[:-1]}i" if plain.endswith("y") else plain
