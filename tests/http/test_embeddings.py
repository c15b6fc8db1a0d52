"""What `/v1/embeddings` takes and refuses; the router behind it has one engine."""

from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.testing import AsyncTestClient

from voice.config import load_settings
from voice.engines.fake_embedder import FakeEmbedder
from voice.engines.registry import EngineSet
from voice.gateway.errors import ApiError
from voice.gateway.requests import answer_error
from voice.http.embeddings import embeddings
from voice.providers.local_embeddings import LocalEmbeddings
from voice.providers.protocol import Call
from voice.routing.journey import Routed
from voice.server import Server


class OneEngine:
    """A router that knows one engine, by any name but `other`."""

    def __init__(self, embedder: FakeEmbedder | None) -> None:
        self._embedder = embedder

    async def answer(self, model, operation, body):
        if model == "other" or self._embedder is None:
            raise ApiError(
                f"The model '{model}' does not exist.", status=404, code="model_not_found"
            )
        provider = LocalEmbeddings(self._embedder)
        call = Call(operation, self._embedder.name, body)
        if refusal := provider.refusal(call):
            raise refusal
        return Routed(await provider.answer(call), {"x-voice-model": self._embedder.name})


class Client:
    def __init__(self, http: AsyncTestClient) -> None:
        self.http = http

    async def post(self, given="text", model="fake", **fields):
        body = {"model": model, "input": given, **fields}
        return await self.http.post("/v1/embeddings", json=body)

    async def refused(self, *given, status=400, **fields) -> dict:
        answer = await self.post(*given, **fields)
        assert answer.status_code == status, answer.text
        return answer.json()["error"]


@asynccontextmanager
async def asking(embedder: FakeEmbedder | None, **environment: str):
    settings = load_settings(environment=environment, env_file=Path("/nowhere"))
    server = Server(settings)
    if embedder:
        server.engines = EngineSet(*[None] * 3, choices=(), workers=(), embed=embedder)
    app = Litestar(
        [embeddings],
        state=State({"server": server, "router": OneEngine(embedder)}),
        exception_handlers={Exception: answer_error, HTTPException: answer_error},
        openapi_config=None,
        logging_config=None,
    )
    async with AsyncTestClient(app) as http:
        yield Client(http)


@pytest.fixture
async def client():
    async with asking(FakeEmbedder(dimensions=4)) as client:
        yield client


async def test_vectors_come_back_with_what_the_router_says(client):
    answer = await client.post(["a", "b c"], user="me", encoding_format="float", dimensions=4)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-voice-model"] == "fake"
    body = answer.json()
    assert [len(item["embedding"]) for item in body["data"]] == [4, 4]
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


@pytest.mark.parametrize(
    ("given", "param", "words"),
    [
        ("", "input", "must not be empty"),
        ([], "input", "must not be empty"),
        (["a", "b", "c", "", "d"], "input[3]", "must not be empty"),
        ([[1], []], "input[1]", "must not be empty"),
        (["a", 1], "input[1]", "must be of one kind"),
        ([1, 2, [3]], "input[2]", "must be of one kind"),
        ([[1], "a"], "input[1]", "must be of one kind"),
        (["a", None], "input[1]", "null"),
        ([1.5], "input[0]", "number"),
        ([True], "input[0]", "bool"),
        ([["a"]], "input[0][0]", "integer"),
        ({"text": "a"}, "input", "object"),
        (None, "input", "null"),
        (["a"] * 2049, "input", "at most 2048 inputs, not 2049"),
        (["a", "x" * 131_073], "input[1]", "at most 131072 characters"),
        ([[7] * 8192] * 37, "input", "at most 300000 tokens"),
        (["x " * 600], "input[0]", "600 words"),
    ],
)
async def test_an_input_that_cannot_be_meant_is_named(client, given, param, words):
    error = await client.refused(given)
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert words in error["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 2}, "dimensions"),
        ({"dimensions": "4"}, "dimensions"),
        ({"user": 1}, "user"),
        ({"model": None}, "model"),
        ({"truncate": "END"}, "truncate"),
    ],
)
async def test_a_field_that_is_wrong_is_named(client, fields, param):
    assert (await client.refused(**fields))["param"] == param


async def test_an_operator_can_lower_the_limits():
    limits = {
        "EMBEDDINGS__MAX_INPUTS": "2",
        "EMBEDDINGS__MAX_CHARACTERS": "5",
        "EMBEDDINGS__MAX_TOKENS": "3",
    }
    async with asking(FakeEmbedder(), **limits) as client:
        assert (await client.post(["12345", "b"])).status_code == 200
        assert "at most 2 inputs" in (await client.refused(["a", "b", "c"]))["message"]
        error = await client.refused(["a", "123456"])
        assert (error["code"], error["param"]) == ("string_above_max_length", "input[1]")
        assert (await client.refused("123456"))["param"] == "input"
        assert "at most 3 tokens" in (await client.refused([1, 2, 3, 4]))["message"]


async def test_a_server_that_embeds_nothing_says_how_to_change_that():
    async with asking(None) as client:
        error = await client.refused(status=404)
        assert error["code"] == "model_not_found"
        assert "`voice pull minilm`" in error["message"]


async def test_another_model_is_not_found_where_there_is_one(client):
    error = await client.refused(model="other", status=404)
    assert error["message"] == "The model 'other' does not exist."
