"""`voice chat`: a conversation in text, typed or piped in."""

import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import click
import msgspec
from rich.console import Console

from voice.cli.dialogue import Dialogue
from voice.cli.hosting import hosting
from voice.cli.loop import run
from voice.cli.serve import own_key
from voice.cli.settings import settings_or_exit
from voice.cli.terminal import InterruptedByUserError, Interrupts, harmless, read_line
from voice.engines.names import AUTO
from voice.engines.protocols import EngineError
from voice.engines.remote import RemoteServer
from voice.http.models import OWNER
from voice.observe.logs import set_up_logs
from voice.providers.config import ProviderConfig
from voice.routing.language_model import RoutedLanguageModel
from voice.routing.serving import router_to

LISTED = 10
PATIENCE_S = 120.0
"""The longest silence of a server, which may be loading a model."""
HELP = """\
/help       show this
/clear      forget the conversation
/save FILE  write it down; as JSON if FILE ends in .json
Ctrl-C      stop an answer; between answers, end
Ctrl-D      end"""


@click.command()
@click.option(
    "--url",
    help="A running server, ours or another's, such as http://127.0.0.1:8000.  [default: start one]",
)
@click.option("--key", envvar="VOICE_API_KEY", help="Its API key.")
@click.option("--model", help="Who answers.  [default: the server's own]")
@click.option("--system", help="What the model is told before anything else.")
def chat(url: str | None, key: str | None, model: str | None, system: str | None) -> None:
    """Chat with a model in text; what is piped in is one question."""
    try:
        run(_chat(url, key, model, system))
    except (EngineError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except (KeyboardInterrupt, InterruptedByUserError):
        raise SystemExit(130) from None


async def _chat(url: str | None, key: str | None, model: str | None, system: str | None) -> None:
    question = None if sys.stdin.isatty() else _piped()
    interrupts = Interrupts()
    async with _server(url, key, interrupts) as (base_url, known_key):
        if not model:
            model = await interrupts.unless(only_model(base_url, known_key))
        name = _called(base_url)
        server = ProviderConfig(name, "openai", base_url, known_key or "", PATIENCE_S)
        async with aclosing(router_to(server, "chat", model)) as router:
            dialogue = Dialogue(RoutedLanguageModel(router, name), system)
            if question is None:
                await Conversation(dialogue, interrupts, model).hold()
            else:
                await interrupts.unless(_answer(dialogue, question))


def _piped() -> str:
    question = sys.stdin.buffer.read().decode(errors="replace").strip()
    if not question:
        raise click.ClickException("there is nothing to ask: standard input is empty")
    return question


@asynccontextmanager
async def _server(
    url: str | None, key: str | None, interrupts: Interrupts
) -> AsyncIterator[tuple[str, str | None]]:
    """The base URL of a server that is ready, and a key that it takes; Ctrl-C is watched."""
    if url is not None:
        set_up_logs("critical", "pretty")
        with interrupts.watched():
            yield _with_version(url), key
        return
    settings = settings_or_exit(server__host="127.0.0.1", server__port=0)
    set_up_logs("warning", settings.log_format)
    async with hosting(settings, warm=False) as hosted:
        with interrupts.watched():
            engines = await interrupts.unless(hosted.server.warm())
            for choice in engines.choices:
                if choice.kind == "llm" and sys.stdin.isatty():
                    _console().print(f"{choice.name}: {choice.reason}", style="dim")
            yield _with_version(hosted.url), own_key(settings)


def _with_version(url: str) -> str:
    """The address of a server as that of its endpoints, unless it says where they are."""
    return url.rstrip("/") + ("" if urlsplit(url).path.strip("/") else "/v1")


def _called(base_url: str) -> str:
    """A server, in what goes wrong there."""
    return f"the server at {base_url.removesuffix('/v1')}"


async def only_model(base_url: str, key: str | None) -> str:
    """The model to ask where nobody said which: our server knows, another may have only one.

    Raises `EngineError`.
    """
    server = RemoteServer(_called(base_url), base_url, key, PATIENCE_S)
    try:
        async with server.connect() as http, http.get(f"{server.base_url}/models") as answer:
            if answer.status != 200:
                raise await server.refusal(answer, "")
            models = msgspec.json.decode(await answer.read(), type=_Models).data
    except (aiohttp.ClientError, TimeoutError) as error:
        raise server.failure(error) from error
    except msgspec.DecodeError:
        models = []
    if any(model.owned_by == OWNER for model in models):
        return AUTO
    if len(models) == 1:
        return models[0].id
    names = ", ".join(model.id for model in models[:LISTED])
    has = f"has {len(models)} models, such as {names}" if models else "lists no models"
    raise server.error(f"{has}; choose one with --model")


class _Model(msgspec.Struct):
    id: str
    owned_by: str | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


def _console() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


async def _answer(dialogue: Dialogue, question: str) -> None:
    """Print an answer as it comes, and the end of its last line."""
    terminal = sys.stdout.isatty()
    last = ""
    async with aclosing(dialogue.ask(question)) as texts:
        async for text in texts:
            last = text
            sys.stdout.write(harmless(text) if terminal else text)
            sys.stdout.flush()
    if not last.endswith("\n"):
        print(flush=True)


class Conversation:
    """Questions and commands from a terminal, until Ctrl-D."""

    def __init__(self, dialogue: Dialogue, interrupts: Interrupts, model: str) -> None:
        self._dialogue = dialogue
        self._interrupts = interrupts
        self._model = model
        self._console = _console()
        self._saved: set[Path] = set()

    async def hold(self) -> None:
        if self._model != AUTO:
            self._console.print(self._model, style="dim")
        self._console.print("/help tells what can be done; Ctrl-D ends.", style="dim")
        while True:
            self._console.print("> ", style="bold cyan", end="")
            try:
                line = await self._interrupts.unless(read_line(sys.stdin.fileno()))
            except InterruptedByUserError:
                line = None
            if line is None:
                self._console.print()
                return
            if line and not await self._obey(line):
                return

    async def _obey(self, line: str) -> bool:
        """Do what a line asks; whether to go on."""
        command, _, argument = line.partition(" ")
        match command:
            case "/help":
                self._console.print(HELP, style="dim")
            case "/clear":
                self._dialogue.clear()
                self._console.print("Forgotten.", style="dim")
            case "/save":
                self._save(argument.strip())
            case _ if command[:1] == "/" and command[1:].isalpha():
                self._trouble(f"there is no {command}; there is /help, /clear and /save FILE")
            case _:
                return await self._ask(line)
        return True

    async def _ask(self, question: str) -> bool:
        try:
            await self._interrupts.unless(_answer(self._dialogue, question))
        except InterruptedByUserError as interrupted:
            self._console.print("\n(stopped)", style="dim")
            return not interrupted.for_good
        except EngineError as error:
            self._trouble(str(error))
        if self._dialogue.cut:
            self._console.print("(cut at the model's limit of length)", style="dim")
        return True

    def _save(self, name: str) -> None:
        path = Path(name).expanduser()
        if not name:
            self._trouble("/save needs the name of a file")
        elif not self._dialogue.messages:
            self._trouble("nothing was said yet")
        elif path.exists() and path not in self._saved:
            self._trouble(f"{path} exists already; choose another name")
        else:
            try:
                self._dialogue.save(path)
            except OSError as error:
                self._trouble(f"cannot write {path}: {error.strerror}")
            else:
                self._saved.add(path)
                self._console.print(f"Saved as {path}.", style="dim")

    def _trouble(self, words: str) -> None:
        self._console.print(f"Error: {harmless(words)}", style="bold red")
