"""`voice transcribe`: recordings, written down."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import BinaryIO, cast, get_args

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from voice.audio.decoding import DecodingError
from voice.cli.engines import opened, server_at
from voice.cli.loop import run
from voice.cli.settings import settings_or_exit
from voice.config import Settings
from voice.engines.protocols import EngineError, ListenOptions, SpeechToText
from voice.engines.vad import open_detector
from voice.groups import ungrouped
from voice.http.transcript_formats import Writer
from voice.http.transcription_types import Asked, Format
from voice.observe.logs import set_up_logs
from voice.transcribing.listening import listen
from voice.transcribing.recording import Progress as Report
from voice.transcribing.recording import Recording
from voice.transcribing.stretches import Cutting

FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: dict[Format, str] = {
    "text": ".txt",
    "srt": ".srt",
    "vtt": ".vtt",
    "json": ".json",
    "verbose_json": ".json",
}
STANDARD_INPUT = Path("-")


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option("--format", "wanted", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--language", help="What is spoken, such as de.  [default: the engine listens]")
@click.option("--translate", is_flag=True, help="Write English, whatever is spoken.")
@click.option("--prompt", default="", help="Words and names to expect, or the text before.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="A file; of several FILES the folder for one each.  [default: standard output]",
)
@click.option("--engine", help="Such as sphinx or whisper:base.  [default: ENGINES__STT]")
@click.option("--url", help="A running server, such as http://127.0.0.1:8000, to listen instead.")
@click.option("--key", envvar="VOICE_API_KEY", help="Its API key.")
def transcribe(
    files: tuple[Path, ...],
    wanted: Format,
    language: str | None,
    translate: bool,
    prompt: str,
    out: Path | None,
    engine: str | None,
    url: str | None,
    key: str | None,
) -> None:
    """Write down what is said in FILES, of sound or film, of any length; - is standard input.

    Text and subtitles are written while they are heard.
    """
    settings = settings_or_exit()
    set_up_logs("critical", settings.log_format)
    options = ListenOptions(language=language, prompt=prompt, translate=translate)
    asked = Asked(engine or "", options, wanted, granularities=frozenset({"word", "segment"}))
    outputs = _outputs(files, out, wanted)
    try:
        with ungrouped():
            run(_transcribe(settings, outputs, asked, url, key))
    except (EngineError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _outputs(files: tuple[Path, ...], out: Path | None, wanted: Format) -> dict[Path, Path | None]:
    """Where the text of each file goes; None is standard output."""
    if out is None:
        return dict.fromkeys(files)
    if len(files) == 1 and not out.is_dir():
        return {files[0]: out}
    if out.is_file():
        raise click.ClickException(f"{out} is one file, and {len(files)} are to be written")
    return {
        file: out / f"{'stdin' if file == STANDARD_INPUT else file.stem}{SUFFIXES[wanted]}"
        for file in files
    }


async def _transcribe(
    settings: Settings,
    outputs: dict[Path, Path | None],
    asked: Asked,
    url: str | None,
    key: str | None,
) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    failed = 0
    server = server_at(url, key, settings.inference_timeout) if url else None
    async with opened(settings, "transcription", asked.model or None, server) as engine:
        stt = cast("SpeechToText", engine)
        for file, out in outputs.items():
            try:
                # Text on a terminal is a progress of its own.
                quiet = out is None and sys.stdout.isatty()
                with _opened(out) as write, _progress(file, console, quiet=quiet) as report:
                    await _write(settings, stt, file, asked, write, report, console)
            except DecodingError as error:
                console.print(f"{_shown(file)}: the file {error}")
                failed += 1
                continue
            if out is not None:
                console.print(str(out))
    if failed:
        raise SystemExit(1)


async def _write(
    settings: Settings,
    stt: SpeechToText,
    path: Path,
    asked: Asked,
    write: Callable[[bytes], None],
    report: Report,
    console: Console,
) -> None:
    """Write what is said in one file, as it is heard. Raises `DecodingError` and `EngineError`."""
    detector = open_detector(settings.engines.vad, 0.0)
    writer = Writer(asked)
    with _recording(path) as file:
        async with (
            Recording.opened(file, detector, Cutting()) as recording,
            aclosing(listen(stt, recording, asked.options, progress=report)) as parts,
        ):
            async for part in parts:
                write(writer.push(part))
    write(writer.finish(recording.duration_s))
    if recording.trouble:
        console.print(f"{_shown(path)}: {recording.trouble}")


@contextmanager
def _recording(path: Path) -> Iterator[BinaryIO]:
    """The file to hear; what comes on standard input is kept, for films are not read in order."""
    if path != STANDARD_INPUT:
        with path.open("rb") as file:
            yield file
        return
    with TemporaryFile() as kept:
        copyfileobj(sys.stdin.buffer, kept)
        kept.seek(0)
        yield cast("BinaryIO", kept)


@contextmanager
def _opened(out: Path | None) -> Iterator[Callable[[bytes], None]]:
    """What writes to a file, which is made when there is something to write, or to the terminal."""
    with ExitStack() as stack:
        file: BinaryIO | None = None

        def write(data: bytes) -> None:
            nonlocal file
            if out is None:
                click.echo(data, nl=False)
                return
            if file is None:
                out.parent.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(out.open("wb"))
            file.write(data)
            file.flush()

        yield write


def _shown(path: Path) -> str:
    return "standard input" if path == STANDARD_INPUT else str(path)


@contextmanager
def _progress(path: Path, console: Console, *, quiet: bool) -> Iterator[Report]:
    """A bar over the seconds of a recording; on a terminal only."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    shown = console.is_terminal and not quiet
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=False, disable=not shown
    ) as progress:
        task = progress.add_task(_shown(path), total=None)
        yield lambda done_s, of_s: progress.update(task, completed=done_s, total=of_s)
