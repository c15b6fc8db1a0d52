"""What the page says when something is wrong."""

import pytest

from tests.browser.stage import serving, visiting

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
