"""`voice ask`: spoken questions from recordings."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
from rich.console import Console

from voice.audio.files import RecordingError, read_recording, write_recording
from voice.cli.caller import RATE_HZ, CallEndedError, Caller, call
from voice.cli.conversing import SESSION, Transcript
from voice.cli.hosting import hosting
from voice.cli.loop import run
from voice.cli.serve import own_key
from voice.cli.settings import settings_or_exit
from voice.observe.logs import set_up_logs

PATIENCE_S = 30.0
"""A question that got no answer by then was not understood."""


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--url",
    help="A running server, such as http://127.0.0.1:8000 or wss://box:8000.  [default: start one]",
)
@click.option("--key", envvar="VOICE_API_KEY", help="Its API key.")
@click.option(
    "--accept-self-signed", is_flag=True, help="Take any certificate from a server with HTTPS."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder for the answers.  [default: this one]",
)
def ask(
    files: tuple[Path, ...],
    url: str | None,
    key: str | None,
    accept_self_signed: bool,
    out: Path,
) -> None:
    """Ask the spoken questions in FILES, one turn each, in one conversation.

    Prints what was understood and answered, and writes each answer as NAME.answer.wav.
    """
    try:
        questions = [(file, read_recording(file, RATE_HZ)) for file in files]
    except RecordingError as error:
        raise click.ClickException(str(error)) from error
    out.mkdir(parents=True, exist_ok=True)
    try:
        run(_ask(questions, url, key, out, accept_self_signed=accept_self_signed))
    except (CallEndedError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None


async def _ask(
    questions: list[tuple[Path, bytes]],
    url: str | None,
    key: str | None,
    out: Path,
    *,
    accept_self_signed: bool,
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    transcript = Transcript(console)
    async with _server(url, key) as (address, known_key):
        try:
            async with call(
                address,
                known_key,
                SESSION,
                transcript.show,
                accept_self_signed=accept_self_signed,
            ) as caller:
                for file, pcm in questions:
                    answer = await _turn(caller, pcm)
                    path = out / f"{file.stem}.answer.wav"
                    write_recording(path, RATE_HZ, answer)
                    console.print(f"        {path}", style="dim")
        except ssl.SSLCertVerificationError as error:
            raise click.ClickException(
                f"the certificate of {address} cannot be trusted: {error.verify_message}; if it is "
                "one that the server has made itself, give --accept-self-signed"
            ) from error
        except OSError as error:
            raise click.ClickException(f"cannot reach a server at {address}: {error}") from error


@asynccontextmanager
async def _server(url: str | None, key: str | None) -> AsyncIterator[tuple[str, str | None]]:
    if url is not None:
        yield url, key
        return
    settings = settings_or_exit(server__host="127.0.0.1", server__port=0)
    set_up_logs("warning", settings.log_format)
    async with hosting(settings) as hosted:
        yield hosted.url, own_key(settings)


async def _turn(caller: Caller, pcm: bytes) -> bytes:
    """Say one recording and give what was heard as its answer."""
    answered = caller.count("response.done") + 1
    start = len(caller.heard)
    caller.speak(pcm)
    await caller.quiet()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await caller.event("response.created", answered)
    except TimeoutError:
        raise click.ClickException("the server did not take this for a question") from None
    await caller.event("response.done", answered)
    await caller.silent()
    return bytes(caller.heard[start:])
