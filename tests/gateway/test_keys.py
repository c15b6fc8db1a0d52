import json

import pytest

from voice.gateway.keys import KeyGuard, secret_config
from voice.gateway.secrets import ClientSecrets
from voice.realtime.config import SessionConfig

NOW = 1_800_000_000.0
EXTENSIONS = {"websocket.http.response": {}}


async def outcome(scope: dict, keys=("sesame",), secrets=None, now=NOW) -> list[dict]:
    """What the guard, or the application behind it, sends for a request."""
    sent = []

    async def app(scope, _receive, send):
        scope.setdefault("state", {})
        config = secret_config(scope)
        await send({"type": "admitted"} | ({"config": config} if config else {}))

    async def send(message):
        sent.append(message)

    defaults = {"path": "/v1/realtime", "headers": [], "subprotocols": []}
    guard = KeyGuard(app, keys, secrets or ClientSecrets(), lambda: now)
    await guard(defaults | scope, None, send)
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


@pytest.mark.parametrize("path", ["/health", "/health/live", "/", "/check", "/web/app.js"])
async def test_probes_and_the_page_need_no_key(path):
    assert await outcome({"type": "http", "path": path}) == [{"type": "admitted"}]


async def test_a_path_that_only_looks_like_health_needs_a_key():
    start, _ = await outcome({"type": "http", "path": "/healthy"})
    assert start["status"] == 401


async def test_without_keys_everybody_comes_in():
    assert await outcome(websocket(), keys=()) == [{"type": "admitted"}]


async def test_any_one_of_several_keys_opens():
    scope = websocket(headers=[(b"authorization", b"Bearer two")])
    assert await outcome(scope, keys=("one", "two")) == [{"type": "admitted"}]


# ---------------------------------------------------------------- client secrets

CONFIG = SessionConfig(instructions="Speak like a pirate.")
OPENED = [{"type": "admitted", "config": CONFIG}]


@pytest.fixture
def minted():
    secrets = ClientSecrets()
    return secrets, secrets.mint(CONFIG, 600, NOW)


@pytest.mark.parametrize("keys", [(), ("sesame",)], ids=["open", "with-keys"])
@pytest.mark.parametrize(
    "path",
    ["/v1/realtime", "/realtime", "/openai/v1/realtime", "/v1/realtime/calls",
     "/v1/realtime/calls/rtc_a-B_9/hangup"],
)  # fmt: skip
async def test_a_client_secret_opens_conversations_until_it_expires(minted, keys, path):
    secrets, secret = minted
    headers = [(b"authorization", f"Bearer {secret.value}".encode())]
    scope = {"type": "http", "path": path, "headers": headers}
    assert await outcome(scope, keys, secrets) == OPENED
    assert await outcome(scope, keys, secrets, now=NOW + 599) == OPENED
    start, body = await outcome(scope, keys, secrets, now=NOW + 600)
    assert start["status"] == 401
    error = json.loads(body["body"])["error"]
    assert error["code"] == "invalid_api_key"
    assert "expired" in error["message"]
    assert secret.value not in body["body"].decode()


async def test_a_browser_shows_its_secret_as_a_subprotocol(minted):
    secrets, secret = minted
    scope = websocket(subprotocols=["realtime", f"openai-insecure-api-key.{secret.value}"])
    assert await outcome(scope, secrets=secrets) == OPENED


@pytest.mark.parametrize(
    "path",
    ["/v1/realtime/client_secrets", "/v1/models", "/v1/chat/completions", "/v1/realtime/../models",
     "/v1/realtime/calls/../../models", "/v1/realtimes", "/x/v1/realtime"],
)  # fmt: skip
async def test_a_client_secret_opens_nothing_else(minted, path):
    secrets, secret = minted
    headers = [(b"authorization", f"Bearer {secret.value}".encode())]
    start, _ = await outcome({"type": "http", "path": path, "headers": headers}, secrets=secrets)
    assert start["status"] == 401


async def test_a_secret_that_nobody_minted_is_refused_even_where_nobody_needs_a_key():
    scope = websocket(headers=[(b"authorization", b"Bearer ek_00")])
    start, _ = await outcome(scope, keys=())
    assert start["status"] == 401


async def test_elsewhere_an_open_server_does_not_judge_what_is_shown():
    headers = [(b"authorization", b"Bearer ek_00")]
    scope = {"type": "http", "path": "/v1/models", "headers": headers}
    assert await outcome(scope, keys=()) == [{"type": "admitted"}]


async def test_a_key_of_the_server_may_look_like_a_secret():
    scope = websocket(headers=[(b"authorization", b"Bearer ek_mine")])
    assert await outcome(scope, keys=("ek_mine",)) == [{"type": "admitted"}]
