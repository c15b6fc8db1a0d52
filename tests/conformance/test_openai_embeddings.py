"""The official SDK, unmodified, gets its vectors."""

from contextlib import asynccontextmanager

import numpy as np
import pytest

from tests.conformance.live import KEY, serving
from voice.config import EngineSettings, Settings
from voice.engines.fake_embedder import FakeEmbedder
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.names import ROLES
from voice.engines.registry import Choice, EngineSet
from voice.engines.weights import weights_of

openai = pytest.importorskip("openai", reason="the SDK is not installed")

pytestmark = [pytest.mark.conformance, pytest.mark.server]

TEXTS = ["The library closes at four.", "Opening hours of the library", "A cat on a mat"]


@asynccontextmanager
async def sdk(*opener, **options):
    """A client of a server."""
    async with (
        serving(*opener, **options) as address,
        openai.AsyncOpenAI(api_key=KEY, base_url=f"http://{address}/v1", max_retries=0) as client,
    ):
        yield client


def embedding(embedder: FakeEmbedder):
    """An opener of engines that embed with this one."""

    @asynccontextmanager
    async def open_them(_settings):
        choices = tuple(Choice(role, "fake", "a test wants it", "") for role in ROLES)
        others = FakeSpeechToText(), FakeLanguageModel(), FakeTextToSpeech()
        yield EngineSet(*others, choices, (), embedder)

    return open_them


async def test_vectors_are_the_same_in_every_form():
    async with sdk(embedding(FakeEmbedder(dimensions=16))) as client:
        # The SDK asks for base64 where its caller asks for nothing.
        usual = await client.embeddings.create(model="text-embedding-3-small", input=TEXTS)
        plain = await client.embeddings.create(model="fake", input=TEXTS, encoding_format="float")
        one = await client.embeddings.create(model="fake", input=TEXTS[1], user="somebody")
    assert [item.index for item in usual.data] == [0, 1, 2]
    assert (usual.model, plain.model) == ("text-embedding-3-small", "fake")
    assert usual.usage.prompt_tokens == usual.usage.total_tokens > 0
    for packed, floats in zip(usual.data, plain.data, strict=True):
        assert len(floats.embedding) == 16
        assert np.float32(packed.embedding).tobytes() == np.float32(floats.embedding).tobytes()
    assert one.data[0].embedding == usual.data[1].embedding


async def test_tokens_are_inputs_too():
    async with sdk(embedding(FakeEmbedder())) as client:
        several = await client.embeddings.create(model="fake", input=[[1, 2], [3]])
        single = await client.embeddings.create(model="fake", input=[1, 2])
    assert len(several.data) == 2
    assert single.data[0].embedding == several.data[0].embedding


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"input": ["a", "b", "c", ""]}, "input[3]", "invalid_value"),
        ({"input": "a", "dimensions": 8}, "dimensions", "invalid_value"),
        ({"input": ["a", "x " * 600]}, "input[1]", "context_length_exceeded"),
        ({"input": "a", "extra_body": {"truncate": "END"}}, "truncate", "unsupported_parameter"),
        ({"input": [1], "model": "text-embedding-3-small"}, "input", "invalid_value"),
    ],
)
async def test_refusals_are_the_errors_of_the_sdk(fields, param, code):
    async with sdk(embedding(FakeEmbedder())) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.embeddings.create(**{"model": "fake"} | fields)
    assert (caught.value.param, caught.value.code) == (param, code)


async def test_a_server_without_a_model_says_so():
    fakes = EngineSettings(stt="fake", llm="fake", tts="fake", embed="none")
    async with sdk(engines=fakes) as client:
        with pytest.raises(openai.NotFoundError, match="voice pull minilm"):
            await client.embeddings.create(model="text-embedding-3-small", input="a")
        assert "none" not in [model.id async for model in client.models.list()]


@pytest.mark.engine
async def test_the_true_model_knows_what_is_alike():
    if (model := next(weights_of(Settings()).minilms(), None)) is None:
        pytest.skip("the weights are not here: voice pull minilm")
    engines = EngineSettings(stt="fake", llm="fake", tts="fake", embed=f"minilm:{model.path}")
    async with sdk(engines=engines) as client:
        answer = await client.embeddings.create(model="text-embedding-ada-002", input=TEXTS)
    hours, opening, cat = (np.array(item.embedding) for item in answer.data)
    assert len(hours) == 384
    assert hours @ opening > 0.4 > hours @ cat + 0.2
