"""Chromium with a microphone that hears a recording, and servers for the check page."""

import shutil
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.browser.check.checking import engines, write_speech
from tests.conformance.live import serving

FLAGS = [
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]


@asynccontextmanager
async def chromium_page(folder):
    """A page of a new Chromium; it must end without an error that nobody caught."""
    playwright = pytest.importorskip(
        "playwright.async_api", reason="playwright is not installed: pip install .[browser]"
    )
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    write_speech(folder / "microphone.wav")
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={folder / 'microphone.wav'}"]
    errors: list[str] = []
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=flags)
        try:
            page = await browser.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            yield page
        finally:
            await browser.close()
    assert errors == []


@pytest.fixture
async def page(tmp_path):
    async with chromium_page(tmp_path) as opened:
        yield opened


@pytest.fixture
async def address():
    """host:port of a server that wants no key and answers at once."""
    async with serving(engines(), keys=()) as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def check_page(tmp_path_factory):
    """The check page before its button is pressed, for all tests of a module."""
    async with (
        serving(engines(), keys=()) as served,
        chromium_page(tmp_path_factory.mktemp("check")) as opened,
    ):
        await opened.goto(f"http://{served}/check")
        yield opened
