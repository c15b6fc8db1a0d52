"""What the page says when something is wrong."""

import asyncio
import json
from contextlib import asynccontextmanager
from functools import partial

import pytest
from websockets.asyncio.client import connect

from tests.browser.stage import serving, visiting
from voice.bench.engines import FakeEngines
from voice.cli.hosting import hosting
from voice.config import ServerSettings, Settings
from voice.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]


async def test_a_forbidden_microphone_is_explained_and_typing_offered():
    async with serving() as server, visiting(server.url, allowed=False) as visitor:
        await visitor.page.click("#orb")
        await visitor.sees(".notice", "The microphone is not allowed")
        await visitor.sees("#state", "Ready when you are")
        await visitor.page.click("text=Type instead")
        assert await visitor.page.evaluate("document.activeElement.id") == "say"


async def test_a_device_without_a_microphone_is_told_so():
    async with serving() as server, visiting(server.url) as visitor:
        await visitor.page.evaluate(
            "() => { navigator.mediaDevices.getUserMedia = async () => {"
            " throw new DOMException('none', 'NotFoundError') } }"
        )
        await visitor.page.click("#orb")
        await visitor.sees(".notice", "No microphone was found")


async def test_a_blocked_webrtc_leads_to_the_websocket():
    async with serving() as server, visiting(server.url) as visitor:
        await visitor.page.evaluate(
            "() => { RTCPeerConnection.prototype.setRemoteDescription = async function () {"
            " setTimeout(() => { Object.defineProperty(this, 'connectionState', {value: 'failed'});"
            " this.onconnectionstatechange(); }) } }"
        )
        await visitor.page.click("#orb")
        await visitor.sees(".notice", "WebRTC found no way to the server")
        await visitor.page.click("text=Use the WebSocket")
        await visitor.sees("#state", "Listening")
        await visitor.misses(".notice")
        assert any(url.startswith("ws") for url in visitor.requests)


async def test_a_server_that_is_gone_is_told_apart_from_one_that_refuses():
    async with serving() as server:
        browser = visiting(server.url)
        visitor = await browser.__aenter__()
        await visitor.sees("#engines", "fake")
    try:
        await visitor.page.click("#orb")
        await visitor.sees(".notice", "The server does not answer")
        await visitor.sees(".notice button", "Try again")
    finally:
        await browser.__aexit__(None, None, None)


INSECURE = "() => Object.defineProperty(window, 'isSecureContext', {value: false})"


async def test_without_a_secure_address_one_types_and_reads():
    async with serving() as server, visiting(server.url) as visitor:
        await visitor.prefer(transport="websocket")
        await visitor.page.evaluate(INSECURE)
        await visitor.page.click("#orb")
        await visitor.sees(".notice", "https:// and on http://localhost only")
        await visitor.page.click("text=Type instead")
        await visitor.write("When does it close?")
        await visitor.sees(".caption.assistant[data-final=true]", "It closes at four.")
    assert visitor.errors == []


async def test_engines_that_load_are_waited_for():
    ready = asyncio.Event()

    @asynccontextmanager
    async def slowly(settings):
        await ready.wait()
        async with FakeEngines(0).open(settings) as engines:
            yield engines

    settings = Settings(server=ServerSettings(port=0))
    async with (
        hosting(settings, server=Server(settings, slowly), warm=False) as server,
        visiting(server.url) as visitor,
    ):
        await visitor.sees(".notice", "The engines are still loading")
        await visitor.prefer(transport="websocket")
        await visitor.write("Hello")
        await visitor.sees("#state", "Connecting")
        ready.set()
        await visitor.misses(".notice")
        await visitor.sees(".caption.user", "Hello")


def _note_frames(frames: list[str], socket) -> None:
    def note(frame: str) -> None:
        frames.append(frame)

    socket.on("framereceived", note)


async def test_a_conversation_that_was_opened_elsewhere_ends_here():
    frames: list[str] = []
    async with serving() as server, visiting(server.url) as visitor:
        visitor.page.on("websocket", partial(_note_frames, frames))
        await visitor.prefer(transport="websocket")
        await visitor.write("Hello")
        await visitor.sees("#turns li")
        created = next(event for frame in frames if "resume" in (event := json.loads(frame)))
        token = created["resume"]["token"]
        address = f"{server.url.replace('http', 'ws')}/v1/realtime?resume={token}"
        async with connect(address):
            await visitor.sees(".notice", "The conversation goes on elsewhere")
        await visitor.sees("#state", "Ready when you are")
