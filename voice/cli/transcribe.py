"""`voice transcribe`: recordings, written down."""

from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import cast, get_args

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
from voice.http.transcript_formats import Heard, write
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


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
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
    """Write down what is said in FILES, of sound or film, of any length."""
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
    return {file: out / f"{file.stem}{SUFFIXES[wanted]}" for file in files}


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
                text = await _written(settings, stt, file, asked, console)
            except DecodingError as error:
                console.print(f"{file}: the file {error}")
                failed += 1
                continue
            if out is None:
                click.echo(text, nl=False)
            else:
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_bytes(text)
                console.print(str(out))
    if failed:
        raise SystemExit(1)


async def _written(
    settings: Settings, stt: SpeechToText, path: Path, asked: Asked, console: Console
) -> bytes:
    """The text of one file in its format. Raises `DecodingError` and `EngineError`."""
    detector = open_detector(settings.engines.vad, 0.0)
    with path.open("rb") as file, _progress(path.name, console) as report:
        async with (
            Recording.opened(file, detector, Cutting()) as recording,
            aclosing(listen(stt, recording, asked.options, progress=report)) as parts,
        ):
            heard = [part async for part in parts]
    if recording.trouble:
        console.print(f"{path}: {recording.trouble}")
    return write(Heard(heard, recording.duration_s), asked)


@contextmanager
def _progress(name: str, console: Console) -> Iterator[Report]:
    """A bar over the seconds of a recording; on a terminal only."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done_s, of_s: progress.update(task, completed=done_s, total=of_s)
