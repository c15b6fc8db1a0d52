import json

import pytest

from voice.gateway.handshakes import Handshakes

EXTENSIONS = {"websocket.http.response": {}}


async def outcome(*messages: dict, kind: str = "websocket") -> list[dict]:
    """What reaches the client when an application sends these messages."""
    sent = []

    async def app(_scope, _receive, send):
        for message in messages:
            await send(message)

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "path": "/v1/nothing", "extensions": EXTENSIONS}
    await Handshakes(app)(scope, None, send)
    return sent


@pytest.mark.parametrize(
    ("reason", "status"), [("Not Found", 404), ("Bad Request", 404), ("Internal Server Error", 500)]
)
async def test_a_handshake_that_fails_gets_an_error_that_says_why(reason, status):
    start, body = await outcome({"type": "websocket.close", "code": 4500, "reason": reason})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
    error = json.loads(body["body"])["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert ("/v1/nothing" in error["message"]) == (status == 404)


async def test_what_was_opened_is_closed_as_it_was_meant():
    messages = {"type": "websocket.accept"}, {"type": "websocket.close", "code": 4404}
    assert await outcome(*messages) == list(messages)


async def test_http_is_left_alone():
    messages = ({"type": "http.response.start", "status": 200},)
    assert await outcome(*messages, kind="http") == list(messages)
