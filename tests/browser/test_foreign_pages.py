"""What pages of other sites can do to a server without keys: nothing. And the page over HTTPS."""

from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.browser.stage import CHROMIUM, serving, visiting
from tests.conformance.live import scripted
from voice.cli.hosting import hosting
from voice.cli.tls import tls_of
from voice.config import ServerSettings, Settings
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

EVIL = "evil.example"
ASK = """async address => {
  const body = JSON.stringify({model: "", messages: [{role: "user", content: "Hi"}]});
  const image = new Image();
  const loaded = new Promise(end => { image.onload = image.onerror = end; });
  image.src = `${address}/v1/stream/sse?prompt=Hi`;
  await loaded;
  await fetch(`${address}/v1/chat/completions`, {method: "POST", mode: "no-cors", body});
  const read = await fetch(`${address}/v1/models`).then(answer => answer.status, () => "refused");
  const socket = new WebSocket(`${address.replace("http", "ws")}/v1/realtime`);
  const opened = await new Promise(end => {
    socket.onopen = () => end("opened");
    socket.onerror = () => end("refused");
  });
  return [read, opened];
}"""


@asynccontextmanager
async def site():
    """A web site on this machine; gives its port."""

    async def page(_request):
        return web.Response(text="<!doctype html><title>Hello</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def browsing():
    """A browser to which the name of a stranger is this machine."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    rules = f"--host-resolver-rules=MAP {EVIL} 127.0.0.1"
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=[rules])
        try:
            yield await browser.new_page()
        finally:
            await browser.close()


async def test_a_foreign_page_neither_uses_nor_reads_a_server_without_keys():
    llm = FakeLanguageModel("It closes at four.")
    async with serving(llm=llm) as server, site() as port, browsing() as page:
        await page.goto(f"http://{EVIL}:{port}/")
        for address in (server.url, server.url.replace("127.0.0.1", "localhost")):
            assert await page.evaluate(ASK, address) == ["refused", "refused"]
        assert llm.prompts == []
        await page.goto(f"http://localhost:{port}/")
        assert await page.evaluate(ASK, server.url) == [200, "opened"]
        assert len(llm.prompts) == 1


async def test_a_stranger_who_points_a_name_at_the_server_gets_nothing():
    llm = FakeLanguageModel("It closes at four.")
    async with serving(llm=llm) as server, browsing() as page:
        address = server.url.replace("127.0.0.1", EVIL)
        opened = await page.goto(address)
        assert opened.status == 403
        assert await page.evaluate(ASK, address) == [403, "refused"]
        assert llm.prompts == []


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
async def test_the_page_talks_over_https_with_a_certificate_that_was_made(
    transport, monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = Settings(server=ServerSettings(port=0))
    engines = FakeSpeechToText(), FakeLanguageModel("It closes at four."), FakeTextToSpeech()
    server, tls = Server(settings, scripted(*engines)), tls_of(settings, make=True)
    async with (
        hosting(settings, server=server, tls=tls) as hosted,
        visiting(hosted.url, ignore_https_errors=True) as visitor,
    ):
        await visitor.prefer(transport=transport)
        await visitor.write("When does the mill close?")
        await visitor.sees(".caption.assistant[data-final=true]", "It closes at four.")
    assert visitor.errors == []
