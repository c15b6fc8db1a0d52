import json

import pytest

from tests.http.plain import named_events, serving
from voice.engines.protocols import EngineError, TextDelta

USER = {"role": "user", "content": "Is it open?"}


async def test_a_prompt_is_answered_with_text():
    async with serving() as client:
        response = await client.post("/api/generate", json={"prompt": "Is it open?"})
    assert response.status_code == 200
    assert response.headers["x-voice-provider"] == "local"
    assert response.json() == {
        "model": "fake",
        "text": "It is open. Come in.",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }


async def test_messages_are_answered_with_a_message():
    async with serving() as client:
        response = await client.post("/api/chat", json={"messages": [USER], "max_tokens": 2})
    assert response.status_code == 200
    assert response.json() == {
        "message": {"role": "assistant", "content": "It is"},
        "model": "fake",
        "finish_reason": "length",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/api/generate/stream", {"prompt": "Open?"}), ("/api/chat/stream", {"messages": [USER]})],
)
async def test_a_stream_has_an_event_for_each_token_and_one_for_the_end(path, fields):
    async with serving() as client:
        response = await client.post(path, json={"model": "fake", **fields})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-voice-provider"] == "local"
    *tokens, last = named_events(response.text)
    assert last == ("complete", {"total_tokens": 5, "finish_reason": "stop"})
    assert [name for name, _ in tokens] == ["token"] * 5
    assert [data["index"] for _, data in tokens] == [0, 1, 2, 3, 4]
    assert "".join(data["token"] for _, data in tokens) == "It is open. Come in."


async def test_the_system_prompt_comes_first_and_nothing_is_filled_in():
    system = {"role": "system", "content": "Be brief."}
    async with serving() as client:
        await client.post("/api/generate", json={"prompt": "Open?", "system": "Be brief."})
        await client.post("/api/chat", json={"messages": [system, USER], "system": "Be kind."})
        prompted, chatted = client.router.bodies
    asked = {"role": "user", "content": "Open?"}
    assert prompted == {"model": "", "messages": [system, asked]}
    assert chatted["messages"] == [{"role": "system", "content": "Be kind."}, system, USER]


async def test_every_option_reaches_the_model():
    options = {"max_tokens": 3, "temperature": 0, "top_p": 0.5, "stop": ["\n"], "seed": 7}
    async with serving() as client:
        response = await client.post("/api/generate", json={"prompt": "Open?", **options})
        assert response.status_code == 200
        (body,) = client.router.bodies
        (prompt,) = client.router.model.prompts
    assert options.items() <= body.items()
    assert (prompt.max_tokens, prompt.temperature, prompt.seed) == (3, 0, 7)


@pytest.mark.parametrize("stream", ["", "/stream"])
@pytest.mark.parametrize(
    ("path", "fields", "status", "param"),
    [
        ("/api/generate", {}, 400, "prompt"),
        ("/api/generate", {"prompt": ""}, 400, "prompt"),
        ("/api/generate", {"prompt": ["Open?"]}, 400, "prompt"),
        ("/api/generate", {"prompt": "Open?", "temprature": 1}, 400, "temprature"),
        ("/api/generate", {"prompt": "Open?", "temperature": 2.1}, 400, "temperature"),
        ("/api/generate", {"prompt": "Open?", "max_tokens": 0}, 400, "max_tokens"),
        ("/api/generate", {"prompt": "Open?", "top_k": 5}, 400, "top_k"),
        ("/api/generate", {"prompt": "Open?", "stop": ["a"] * 5}, 400, "stop"),
        ("/api/generate", {"prompt": "Open?", "model": "other"}, 404, "model"),
        ("/api/generate", {"prompt": "Open?", "messages": [USER]}, 400, "messages"),
        ("/api/chat", {"messages": []}, 400, "messages"),
        ("/api/chat", {"prompt": "Open?"}, 400, "prompt"),
        (
            "/api/chat",
            {"messages": [USER, {"role": "cat", "content": ""}]},
            400,
            "messages[1].role",
        ),
        ("/api/chat", {"messages": [USER | {"mood": "bad"}]}, 400, "messages[0].mood"),
    ],
)
async def test_what_is_wrong_is_named_before_the_first_byte(path, stream, fields, status, param):
    async with serving() as client:
        response = await client.post(path + stream, json=fields)
    assert response.status_code == status
    error = response.json()["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"


async def test_an_engine_that_fails_at_once_is_a_503():
    async with serving([EngineError("The worker died.")]) as client:
        for path in ("/api/generate", "/api/generate/stream"):
            response = await client.post(path, json={"prompt": "Open?"})
            assert response.status_code == 503
            assert response.json()["error"]["message"] == "The worker died."


async def test_a_failure_in_the_middle_of_a_stream_is_told_in_band():
    async with serving([TextDelta("It is"), EngineError("The worker died.")]) as client:
        response = await client.post("/api/generate/stream", json={"prompt": "Open?"})
    token, failure, done, rest = response.text.split("\n\n")
    assert token == 'event: token\ndata: {"token":"It is","index":0}'
    assert json.loads(failure.removeprefix("data: "))["error"]["type"] == "server_error"
    assert (done, rest) == ("data: [DONE]", "")


async def test_models_that_talk_are_listed():
    async with serving() as client:
        response = await client.get("/api/llms")
    assert response.json() == {"models": ["fake"]}
