import asyncio
import base64

import msgspec
import numpy as np
import pytest

from voice.engines.fake_embedder import FakeEmbedder
from voice.engines.protocols import Embeddings, EngineError
from voice.gateway.errors import ApiError
from voice.providers.local_embeddings import BLOCK, LocalEmbeddings
from voice.providers.matryoshka import is_matryoshka
from voice.providers.protocol import Call, ProviderError


class Named(FakeEmbedder):
    """A fake with the name of another."""

    def __init__(self, name: str, **options) -> None:
        super().__init__(**options)
        self.name = name


def call(given, model="fake", **fields) -> Call:
    return Call("embeddings", "fake", {"model": model, "input": given, **fields})


async def answered(embedder, given, **fields) -> dict:
    return msgspec.json.decode(await LocalEmbeddings(embedder).answer(call(given, **fields)))


def refused(embedder, given, **fields) -> ApiError | None:
    return LocalEmbeddings(embedder).refusal(call(given, **fields))


def floats(item) -> np.ndarray:
    if isinstance(item["embedding"], str):
        return np.frombuffer(base64.b64decode(item["embedding"]), "<f4")
    return np.array(item["embedding"], dtype=np.float32)


# ---------------------------------------------------------------- answers


async def test_an_answer_has_the_shape_of_openais():
    answer = await answered(FakeEmbedder(dimensions=3), ["one two", "three"], user="me")
    assert answer["object"] == "list"
    assert answer["model"] == "fake"
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert [(item["object"], item["index"]) for item in answer["data"]] == [
        ("embedding", 0),
        ("embedding", 1),
    ]
    assert [len(item["embedding"]) for item in answer["data"]] == [3, 3]


async def test_the_model_is_called_as_the_client_called_it():
    answer = await answered(FakeEmbedder(), "x", model="text-embedding-3-small")
    assert answer["model"] == "text-embedding-3-small"


async def test_base64_has_the_bits_of_the_floats():
    texts = [f"text number {number}" for number in range(2 * BLOCK + 1)]
    plain = await answered(FakeEmbedder(), texts, encoding_format="float")
    packed = await answered(FakeEmbedder(), texts, encoding_format="base64")
    assert len(packed["data"]) == len(texts)
    for one, other in zip(plain["data"], packed["data"], strict=True):
        assert isinstance(other["embedding"], str)
        assert floats(one).tobytes() == floats(other).tobytes()
        assert one["index"] == other["index"]


async def test_equal_inputs_are_computed_once_and_counted_each():
    embedder = FakeEmbedder()
    answer = await answered(embedder, ["b c", "a", "b c", "a", "b c"])
    assert embedder.requests == [("b c", "a")]
    vectors = [floats(item) for item in answer["data"]]
    alone = floats((await answered(FakeEmbedder(), "a"))["data"][0])
    np.testing.assert_array_equal(vectors[1], alone)
    np.testing.assert_array_equal(vectors[3], alone)
    np.testing.assert_array_equal(vectors[0], vectors[4])
    assert answer["usage"]["prompt_tokens"] == 8


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("text", ("text",)),
        ([1, 2, 3], ((1, 2, 3),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
        (["a", "b"], ("a", "b")),
    ],
)
async def test_texts_and_tokens_reach_the_engine(given, asked):
    embedder = FakeEmbedder()
    await answered(embedder, given)
    assert embedder.requests == [asked]


async def test_a_stream_is_the_answer_as_one_event():
    provider = LocalEmbeddings(FakeEmbedder())
    blocks = [block async for block in provider.stream(call("x"))]
    assert blocks == [b"data: " + await provider.answer(call("x")) + b"\n\ndata: [DONE]\n\n"]


async def test_others_get_their_turn_while_a_large_answer_is_written():
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.ensure_future(other())
    await answered(FakeEmbedder(), [str(number) for number in range(10 * BLOCK)])
    beside.cancel()
    assert turns >= 10


# ---------------------------------------------------------------- dimensions


