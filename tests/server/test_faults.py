"""A real server with the embedded engines in their worker processes, and what may befall it."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest
from websockets.asyncio.client import connect

from tests.eventually import eventually
from voice.cli.hosting import hosting
from voice.config import load_settings

pytestmark = [pytest.mark.server, pytest.mark.engine]

QUESTION = "When does the library close on Saturday?"


@asynccontextmanager
async def serving(tmp_path, **flags):
    settings = load_settings(
        environment={},
        env_file=tmp_path / ".env",
        server__host="127.0.0.1",
        server__port=0,
        **flags,
    )
    async with hosting(settings) as hosted:
        yield hosted


class Client:
    """A client that writes its questions and reads events."""

    def __init__(self, connection) -> None:
        self._connection = connection

    async def send(self, kind: str, **fields) -> None:
        await self._connection.send(msgspec.json.encode({"type": kind, **fields}).decode())

    async def until(self, kind: str) -> dict:
        async with asyncio.timeout(30):
            while True:
                event = msgspec.json.decode(await self._connection.recv())
                if event["type"] == kind:
                    return event

    async def ask(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.send("conversation.item.create", item=item)
        await self.send("response.create")


@asynccontextmanager
async def client_of(hosted):
    address = hosted.url.replace("http", "ws") + "/v1/realtime?model=voice"
    async with connect(address, max_size=None) as connection:
        yield Client(connection)


def worker_of(hosted, name: str):
    return next(w for w in hosted.server.engines.workers if w.spec.name == name)


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGABRT])
async def test_a_worker_that_dies_fails_the_reply_with_the_reason_and_comes_back(tmp_path, blow):
    async with serving(tmp_path) as hosted, client_of(hosted) as client:
        espeak = worker_of(hosted, "espeak")
        pid = espeak.statistics().pid
        os.kill(pid, signal.SIGSTOP)
        await client.ask(QUESTION)
        await eventually(lambda: espeak.statistics().jobs)
        os.kill(pid, blow)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        failed = (await client.until("response.done"))["response"]
        assert failed["status"] == "failed"
        assert blow.name in failed["status_details"]["error"]["message"]
        await client.ask(QUESTION)
        answered = (await client.until("response.done"))["response"]
        assert answered["status"] == "completed"
        assert "one o'clock" in answered["output"][0]["content"][0]["transcript"]
        assert espeak.statistics().restarts == 1


async def test_nothing_of_one_conversation_reaches_another(tmp_path):
    async with serving(tmp_path) as hosted, client_of(hosted) as one, client_of(hosted) as two:
        await one.ask(QUESTION)
        await two.ask("When should I plant garlic?")
        first, second = await asyncio.gather(one.until("response.done"), two.until("response.done"))
        assert "library" in first["response"]["output"][0]["content"][0]["transcript"]
        assert "October" in second["response"]["output"][0]["content"][0]["transcript"]


async def test_a_client_that_vanishes_while_it_is_answered_leaves_no_session(tmp_path):
    async with serving(tmp_path) as hosted:
        async with client_of(hosted) as client:
            await client.ask(QUESTION)
            await client.until("response.output_audio.delta")
            assert hosted.server.sessions == 1
        await eventually(lambda: not hosted.server.sessions, within_s=1)


async def test_a_folder_of_documents_that_is_missing_is_named(tmp_path):
    with pytest.raises(Exception, match="nowhere") as raised:
        async with serving(tmp_path, documents=str(tmp_path / "nowhere")):
            pass
    assert "DOCUMENTS" in str(raised.value)


async def test_a_corrupt_gguf_stops_the_start_and_is_named(tmp_path):
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    model = tmp_path / "broken.gguf"
    model.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(Exception, match=r"broken\.gguf"):
        async with serving(tmp_path, engines__llm=f"llama:{model}"):
            pass


async def test_a_corrupt_whisper_folder_stops_the_start_and_is_named(tmp_path):
    folder = tmp_path / "whisper-broken"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"nothing")
    with pytest.raises(Exception, match="whisper-broken"):
        async with serving(tmp_path, engines__stt=f"whisper:{folder}"):
            pass
