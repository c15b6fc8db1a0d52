"""`voice index`: folders of documents, made searchable and kept up to date."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import click
from rich.console import Console

from voice.cli.index_output import Output, list_folders, told
from voice.cli.loop import run
from voice.cli.settings import settings_or_exit
from voice.cli.terminal import InterruptedByUserError, Interrupts
from voice.config import Settings
from voice.engines.names import NONE
from voice.engines.protocols import Embedder, EngineError
from voice.engines.registry import open_engine
from voice.observe.logs import set_up_logs
from voice.search.errors import SearchError
from voice.search.following import indexer_of
from voice.search.indexed import folders_of
from voice.search.indexer import Indexer
from voice.search.library import Library, open_library
from voice.search.reading import ReadingProcess
from voice.search.records import FOLDERS_STORE
from voice.search.watch import follow


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--watch", is_flag=True, help="Stay, and follow changes until Ctrl-C.")
@click.option("--rebuild", is_flag=True, help="Read and embed everything again, uploads too.")
@click.option("--list", "listing", is_flag=True, help="Say what is indexed, and do nothing.")
@click.option(
    "--remove",
    "removed",
    metavar="FOLDER",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Forget the documents of a folder; its files stay as they are.",
)
def index(
    folders: tuple[Path, ...],
    watch: bool,
    rebuild: bool,
    listing: bool,
    removed: tuple[Path, ...],
) -> None:
    """Make the documents in FOLDERS searchable: Markdown, text, HTML, PDF, DOCX.

    Without FOLDERS those that are indexed already are brought up to date. Only what is new or has
    changed is read. Hidden files are left out, and what .gitignore, .ignore and .voiceignore name.
    The exit status is 1 when files could not be read.
    """
    settings = settings_or_exit()
    set_up_logs("critical", settings.log_format)
    tops = [folder.resolve() for folder in folders]
    try:
        if listing:
            run(_list(settings))
        elif removed:
            run(_remove(settings, [folder.expanduser().resolve() for folder in removed]))
        else:
            run(_index(settings, tops, watch=watch, rebuild=rebuild))
    except (SearchError, EngineError) as error:
        raise click.ClickException(str(error)) from error


async def _list(settings: Settings) -> None:
    async with open_library(settings.search.location) as library:
        list_folders(
            library.describe().database,
            await library.paths(FOLDERS_STORE),
            await library.store(FOLDERS_STORE),
        )


async def _remove(settings: Settings, folders: Sequence[Path]) -> None:
    async with open_library(settings.search.location) as library, ReadingProcess() as reading:
        for folder in folders:
            indexer = indexer_of(settings.search, library, reading, lambda _: None)
            summary = await indexer.forget(folder)
            if not summary.removed:
                raise click.ClickException(
                    f"nothing of {folder} is indexed; see voice index --list"
                )
            click.echo(f"{told(summary.removed, 'document')} of {folder} forgotten; the files stay")


async def _index(
    settings: Settings, folders: Sequence[Path], *, watch: bool, rebuild: bool
) -> None:
    interrupts, output = Interrupts(), Output()
    async with _opened(settings, output.console) as library, ReadingProcess() as reading:
        folders = folders or await _known_folders(library)
        if not folders and not (rebuild and (await library.stores()).items):
            raise click.UsageError(
                "nothing is indexed yet: name a folder, as in voice index ~/notes"
            )
        indexer = indexer_of(settings.search, library, reading, output.take)
        try:
            with interrupts.watched(), output.shown():
                if watch:
                    await interrupts.unless(_follow(indexer, folders, output, rebuild=rebuild))
                    return
                summary = await interrupts.unless(indexer.index(folders, rebuild=rebuild))
        except InterruptedByUserError:
            output.interrupted(indexer.summary, rebuild=rebuild)
            raise SystemExit(0 if watch and not indexer.summary.left else 130) from None
        except (SearchError, EngineError):
            output.interrupted(indexer.summary, rebuild=rebuild)
            raise
    output.summarize(summary, folders)
    if summary.failures:
        raise SystemExit(1)


async def _follow(
    indexer: Indexer, folders: Sequence[Path], output: Output, *, rebuild: bool
) -> None:
    """Index again after every change; ends only by being ended."""
    first = True

    async def pass_over() -> None:
        nonlocal first
        summary = await indexer.index(folders, rebuild=rebuild and first)
        if first:
            output.summarize(summary, folders)
            output.say("Following changes; Ctrl-C ends.")
        first = False

    await follow(folders, pass_over, output.say)


async def _known_folders(library: Library) -> list[Path]:
    return list(map(Path, folders_of(await library.paths(FOLDERS_STORE))))


@asynccontextmanager
async def _opened(settings: Settings, console: Console) -> AsyncIterator[Library]:
    """The library, with the embedder if there is one."""
    settings = _with_all_threads(settings)
    async with (
        open_engine(settings, "embed", settings.engines.embed) as embedder,
        open_library(
            settings.search.location, embedder=cast("Embedder | None", embedder)
        ) as library,
    ):
        if embedder is None and settings.engines.embed != NONE:
            console.print(
                "There is no embedding model here, so documents will be found by their words alone."
                " After `voice pull minilm`, `voice index` adds the vectors."
            )
        yield library


def _with_all_threads(settings: Settings) -> Settings:
    """Half of them is for a server, whose other half speaks; here nobody waits for a word."""
    threads = settings.local.n_threads or os.cpu_count()
    local = settings.local.model_copy(update={"n_threads": threads})
    return settings.model_copy(update={"local": local})
