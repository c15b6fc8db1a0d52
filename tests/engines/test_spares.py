"""Engines beside those in use start when they are asked for, once, and end with the server."""

import asyncio

import pytest

from voice.config import load_settings
from voice.engines.protocols import EngineError, SpeakOptions
from voice.engines.spares import Spares

pytestmark = pytest.mark.engine


def spares(tmp_path, **flags) -> Spares:
    settings = load_settings(environment={}, env_file=tmp_path / ".env", **flags)
    return Spares(settings, "tts")


def test_what_is_installed_can_be_named(tmp_path):
    assert "espeak" in spares(tmp_path).names()
    assert "fake" not in spares(tmp_path).names()


async def test_all_who_ask_get_one_engine_that_works(tmp_path):
    others = spares(tmp_path)
    async with others.running():
        assert others.started() == []
        first, second = await asyncio.gather(others.get("espeak"), others.get("espeak"))
        assert first is second
        assert others.started() == [first]
        pieces = [piece async for piece in first.speak("Hello.", SpeakOptions(), first=True)]
        assert pieces
    assert others.started() == []


async def test_one_that_cannot_be_had_says_why_and_may_be_asked_for_again(tmp_path):
    others = spares(tmp_path)
    async with others.running():
        for _ in range(2):
            with pytest.raises(EngineError, match="no server for speech is set"):
                await others.get("openai:tts-1")
