"""A server that stops while it answers, on a real socket."""

import asyncio
import logging

import aiohttp
import msgspec
import pytest

from tests.conformance.live import scripted
from tests.eventually import eventually
from voice.cli import hosting
from voice.config import ServerSettings, Settings
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.server import Server

pytestmark = pytest.mark.server

CHAT = {"model": "fake", "messages": [{"role": "user", "content": "Hi"}]}
SPEECH = {"input": "One. Two. Three.", "response_format": "pcm"}


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(hosting, "GRACE_S", 0.1)


def slow() -> Server:
    """A server whose answers begin and do not end."""
    engines = (
        FakeSpeechToText(),
        FakeLanguageModel("One two three", token_interval_s=1e5),
        FakeTextToSpeech(real_time_factor=1e5),
    )
    return Server(Settings(server=ServerSettings(port=0)), scripted(*engines))


async def test_a_stream_under_way_is_told_that_it_ends(caplog):
    server = slow()
    async with aiohttp.ClientSession() as http:
        async with hosting.hosting(server.settings, server=server) as hosted:
            url = f"{hosted.url}/v1/chat/completions"
            answer = await http.post(url, json=CHAT | {"stream": True})
            first = await answer.content.readuntil(b"\n\n")
        rest = (await answer.read()).split(b"\n\n")
    assert b"One" in first + rest[0]
    assert rest[-2:] == [b"data: [DONE]", b""]
    error = msgspec.json.decode(rest[-3].removeprefix(b"data: "))["error"]
    assert error["code"] == "server_shutting_down"
    assert not errors(caplog)


async def test_an_answer_that_has_not_begun_is_refused(caplog):
    server = slow()
    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
        async with hosting.hosting(server.settings, server=server) as hosted:
            asking = group.create_task(http.post(f"{hosted.url}/v1/chat/completions", json=CHAT))
            await eventually(lambda: bool(hosted.server.engines.llm.prompts))
        answer = await asking
        assert answer.status == 503
        assert (await answer.json())["error"]["code"] == "server_shutting_down"
    assert not errors(caplog)


async def test_audio_under_way_is_broken_off(caplog):
    server = slow()
    async with aiohttp.ClientSession() as http:
        async with hosting.hosting(server.settings, server=server) as hosted:
            answer = await http.post(f"{hosted.url}/v1/audio/speech", json=SPEECH)
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    assert not errors(caplog)


def errors(caplog) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
