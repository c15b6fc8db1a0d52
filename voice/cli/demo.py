"""`voice demo`: a spoken conversation of the server with itself."""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console

from voice.audio.files import read_recording, write_recording
from voice.bundled import samples_path
from voice.cli.caller import RATE_HZ, CallEndedError, Caller, call
from voice.cli.conversing import SESSION, Transcript
from voice.cli.hosting import Hosted, hosting
from voice.cli.loop import run
from voice.cli.serve import own_key
from voice.cli.settings import settings_or_exit
from voice.config import SearchSettings, Settings
from voice.observe.logs import set_up_logs

INTERRUPT_AFTER_MS = 1200


@dataclass(frozen=True, slots=True)
class Question:
    """A recording of the user; one that `interrupts` does not wait for the answer's end."""

    pcm: bytes
    interrupts: bool


@click.command()
@click.option("--once", is_flag=True, help="End after the conversation instead of serving on.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("voice-demo.wav"),
    show_default=True,
    help="Where the recording goes: the user on the left, the answers on the right.",
)
def demo(once: bool, out: Path) -> None:
    """Hear and read a spoken conversation, held by the server with itself.

    Starts a server on a free port of this machine, asks it recorded questions over a real
    WebSocket, interrupts it once, prints both sides with the latency of each stage, and writes the
    whole conversation as a stereo WAV. Then it keeps serving until Ctrl-C.
    """
    settings = settings_or_exit(server__host="127.0.0.1", server__port=0)
    set_up_logs("warning", settings.log_format)
    with TemporaryDirectory() as folder:
        # The questions are about the samples, whatever the user has indexed.
        search = SearchSettings(database=str(Path(folder) / "search.db"))
        samples = settings.model_copy(update={"documents": None, "search": search})
        run(_demo(samples, out, once=once))


async def _demo(settings: Settings, out: Path, *, once: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    async with hosting(settings) as hosted:
        _introduce(console, hosted)
        caller = await hosted.unless_stopped(_converse(hosted, settings, console))
        if caller is None:
            return
        write_recording(out, RATE_HZ, bytes(caller.spoken), bytes(caller.heard))
        console.print(f"\nThe conversation is in {out}: you on the left, the answers on the right.")
        if not once:
            console.print(f"Still serving at {hosted.url}; Ctrl-C ends.")
            await hosted.until_stopped()


def _introduce(console: Console, hosted: Hosted) -> None:
    engines = hosted.server.engines
    for choice in engines.choices if engines else ():
        console.print(f"{choice.kind:>6}  {choice.name}: {choice.reason}", style="dim")
    console.print()


async def _converse(hosted: Hosted, settings: Settings, console: Console) -> Caller:
    transcript = Transcript(console)
    try:
        async with call(hosted.url, own_key(settings), SESSION, transcript.show) as caller:
            await _hold(caller, _script())
            return caller
    except CallEndedError as error:
        raise click.ClickException(str(error)) from error


async def _hold(caller: Caller, questions: list[Question]) -> None:
    for number, question in enumerate(questions, start=1):
        if question.interrupts:
            await caller.played(INTERRUPT_AFTER_MS)
        else:
            await caller.silent()
        caller.speak(question.pcm)
        await caller.event("response.created", number)
        if number == len(questions) or not questions[number].interrupts:
            await caller.event("response.done", number)
    await caller.silent()


def _script() -> list[Question]:
    folder = samples_path()
    listed = json.loads((folder / "questions.json").read_text())
    return [
        Question(
            read_recording(folder / question["file"], RATE_HZ), "interrupt" in question["file"]
        )
        for question in listed
    ]
