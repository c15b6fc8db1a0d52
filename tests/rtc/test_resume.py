"""Conversations that go on from call to call, and between a call and a WebSocket."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.conformance.live import dial, scripted, serving
from tests.conformance.stage import text_item
from tests.rtc.phone import Phone, calling, posting
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech

pytestmark = pytest.mark.server

CALLS = "/v1/realtime/calls?resume="


@asynccontextmanager
async def server(**session):
    engines = FakeSpeechToText("hello"), FakeLanguageModel("It is noon."), FakeTextToSpeech()
    async with serving(scripted(*engines), **session) as address:
        yield address


async def begun(address: str) -> str:
    """A conversation with one item that somebody has left; gives its token."""
    async with calling(address, path=CALLS, session={"type": "realtime", "model": "m"}) as phone:
        created = await phone.until("session.created")
        assert created["resume"]["resumed"] is False
        phone.send("conversation.item.create", item=text_item("Hello", id="item_1"))
        await phone.until("conversation.item.done")
    return created["resume"]["token"]


async def test_a_conversation_goes_on_from_call_to_call_and_over_a_websocket():
    async with server() as address:
        token = await begun(address)
        session = {"type": "realtime", "instructions": "Be brief."}
        async with calling(address, path=CALLS + token, session=session) as phone:
            created = await phone.until("session.created")
            assert created["resume"]["resumed"] is True
            assert created["session"]["model"] == "m"
            assert created["session"]["instructions"] == "Be brief."
            told = await phone.until("conversation.item.done")
            assert told["item"]["id"] == "item_1"
        async with dial(f"ws://{address}/v1/realtime?resume={token}") as socket:
            event = await socket.until("session.created")
            assert event["resume"]["resumed"] is True
            assert event["session"]["instructions"] == "Be brief."


async def test_a_websocket_takes_over_from_a_call_that_hangs():
    async with server(max_sessions=1) as address:
        token = await begun(address)
        async with calling(address, path=CALLS + token) as phone:
            await phone.until("conversation.item.done")
            await phone.vanish()
            async with dial(f"ws://{address}/v1/realtime?resume={token}") as socket:
                assert (await socket.until("session.created"))["resume"]["resumed"] is True


async def test_a_call_that_never_connected_does_not_keep_its_conversation():
    async with server() as address:
        token = await begun(address)
        phone = Phone()
        async with posting(address, CALLS + token, await phone.offer()) as response:
            assert response.status == 201
        await phone.hang_up()
        async with asyncio.timeout(5), calling(address, path=CALLS + token) as second:
            assert (await second.until("session.created"))["resume"]["resumed"] is True


async def test_an_offer_that_is_refused_does_not_cost_the_conversation():
    async with server() as address:
        token = await begun(address)
        async with posting(address, CALLS + token, "v=0\r\nnonsense") as response:
            assert response.status == 400
        async with calling(address, path=CALLS + token) as phone:
            assert (await phone.until("session.created"))["resume"]["resumed"] is True
