"""Conversations that go on: after a reload, a server that was restarted, and with a key."""

import asyncio

import pytest

from tests.browser.stage import serving, visiting
from voice.engines.fakes import FakeLanguageModel

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

HANGS_UP_S = 15
"""Half of what it takes a server to miss a client that has said nothing."""
TRANSPORTS = pytest.mark.parametrize("transport", ["webrtc", "websocket"])


def port_of(server) -> int:
    return int(server.url.rpartition(":")[2])


@TRANSPORTS
async def test_a_reloaded_page_goes_on_where_it_was(transport):
    llm = FakeLanguageModel("It closes at four.")
    async with serving(llm=llm) as server, visiting(server.url) as visitor:
        await visitor.prefer(transport=transport)
        await visitor.write("When does the mill close?")
        await visitor.sees(".caption.assistant[data-final=true]", "It closes at four.")
        await visitor.sees("#turns li")
        await visitor.page.reload()
        await visitor.sees("#orb-label", "Continue")
        await visitor.write("And on Sunday?")
        await visitor.sees(".notice", "The conversation goes on where it was.")
        await visitor.sees(".caption.user", "When does the mill close?")
        await visitor.sees(".caption.assistant[data-final=true]", "It closes at four.", count=2)
    asked = str(llm.prompts[-1].messages)
    assert "When does the mill close?" in asked
    assert "And on Sunday?" in asked
    assert visitor.errors == []


@TRANSPORTS
async def test_a_restarted_server_is_found_again_and_told_what_was_said(transport):
    async with serving() as server:
        port = port_of(server)
        browser = visiting(server.url)
        visitor = await browser.__aenter__()
        await visitor.prefer(transport=transport)
        await visitor.write("When does the mill close?")
        await visitor.sees(".caption.assistant[data-final=true]", "It closes at four.")
        await visitor.sees("#turns li")
    try:
        await visitor.sees(".notice", "The connection to the server was lost")
        await visitor.sees("#state", "Reconnecting")
        llm = FakeLanguageModel("At noon.")
        async with serving(llm=llm, port=port):
            await visitor.sees(".notice", "it was told again what was said")
            await visitor.misses('.notice[data-name="lost"]')
            await visitor.write("And on Sunday?")
            await visitor.sees(".caption.assistant[data-final=true]", "At noon.")
            assert await visitor.page.locator(".caption.user").count() == 2
    finally:
        await browser.__aexit__(None, None, None)
    asked = [message.content for message in llm.prompts[-1].messages[1:]]
    assert asked == ["When does the mill close?", "It closes at four.", "And on Sunday?"]


@TRANSPORTS
async def test_a_server_that_wants_a_key_gets_it_and_the_tab_keeps_it(transport):
    async with serving(keys=["sk-ember"]) as server, visiting(server.url) as visitor:
        await visitor.prefer(transport=transport)
        await visitor.sees(".notice", "This server wants a key")
        await visitor.page.click("text=Enter a key")
        await visitor.page.keyboard.type("sk-wrong")
        await visitor.page.keyboard.press("Tab")
        await visitor.sees(".notice", "The server does not know this key")
        await visitor.page.fill("#key", "sk-ember")
        await visitor.page.keyboard.press("Tab")
        await visitor.misses(".notice")
        await visitor.write("Hello")
        await visitor.sees(".caption.assistant[data-final=true]", "It closes at four.")
        stored = await visitor.page.evaluate("JSON.stringify(localStorage)")
    assert "sk-ember" not in stored


async def test_a_tab_that_is_closed_hangs_up():
    async with serving() as server, visiting(server.url) as visitor:
        await visitor.prefer(transport="webrtc")
        async with visitor.page.expect_response("**/v1/realtime/calls*") as answering:
            await visitor.start()
        location = (await answering.value).headers["location"]
        call = server.server.calls.find(location.rpartition("/")[2])
        await visitor.page.close(run_before_unload=True)
        async with asyncio.timeout(HANGS_UP_S):
            await call.ended.wait()
