"""A server routes by its file of models: to servers elsewhere, and to its own engines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.fake_settings import FAKES
from tests.providers.fake_upstream import FakeUpstream
from tests.providers.upstream_shapes import Script
from voice.config import load_settings
from voice.engines.protocols import Finished, Message, Prompt, TextDelta
from voice.routing.language_model import RoutedLanguageModel
from voice.server import Server

FILE = """
[providers.gone]
kind = "vllm"
base_url = "http://127.0.0.1:9/v1"

[models.assistant]
targets = ["gone:x", { model = "fake", order = 2 }]
aliases = ["helper"]
"""
CHAT = {"model": "any", "messages": [{"role": "user", "content": "Hi"}]}


@asynccontextmanager
async def running(**variables: str) -> AsyncIterator[Server]:
    settings = load_settings(environment=FAKES | variables, env_file=Path("/nowhere"))
    server = Server(settings)
    async with server.running():
        await server.warm()
        yield server


@pytest.fixture
def models_file(tmp_path: Path) -> str:
    path = tmp_path / "models.toml"
    path.write_text(FILE)
    return str(path)


def content(answer: bytes) -> str:
    return msgspec.json.decode(answer)["choices"][0]["message"]["content"]


async def test_an_engine_steps_in_for_a_server_that_cannot_be_reached(models_file):
    async with running(MODELS_FILE=models_file) as server:
        assert server.router.models()[:2] == ["assistant", "helper"]
        routed = await server.router.answer("helper", "chat/completions", CHAT)
    assert content(routed.value) == "Hello there."
    assert routed.headers["x-voice-provider"] == "local"
    assert routed.headers["x-voice-attempts"] == "2"


async def test_without_a_file_the_engine_answers_to_openais_names():
    async with running() as server:
        routed = await server.router.answer("gpt-4o", "chat/completions", CHAT)
    assert content(routed.value) == "Hello there."
    assert routed.headers["x-voice-model"] == "fake"


async def test_a_model_of_the_file_talks_in_conversations(models_file):
    variables = {"MODELS_FILE": models_file, "ENGINES__LLM": "assistant"}
    async with running(**variables) as server:
        engines = await server.warm()
        assert isinstance(engines.llm, RoutedLanguageModel)
        assert [choice.kind for choice in engines.choices] == ["stt", "llm", "tts", "embed"]
        assert engines.resolve("llm", "gpt-realtime") == "assistant"
        prompt = Prompt(messages=(Message(role="user", content="Hi"),))
        pieces = [piece async for piece in engines.llm.generate(prompt)]
        routed = await server.router.answer("gpt-4o", "chat/completions", CHAT)
    assert "".join(each.text for each in pieces if isinstance(each, TextDelta)) == "Hello there."
    assert isinstance(pieces[-1], Finished)
    assert content(routed.value) == "Hello there."


async def test_a_remote_language_model_is_asked_again_in_conversations_too():
    scripts = Script(status=503), Script(fault="die"), Script()
    async with FakeUpstream("openai", *scripts) as upstream:
        variables = {"ENGINES__LLM": "openai:tiny", "INFERENCE_BASE_URL": upstream.url}
        async with running(**variables) as server:
            engines = await server.warm()
            assert isinstance(engines.llm, RoutedLanguageModel)
            assert engines.llm.name == "openai:tiny"
            prompt = Prompt(messages=(Message(role="user", content="Hi"),), max_tokens=9)
            pieces = [piece async for piece in engines.llm.generate(prompt)]
    assert "".join(each.text for each in pieces if isinstance(each, TextDelta)) == "Hello there."
    assert len(upstream.received) == 3
    assert upstream.received[-1].body["model"] == "tiny"
    assert upstream.received[-1].body["max_tokens"] == 9