async def test_a_vector_is_cut_where_its_model_was_trained_for_it():
    embedder = Named("llama:nomic-embed-text-v1.5.Q8_0.gguf")
    whole = floats((await answered(embedder, "a b c"))["data"][0])
    short = floats((await answered(embedder, "a b c", dimensions=16))["data"][0])
    expected = whole[:16] / np.linalg.norm(whole[:16])
    np.testing.assert_allclose(short, expected, atol=1e-7)
    assert refused(embedder, "a", dimensions=16) is None


@pytest.mark.parametrize(
    ("name", "dimensions", "reason"),
    [
        ("minilm:/Models/x", 16, "vector of the embedding model 'minilm:/Models/x' has 64 dim"),
        ("minilm", 16, "means nothing when cut"),
        ("minilm", 65, "has no more"),
        ("openai:text-embedding-3-small", 65, "has no more"),
    ],
)
def test_others_are_refused_with_the_reason(name, dimensions, reason):
    error = refused(Named(name), "x", dimensions=dimensions)
    assert error is not None
    assert (error.status, error.param, error.code) == (400, "dimensions", "invalid_value")
    assert reason in error.message
    assert "send 64" in error.message


async def test_all_dimensions_may_be_asked_of_any_model():
    assert refused(Named("minilm"), "x", dimensions=64) is None
    assert len(floats((await answered(Named("minilm"), "x", dimensions=64))["data"][0])) == 64


async def test_a_model_of_unknown_size_is_refused_once_it_is_known():
    embedder = Named("openai:tiny", dimensions=8)
    provider = LocalEmbeddings(embedder)
    embedder.dimensions = 0
    assert provider.refusal(call("x", dimensions=4)) is None
    embedder.dimensions = 8
    with pytest.raises(ApiError, match="has 8 dimensions"):
        await provider.answer(call("x", dimensions=4))


def test_the_models_that_may_be_cut_are_known_by_name():
    assert is_matryoshka("openai:text-embedding-3-large")
    assert is_matryoshka("llama:models/Qwen3-Embedding-0.6B-Q8_0.gguf")
    assert not is_matryoshka("openai:text-embedding-ada-002")
    assert not is_matryoshka("llama:nomic-embed-text-v1.f16.gguf")


# ---------------------------------------------------------------- what goes wrong


def test_fields_that_nobody_honours_are_refused():
    error = refused(FakeEmbedder(), "x", truncate="END", user=None)
    assert error is not None
    assert (error.param, error.code) == ("truncate", "unsupported_parameter")
    assert (
        refused(FakeEmbedder(), "x", user="me", encoding_format="base64", dimensions=None) is None
    )


def test_tokens_of_openais_models_are_not_taken_for_those_of_others():
    openais = {"model": "text-embedding-3-small"}
    error = refused(Named("minilm"), [1, 2], **openais)
    assert error is not None
    assert (error.status, error.param) == (400, "input")
    assert "another model's vocabulary" in error.message
    assert refused(Named("minilm"), [[1, 2]], **openais) is not None
    assert refused(Named("minilm"), ["x"], **openais) is None
    assert refused(Named("minilm"), [1, 2], model="minilm") is None
    assert refused(Named("openai:text-embedding-3-small"), [1, 2], **openais) is None


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ("x " * 600, "input"),
        (["a", "b", "a", "x " * 600, "b"], "input[3]"),
        (list(range(600)), "input"),
    ],
)
async def test_an_input_that_is_too_long_is_named_by_its_place(given, param):
    with pytest.raises(ProviderError, match="has 600 words") as caught:
        await answered(FakeEmbedder(), given)
    error = caught.value
    assert (error.status, error.trouble, error.param) == (400, "context", param)
    assert error.code == "context_length_exceeded"


async def test_an_engine_that_fails_is_unavailable():
    class Broken(FakeEmbedder):
        async def embed(self, inputs) -> Embeddings:
            raise EngineError("worker 'minilm' was killed and is being restarted")

    with pytest.raises(ProviderError, match="is being restarted") as caught:
        await answered(Broken(), ["x"])
    assert (caught.value.status, caught.value.trouble) == (503, "unavailable")
