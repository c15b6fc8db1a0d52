from contextlib import asynccontextmanager

import pytest

from tests.conformance.live import Live, scripted, serving
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech


@pytest.fixture
def serve():
    """A server to start that hears and answers what it is told."""

    @asynccontextmanager
    async def start(hears="", answers="It closes at four.", **options):
        engines = FakeSpeechToText(hears), FakeLanguageModel(answers), FakeTextToSpeech()
        async with serving(scripted(*engines), **options) as address:
            yield Live(address, *engines)

    return start
