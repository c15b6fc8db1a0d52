"""The plain doors of a real server over a socket."""

import aiohttp
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.conformance.live import KEY, scripted, serving
from tests.eventually import eventually
from tests.http.plain import named_events
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech

pytestmark = pytest.mark.server

HEADERS = {"Authorization": f"Bearer {KEY}"}
ASK = '{"type":"inference","prompt":"Is it open?"}'


def serving_model(model):
    return serving(scripted(FakeSpeechToText(), model, FakeTextToSpeech()))


async def test_every_plain_door_is_open():
    async with (
        serving_model(FakeLanguageModel("It is open.")) as address,
        aiohttp.ClientSession(f"http://{address}", headers=HEADERS) as http,
    ):
        async with http.post("/api/generate", json={"prompt": "Open?"}) as answer:
            assert (await answer.json())["text"] == "It is open."
        messages = [{"role": "user", "content": "Open?"}]
        async with http.post("/api/chat", json={"messages": messages}) as answer:
            assert (await answer.json())["message"]["content"] == "It is open."
        for path in ("/api/generate/stream", "/v1/stream/sse?prompt=Open", "/stream/sse?prompt=a"):
            method, fields = ("POST", {"prompt": "Open?"}) if "api" in path else ("GET", None)
            async with http.request(method, path, json=fields) as answer:
                *_, (name, end) = named_events(await answer.text())
            assert (name, end) == ("complete", {"total_tokens": 3, "finish_reason": "stop"})
        async with http.get("/api/llms") as answer:
            assert "fake" in (await answer.json())["models"]


async def test_a_websocket_answers_those_who_show_a_key():
    model = FakeLanguageModel("It is open. Come in.")
    async with serving_model(model) as address:
        with pytest.raises(InvalidStatus, match="401"):
            await connect(f"ws://{address}/ws/stream")
        async with connect(f"ws://{address}/ws/stream", additional_headers=HEADERS) as socket:
            await socket.send(ASK)
            messages = [msgspec.json.decode(await socket.recv()) for _ in range(4)]
    assert [each["type"] for each in messages] == ["start", "token", "token", "complete"]
    assert messages[2]["accumulated"] == "It is open. Come in."


async def test_a_client_that_breaks_off_ends_the_work():
    model = FakeLanguageModel("one two", token_interval_s=3600)
    async with (
        serving_model(model) as address,
        connect(f"ws://{address}/ws/stream", additional_headers=HEADERS) as socket,
    ):
        await socket.send(ASK)
        assert "start" in await socket.recv()
        socket.transport.abort()
        await eventually(lambda: model.abandoned == 1)
