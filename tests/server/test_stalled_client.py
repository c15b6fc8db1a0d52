"""A client that has stopped reading, on a real socket: its work and memory are let go."""

import asyncio

import msgspec
import pytest
from websockets.asyncio.client import connect

from tests.conformance.live import scripted
from tests.eventually import eventually
from voice.cli.hosting import hosting
from voice.config import ServerSettings, Settings
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.server import Server
from voice.session import outbox

pytestmark = pytest.mark.server

MEGABYTE = "x" * 2**20


async def test_a_conversation_ends_when_nothing_of_it_is_read(monkeypatch):
    monkeypatch.setattr(outbox, "STALL_S", 0.3)
    engines = FakeSpeechToText(), FakeLanguageModel(), FakeTextToSpeech()
    settings = Settings(server=ServerSettings(port=0))
    async with hosting(settings, server=Server(settings, scripted(*engines))) as hosted:
        await hosted.server.knowledge.library()  # From here on its tasks are there as well.
        before = len(asyncio.all_tasks())
        address = hosted.url.replace("http", "ws") + "/v1/realtime?model=voice"
        # Its library takes one frame ahead of those it is asked for, and then nothing more.
        async with connect(address, max_queue=1, max_size=None, close_timeout=0.1) as connection:
            await eventually(lambda: hosted.server.sessions == 1)
            content = [{"type": "input_text", "text": MEGABYTE}]
            item = {"type": "message", "role": "user", "content": content}
            event = msgspec.json.encode({"type": "conversation.item.create", "item": item})
            sending = asyncio.create_task(_send_on(connection, event.decode()))
            await eventually(lambda: hosted.server.sessions == 0)
            sending.cancel()
            connection.transport.abort()
        await eventually(lambda: len(asyncio.all_tasks()) <= before)


async def _send_on(connection, frame: str) -> None:
    while True:
        await connection.send(frame)
