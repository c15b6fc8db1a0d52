import json

import pytest
from litestar.testing import AsyncTestClient

from voice.app import build_app
from voice.bench.engines import FakeEngines
from voice.config import AuthSettings, Settings
from voice.gateway.cors import Cors
from voice.gateway.origins import OriginPolicy
from voice.server import Server

EVIL, FRIEND = "https://evil.example", "https://app.example"
PREFLIGHT = {
    "origin": FRIEND,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-openai-agents-sdk,x-stainless-os",
}


def client_of(*, keys=(), origins=None) -> AsyncTestClient:
    settings = Settings(auth=AuthSettings(api_keys=keys), cors_allowed_origins=origins)
    return AsyncTestClient(build_app(settings, Server(settings, FakeEngines(0).open)))


@pytest.mark.parametrize(
    "path", ["/v1/realtime/calls", "/v1/realtime/client_secrets", "/v1/chat/completions"]
)
async def test_45_a_browser_may_ask_without_a_key_what_it_may_send(path):
    async with client_of(keys=("sesame",)) as client:
        answer = await client.options(path, headers=PREFLIGHT)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].split(",")
    assert {"authorization", "content-type", "x-openai-agents-sdk"} <= set(allowed)
    assert "x-request-id" in answer.headers


async def test_45_a_page_may_read_errors_and_where_its_call_is():
    async with client_of(keys=("sesame",)) as client:
        answer = await client.get("/v1/models", headers={"origin": EVIL})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"location", "x-request-id", "retry-after", "x-voice-model"} <= set(exposed)


async def test_a_foreign_page_reaches_nothing_of_a_server_without_keys():
    async with client_of() as client:
        for answer in (
            await client.options("/v1/models", headers=PREFLIGHT | {"origin": EVIL}),
            await client.post("/v1/chat/completions", headers={"origin": EVIL}, content="{}"),
            await client.get("/health", headers={"origin": EVIL}),
            await client.get("/v1/models", headers={"sec-fetch-site": "cross-site"}),
        ):
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers
            error = answer.json()["error"]
            assert (error["type"], error["code"]) == ("permission_error", "origin_not_allowed")


async def test_a_stranger_who_points_a_name_at_the_server_learns_nothing():
    async with client_of() as client:
        answer = await client.get("/v1/models", headers={"host": "evil.example:8000"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "host_not_allowed")


async def test_programs_and_the_own_page_are_never_hindered():
    async with client_of() as client:
        for headers in (
            {},
            {"host": "127.0.0.1:8000"},
            {"host": "localhost:8000", "origin": "http://localhost:8000"},
            {"host": "localhost:8000", "sec-fetch-site": "same-origin"},
            {"host": "localhost:8000", "origin": "http://localhost:5173"},
        ):
            assert (await client.get("/v1/models", headers=headers)).status_code == 200
        link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert (await client.get("/", headers=link)).status_code == 200


async def test_a_named_page_is_told_that_it_may_and_caches_that_it_depends_on_who_asks():
    async with client_of(origins=(FRIEND,)) as client:
        answer = await client.get("/v1/models", headers={"origin": FRIEND})
        assert answer.headers["access-control-allow-origin"] == FRIEND
        assert "origin" in answer.headers.get_list("vary", split_commas=True)
        unasked = await client.get("/v1/models")
        assert "access-control-allow-origin" not in unasked.headers
        assert "origin" in unasked.headers.get_list("vary", split_commas=True)
        refused = await client.get("/v1/models", headers={"origin": EVIL})
        assert refused.status_code == 403


async def test_a_websocket_of_a_foreign_page_is_refused_before_it_opens():
    sent = []

    async def app(_scope, _receive, send):
        await send({"type": "admitted"})

    async def send(message):
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/v1/realtime",
        "extensions": {"websocket.http.response": {}},
        "headers": [(b"host", b"localhost:8000"), (b"origin", EVIL.encode())],
    }
    await Cors(app, OriginPolicy(()))(scope, None, send)
    start, body = sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    assert json.loads(body["body"])["error"]["code"] == "origin_not_allowed"
    scope["headers"] = [(b"host", b"localhost:8000")]
    await Cors(app, OriginPolicy(()))(scope, None, send)
    assert sent[2:] == [{"type": "admitted"}]
