"""Chromium with a microphone that hears a recording, and servers for the check page."""

from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.browser.check.checking import engines, write_speech
from tests.browser.stage import visiting
from tests.conformance.live import serving

EMPTY = "about:blank"


@asynccontextmanager
async def browser_page(folder):
    write_speech(folder / "microphone.wav")
    async with visiting(EMPTY, folder / "microphone.wav") as visitor:
        yield visitor.page


@pytest.fixture
async def page(tmp_path):
    """An empty page of a Chromium; it must end without an error that nobody caught."""
    async with browser_page(tmp_path) as opened:
        errors = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
    assert errors == []


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
        browser_page(tmp_path_factory.mktemp("check")) as opened,
    ):
        await opened.goto(f"http://{served}/check")
        yield opened
