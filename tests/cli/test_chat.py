"""`voice chat` as a process of its own, typed to and piped into, before a server of the test's."""

import asyncio
import json
import os
import pty
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import voice
from voice.cli.chat import _with_version, only_model
from voice.engines.fakes import FakeLanguageModel
from voice.engines.protocols import EngineError
from voice.providers.local_chat import LocalChat
from voice.providers.protocol import Call

pytestmark = pytest.mark.server

SOURCE = Path(voice.__file__).parents[1]


@asynccontextmanager
async def answering(model: FakeLanguageModel, names=("gemma",), owner="somebody", key=""):
    """A server that is not ours; gives its address."""
    chat = LocalChat(model)

    async def completions(request: web.Request) -> web.StreamResponse:
        if key and request.headers.get("Authorization") != f"Bearer {key}":
            return web.json_response({"error": {"message": "No such key."}}, status=401)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        blocks = chat.stream(Call("chat/completions", "gemma", await request.json()))
        try:
            await response.prepare(request)
            async for block in blocks:
                await response.write(block)
        finally:
            await blocks.aclose()
        return response

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": name, "owned_by": owner} for name in names]})

    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", completions), web.get("/v1/models", models)])
    async with TestServer(app, handler_cancellation=True) as server:
        yield str(server.make_url("")).rstrip("/")


async def start(tmp_path, *arguments: str, **streams):
    settings = {"ENGINES__STT": "fake", "ENGINES__LLM": "fake", "ENGINES__TTS": "fake"}
    kept = ("PATH", "HOME", "XDG_DATA_HOME")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voice", "chat", *arguments),
        cwd=tmp_path,
        env=environment | settings | {"TERM": "dumb", "PYTHONPATH": str(SOURCE)},
        **streams,
    )


async def piped(tmp_path, question: str | bytes, *arguments: str) -> tuple[int, str, str]:
    """The exit status, and what was printed on both outputs."""
    pipe = asyncio.subprocess.PIPE
    process = await start(tmp_path, *arguments, stdin=pipe, stdout=pipe, stderr=pipe)
    data = question if isinstance(question, bytes) else question.encode()
    async with asyncio.timeout(60):
        out, err = await process.communicate(data)
    return process.returncode, out.decode(), err.decode()


class Person:
    """Somebody who types and reads at the terminal of a command."""

    def __init__(self, process, descriptor: int) -> None:
        self.process = process
        self.seen = ""
        self._descriptor = descriptor
        self._changed = asyncio.Event()
        self._searched = 0

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def look(self) -> None:
        try:
            self.seen += os.read(self._descriptor, 65_536).decode()
        except OSError:
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self._changed.set()

    async def until(self, text: str) -> None:
        """Wait for a text that comes after all that was waited for before."""
        async with asyncio.timeout(60):
            while (found := self.seen.find(text, self._searched)) < 0:
                self._changed.clear()
                await self._changed.wait()
        self._searched = found + len(text)

    async def ended(self) -> int:
        async with asyncio.timeout(60):
            return await self.process.wait()


@asynccontextmanager
async def typing(tmp_path, *arguments: str):
    descriptor, theirs = pty.openpty()
    process = await start(tmp_path, *arguments, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    person = Person(process, descriptor)
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, person.look)
    try:
        await person.until("> ")
        yield person
    finally:
        loop.remove_reader(descriptor)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(descriptor)


# ---------------------------------------------------------------- piped


async def test_a_piped_question_is_answered_in_plain_text(tmp_path):
    model = FakeLanguageModel("It is\nopen.")
    async with answering(model) as url:
        status, out, err = await piped(tmp_path, "Is it\nopen?\n", "--url", url, "--system", "Hi.")
    assert (status, out, err) == (0, "It is\nopen.\n", "")
    (prompt,) = model.prompts
    assert [each.content for each in prompt.messages] == ["Hi.", "Is it\nopen?"]


async def test_without_an_address_the_own_engines_answer(tmp_path):
    status, out, err = await piped(tmp_path, "Hello?")
    assert (status, err) == (0, "")
    assert out.strip()


