"""`voice speak`: a text, spoken into a file."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    contextmanager,
)
from pathlib import Path
from time import monotonic
from typing import BinaryIO, cast, get_args

import click
from msgspec import structs
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from voice.audio.encoding import SpeechFormat, encoder, wav_header
from voice.cli.engines import opened, server_at
from voice.cli.loop import run
from voice.cli.settings import settings_or_exit
from voice.engines.protocols import EngineError, SpeakOptions, TextToSpeech
from voice.engines.registry import Engine
from voice.groups import ungrouped
from voice.narration import Narration, spoken_chunks
from voice.observe.logs import set_up_logs
from voice.session.voices import SPEECH_VOICES, installed_voice, voice_language

FORMATS: tuple[SpeechFormat, ...] = get_args(SpeechFormat)
SUFFIXES: dict[str, SpeechFormat] = {f".{name}": name for name in FORMATS} | {".ogg": "opus"}
STANDARD_OUTPUT = Path("-")


@click.command()
@click.argument("text")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The file to write; - writes to standard output.  [default: speech.FORMAT]",
)
@click.option(
    "--format",
    "wanted",
    type=click.Choice(FORMATS),
    help="Its format.  [default: as the name of the file ends, else wav]",
)
@click.option("--voice", default="", help="One of the engine's voices, or of OpenAI's names.")
@click.option("--speed", type=click.FloatRange(0.25, 4), default=1.0, help="1 is as people speak.")
@click.option("--language", help="Of the text, such as de.  [default: that of the voice]")
@click.option(
    "--engine", help="Such as espeak or kokoro; with --url a model of it.  [default: ENGINES__TTS]"
)
@click.option("--url", help="A running server, such as http://127.0.0.1:8000, to speak instead.")
@click.option("--key", envvar="VOICE_API_KEY", help="Its API key.")
def speak(
    text: str,
    out: Path | None,
    wanted: SpeechFormat | None,
    voice: str,
    speed: float,
    language: str | None,
    engine: str | None,
    url: str | None,
    key: str | None,
) -> None:
    """Speak TEXT into a file, or what comes on standard input if TEXT is -."""
    settings = settings_or_exit()
    set_up_logs("critical", settings.log_format)
    chunks = list(spoken_chunks(_text(text), language or voice_language(voice)))
    if not chunks:
        raise click.ClickException("there is nothing to say: the text has no letters and no digits")
    to = _format(wanted, out)
    options = SpeakOptions(voice=voice, speed=speed, language=language)
    server = server_at(url, key, settings.inference_timeout) if url else None
    try:
        with ungrouped():
            run(_speak(opened(settings, "speech", engine, server), chunks, options, to, out))
    except (EngineError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(
            f"cannot write {error.filename or 'the speech'}: {error.strerror}"
        ) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _text(text: str) -> str:
    if text != "-":
        return text
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"what came on standard input is no UTF-8: {error}") from error


def _format(wanted: SpeechFormat | None, out: Path | None) -> SpeechFormat:
    """The format that was asked for, or that the file is called after; those must agree."""
    if wanted is None:
        return _format_of(out)
    named = SUFFIXES.get(out.suffix.lower(), wanted) if out else wanted
    if named != wanted:
        raise click.ClickException(
            f"{out} would be {named} by its name, and --format says {wanted}: change either, or "
            "leave --format out"
        )
    return wanted


def _format_of(out: Path | None) -> SpeechFormat:
    if out is None or out == STANDARD_OUTPUT:
        return "wav"
    try:
        return SUFFIXES[out.suffix.lower()]
    except KeyError:
        raise click.ClickException(
            f"{out}: {out.suffix or 'no suffix'} is no format; name it {', '.join(SUFFIXES)}, or "
            "give --format"
        ) from None


async def _speak(
    engine: AbstractAsyncContextManager[Engine],
    chunks: list[str],
    options: SpeakOptions,
    to: SpeechFormat,
    out: Path | None,
) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    async with engine as found:
        tts = cast("TextToSpeech", found)
        start_s = monotonic()
        if options.voice in SPEECH_VOICES:
            options = structs.replace(options, voice=installed_voice(options.voice, tts.voices))
        with _progress(chunks, console) as counted:
            coder = encoder(to, tts.rate_hz)
            narration = Narration(counted, tts, options, coder)
            path = out or Path(f"speech.{to}")
            async with aclosing(narration.blocks()) as blocks:
                # The file is made when there is something to write to it.
                first = await anext(blocks)
                with _opened(path, to, coder.rate_hz) as file:
                    file.write(first)
                    async for block in blocks:
                        file.write(block)
    took_s = monotonic() - start_s
    if path != STANDARD_OUTPUT:
        console.print(
            f"{path}: {narration.duration_s:.1f} s, spoken in {took_s:.1f} s by {tts.name}"
        )


@contextmanager
def _progress(chunks: list[str], console: Console) -> Iterator[Iterable[str]]:
    """The chunks, shown as they are taken; on a terminal only."""
    columns = TextColumn("Speaking"), BarColumn(), TimeRemainingColumn()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=sum(map(len, chunks)))

        def counted() -> Iterator[str]:
            for chunk in chunks:
                yield chunk
                progress.advance(task, len(chunk))

        yield counted()


@contextmanager
def _opened(path: Path, to: SpeechFormat, rate_hz: int) -> Iterator[BinaryIO]:
    """The file to write; at its end a WAV learns its length, and what broke off is removed."""
    if path == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with path.open("wb") as file:
        try:
            yield file
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if to == "wav":
            size = file.tell() - len(wav_header(rate_hz))
            file.seek(0)
            file.write(wav_header(rate_hz, size))
