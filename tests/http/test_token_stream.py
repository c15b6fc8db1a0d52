import pytest

from tests.http.plain import PlainRouter, named_events, serving
from voice.engines.fakes import FakeLanguageModel
from voice.http.token_stream import token_events
from voice.http.tokens import Complete, Started, Token, tokens_of

ANSWER = "It is open. Come in."


@pytest.mark.parametrize("path", ["/v1/stream/sse", "/stream/sse"])
async def test_a_prompt_in_the_query_is_answered_in_events(path):
    query = {"model": "fake", "prompt": "Is it open?", "max_tokens": "3", "temperature": "0.5"}
    async with serving() as client:
        response = await client.get(path, params=query)
        (body,) = client.router.bodies
    assert response.headers["content-type"] == "text/event-stream"
    assert named_events(response.text) == [
        ("token", {"token": "It", "index": 0}),
        ("token", {"token": " is", "index": 1}),
        ("token", {"token": " open.", "index": 2}),
        ("complete", {"total_tokens": 3, "finish_reason": "length"}),
    ]
    assert (body["max_tokens"], body["temperature"]) == (3, 0.5)


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ({}, 400, "prompt"),
        ({"prompt": ""}, 400, "prompt"),
        ({"prompt": "a", "model": "other"}, 404, "model"),
        ({"prompt": "a", "max_tokens": "many"}, 400, "max_tokens"),
        ({"prompt": "a", "max_tokens": "1.5"}, 400, "max_tokens"),
        ({"prompt": "a", "max_tokens": ""}, 400, "max_tokens"),
        ({"prompt": "a", "temperature": "nan"}, 400, "temperature"),
        ({"prompt": "a", "temperature": "inf"}, 400, "temperature"),
        ({"prompt": "a", "top_p": "NaN"}, 400, "top_p"),
        ({"prompt": "a", "tone": "warm"}, 400, "tone"),
    ],
)
async def test_what_is_wrong_is_an_http_error(query, status, param):
    async with serving() as client:
        response = await client.get("/v1/stream/sse", params=query)
    assert response.status_code == status
    assert response.json()["error"]["param"] == param


async def test_text_that_looks_like_nothing_is_text():
    async with serving() as client:
        response = await client.get("/stream/sse", params={"prompt": "null", "stop": "null"})
        (body,) = client.router.bodies
    assert response.status_code == 200
    assert body["messages"] == [{"role": "user", "content": "null"}]


async def test_a_client_that_leaves_ends_the_work():
    model = FakeLanguageModel(ANSWER)
    chat = {"model": "", "messages": [{"role": "user", "content": "Open?"}]}
    stream = await token_events(PlainRouter(model), chat)
    assert b'"token":"It"' in await anext(stream.blocks)
    await stream.blocks.aclose()
    assert model.abandoned == 1


async def test_without_usage_the_tokens_are_counted():
    async def blocks():
        yield b'data: {"model":"m","choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
        yield b'data: {"choices":[{"delta":{"content":"No"}}]}\n\n'
        yield b'data: {"choices":[{"delta":{"refusal":", sorry"}}]}\n\ndata: {"choices":[]}\n\n'
        yield b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

    items = [item async for item in tokens_of(blocks())]
    assert items == [Started("m"), Token("No"), Token(", sorry"), Complete(2, "stop")]