async def test_what_cannot_be_answered_is_said(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    status, out, err = await piped(tmp_path, "Open?", "--url", nowhere)
    assert (status, out) == (1, "")
    assert f"{nowhere} cannot be reached" in err
    status, out, err = await piped(tmp_path, " \n", "--url", nowhere)
    assert (status, out) == (1, "")
    assert "nothing to ask" in err


async def test_a_key_is_shown_and_a_wrong_one_refused(tmp_path):
    async with answering(FakeLanguageModel("Yes."), key="right") as url:
        status, out, _ = await piped(tmp_path, "Open?", "--url", url, "--key", "right")
        assert (status, out) == (0, "Yes.\n")
        status, out, err = await piped(tmp_path, "Open?", "--url", url, "--key", "wrong")
    assert (status, out) == (1, "")
    assert "refused the API key" in err
    assert "Traceback" not in err


# ---------------------------------------------------------------- which model


@pytest.mark.parametrize(("owner", "found"), [("somebody", "gemma"), ("inferno", "auto")])
async def test_the_only_model_is_asked_or_the_servers_own(owner, found):
    async with answering(FakeLanguageModel(), owner=owner) as url:
        assert await only_model(f"{url}/v1", None) == found


async def test_of_many_models_one_has_to_be_chosen():
    async with answering(FakeLanguageModel(), names=("gemma", "llama")) as url:
        with pytest.raises(EngineError, match="2 models, such as gemma, llama; choose one with"):
            await only_model(f"{url}/v1", None)
    async with answering(FakeLanguageModel(), names=()) as url:
        with pytest.raises(EngineError, match="lists no models; choose one with --model"):
            await only_model(f"{url}/v1", None)


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("https://example.org/openai/v1", "https://example.org/openai/v1"),
    ],
)
def test_an_address_without_a_path_is_that_of_a_server(url, base_url):
    assert _with_version(url) == base_url


# ---------------------------------------------------------------- typed


async def test_a_conversation_is_typed_saved_and_ended(tmp_path):
    model = FakeLanguageModel(lambda prompt: f"{len(prompt.messages)} so far.")
    async with answering(model) as url, typing(tmp_path, "--url", url) as person:
        person.type("/help\n")
        await person.until("/save FILE")
        await person.until("> ")
        person.type("one\n")
        await person.until("1 so far.")
        await person.until("> ")
        person.type("two\n")
        await person.until("3 so far.")
        await person.until("> ")
        person.type("/save talk.json\n")
        await person.until("Saved as talk.json.")
        person.type("/clear\n")
        await person.until("Forgotten.")
        person.type("three\n")
        await person.until("1 so far.")
        await person.until("> ")
        person.type("/nonsense\n")
        await person.until("there is no /nonsense")
        await person.until("> ")
        person.type("\x04")
        assert await person.ended() == 0
    saved = json.loads((tmp_path / "talk.json").read_text())
    assert [each["content"] for each in saved] == ["one", "1 so far.", "two", "3 so far."]


async def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "talk.txt").write_text("precious")
    async with answering(FakeLanguageModel()) as url, typing(tmp_path, "--url", url) as person:
        person.type("/save talk.txt\n")
        await person.until("nothing was said yet")
        person.type("Open?\n")
        await person.until("Hello there.")
        await person.until("> ")
        person.type("/save talk.txt\n")
        await person.until("talk.txt exists already")
        person.type("/save no/such/folder/talk.txt\n")
        await person.until("cannot write no/such/folder/talk.txt")
        for _ in range(2):
            person.type("/save mine.txt\n")
            await person.until("Saved as mine.txt.")
    assert (tmp_path / "talk.txt").read_text() == "precious"
    assert (tmp_path / "mine.txt").read_text() == "You: Open?\n\nAssistant: Hello there.\n"


async def test_ctrl_c_stops_the_answer_and_then_ends(tmp_path):
    model = FakeLanguageModel("It never ends.", token_interval_s=3600)
    async with answering(model) as url, typing(tmp_path, "--url", url) as person:
        person.type("Open?\n")
        await person.until("It")
        person.process.send_signal(signal.SIGINT)
        await person.until("(stopped)")
        await person.until("> ")
        person.process.send_signal(signal.SIGINT)
        assert await person.ended() == 0
    assert model.abandoned == 1


async def test_a_termination_ends_it_in_the_middle_of_an_answer(tmp_path):
    model = FakeLanguageModel("It never ends.", token_interval_s=3600)
    async with answering(model) as url, typing(tmp_path, "--url", url) as person:
        person.type("Open?\n")
        await person.until("It")
        person.process.send_signal(signal.SIGTERM)
        assert await person.ended() == 0


async def test_an_error_does_not_end_the_conversation(tmp_path):
    scripts = [[EngineError("It died.")], "Back again."]
    model = FakeLanguageModel(lambda _: scripts.pop(0))
    async with answering(model) as url, typing(tmp_path, "--url", url) as person:
        person.type("Open?\n")
        await person.until("Error: the server at")
        await person.until("> ")
        person.type("Open?\n")
        await person.until("Back again.")
    assert [len(prompt.messages) for prompt in model.prompts] == [1, 1]


async def test_the_own_engines_are_talked_to(tmp_path):
    async with typing(tmp_path) as person:
        person.type("Hello?\n")
        await person.until("> ")
        person.type("\x04")
        assert await person.ended() == 0
    assert "Traceback" not in person.seen
    assert "Error" not in person.seen
