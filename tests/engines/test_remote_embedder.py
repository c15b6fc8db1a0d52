"""A remote embedding model answers and fails in all the ways servers do; the server is real."""

import base64
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import web

from voice.engines.protocols import EngineError
from voice.engines.remote_embedder import RemoteEmbedder, shares

KEY = "sk-secret"


@asynccontextmanager
async def serving(answer, model="tiny"):
    """A model whose server answers with this JSON or response; yields it and what it was sent."""
    asked = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(await request.json())
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        return answer if isinstance(answer, web.Response) else web.json_response(answer)

    app = web.Application()
    app.router.add_post("/v1/embeddings", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    embedder = RemoteEmbedder(f"openai:{model}", url, KEY, model)
    try:
        yield embedder, asked
    finally:
        await embedder.aclose()
        await runner.cleanup()


def item(embedding, index):
    return {"object": "embedding", "embedding": embedding, "index": index}


def answered(*items, tokens=0):
    return {"data": list(items), "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


async def test_vectors_come_in_the_order_of_the_inputs_and_of_length_one():
    answer = answered(item([0, 2], 1), item([3, 4], 0), tokens=6)
    async with serving(answer) as (embedder, asked):
        assert embedder.dimensions == 0
        found = await embedder.embed(["longer text", (1, 2)])
        assert embedder.dimensions == 2
    np.testing.assert_allclose(np.frombuffer(found.vectors, "<f4"), [0.6, 0.8, 0, 1])
    assert found.tokens == (5, 1)
    assert asked == [
        {"model": "tiny", "input": ["longer text", [1, 2]], "encoding_format": "float"}
    ]


async def test_base64_that_was_not_asked_for_and_missing_fields_are_taken():
    encoded = base64.b64encode(np.array([0, 1], "<f4").tobytes()).decode()
    async with serving({"data": [{"embedding": encoded}]}) as (embedder, _):
        found = await embedder.embed(["x"])
    assert np.frombuffer(found.vectors, "<f4").tolist() == [0, 1]
    assert found.tokens == (0,)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (answered(item([1], 0)), "sent 1 embeddings for 2 inputs"),
        (answered(item([1], 0), item([1, 2], 1)), "sent embeddings of no use"),
        (answered(item("%", 0), item("%", 1)), "sent embeddings of no use"),
        ({"error": {"message": "out of memory"}}, r"sent no embeddings \(out of memory\)"),
        (web.Response(text="<html>"), "sent no embeddings"),
        (web.Response(status=401, text="no"), "refused the API key"),
        (web.Response(status=404, text="no"), "has no model 'tiny'"),
        (web.Response(status=500, text="oops"), r"failed \(500\): oops"),
    ],
)
async def test_what_is_no_answer_is_an_error_that_names_the_server(answer, words):
    async with serving(answer) as (embedder, _):
        with pytest.raises(EngineError, match=f"openai:tiny .*{words}") as caught:
            await embedder.embed(["one", "two"])
    assert KEY not in str(caught.value)


async def test_a_server_that_is_not_there_is_an_error():
    embedder = RemoteEmbedder("openai:tiny", "http://127.0.0.1:9/v1", "", "tiny")
    with pytest.raises(EngineError, match="cannot be reached"):
        await embedder.embed(["x"])
    await embedder.aclose()


def test_the_dimensions_of_openais_models_are_known():
    embedder = RemoteEmbedder(
        "openai:x", "https://api.openai.com/v1", KEY, "text-embedding-3-large"
    )
    assert embedder.dimensions == 3072


def test_shares_keep_the_sum():
    assert shares(10, ["aaa", "a", "aaaaaa"]) == (3, 1, 6)
    assert sum(shares(7, ["a", "b", "c"])) == 7
    assert shares(7, []) == ()
