import json

import pytest

from voice.gateway.keys import KeyGuard

EXTENSIONS = {"websocket.http.response": {}}


async def outcome(scope: dict, keys=("sesame",)) -> list[dict]:
    """What the guard, or the application behind it, sends for a request."""
    sent = []

    async def app(_scope, _receive, send):
        await send({"type": "admitted"})

    async def send(message):
        sent.append(message)

    defaults = {"path": "/v1/realtime", "headers": [], "subprotocols": []}
    await KeyGuard(app, keys)(defaults | scope, None, send)
    return sent


def websocket(**scope) -> dict:
    return {"type": "websocket", "extensions": EXTENSIONS, **scope}


@pytest.mark.parametrize(
    "scope",
    [
        {"headers": [(b"authorization", b"Bearer sesame")]},
        {"headers": [(b"authorization", b"bearer  sesame")]},
        {"headers": [(b"api-key", b"sesame")]},
        {"subprotocols": ["realtime", "openai-insecure-api-key.sesame"]},
    ],
)
async def test_a_key_is_taken_from_each_place_where_clients_put_it(scope):
    assert await outcome(websocket(**scope)) == [{"type": "admitted"}]


@pytest.mark.parametrize(
    "headers", [[], [(b"authorization", b"Bearer sesam")], [(b"authorization", b"Basic sesame")]]
)
async def test_a_websocket_without_the_right_key_gets_401_before_the_upgrade(headers):
    start, body = await outcome(websocket(headers=headers))
    assert start["type"] == "websocket.http.response.start"
    assert start["status"] == 401
    error = json.loads(body["body"])["error"]
    assert error["code"] == "invalid_api_key"
    assert error["type"] == "authentication_error"


async def test_a_server_that_cannot_answer_a_handshake_closes_it():
    assert await outcome({"type": "websocket"}) == [
        {"type": "websocket.close", "code": 1008, "reason": ""}
    ]


async def test_http_without_a_key_gets_401_and_the_scheme_to_use():
    start, _ = await outcome({"type": "http", "path": "/v1/models"})
    assert start["status"] == 401
    assert (b"www-authenticate", b"Bearer") in start["headers"]


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_probes_need_no_key(path):
    assert await outcome({"type": "http", "path": path}) == [{"type": "admitted"}]


async def test_a_path_that_only_looks_like_health_needs_a_key():
    start, _ = await outcome({"type": "http", "path": "/healthy"})
    assert start["status"] == 401


async def test_without_keys_everybody_comes_in():
    assert await outcome(websocket(), keys=()) == [{"type": "admitted"}]


async def test_any_one_of_several_keys_opens():
    scope = websocket(headers=[(b"authorization", b"Bearer two")])
    assert await outcome(scope, keys=("one", "two")) == [{"type": "admitted"}]
