"""Chat and text completions through their endpoints, on a router that has one local model."""

import base64
import io
import json
from contextlib import asynccontextmanager

import numpy as np
import pytest
import soundfile
from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.testing import AsyncTestClient

from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech, tone
from voice.engines.protocols import CallDelta, CallStarted, Finished, TextDelta
from voice.gateway.requests import answer_error
from voice.http.calls import batch_chat_completions, chat_completions, completions
from voice.http.spoken_answer import SpokenAnswers
from voice.providers.local_chat import LocalChat
from voice.providers.protocol import Call
from voice.routing.journey import Routed

USER = {"role": "user", "content": "Is it open?"}


class OneModel:
    """A router that knows one model."""

    def __init__(self, model: FakeLanguageModel) -> None:
        self.model = model
        self._chat = LocalChat(model)

    async def refusal(self, model, operation, body):
        return self._chat.refusal(Call(operation, model, body))

    async def answer(self, model, operation, body):
        if refused := await self.refusal(model, operation, body):
            raise refused
        answer = await self._chat.answer(Call(operation, model, body))
        return Routed(answer, {"x-voice-provider": "local"})

    async def stream(self, model, operation, body):
        if refused := await self.refusal(model, operation, body):
            raise refused
        return Routed(
            self._chat.stream(Call(operation, model, body)), {"x-voice-provider": "local"}
        )


class FakeServer:
    def __init__(self, heard: str) -> None:
        self.stt = FakeSpeechToText(heard)
        self.tts = FakeTextToSpeech()
        self.spoken_answers = SpokenAnswers()

    async def warm(self):
        return self


@asynccontextmanager
async def serving(model=None, *, heard: str = ""):
    router = OneModel(model or FakeLanguageModel("It is open. Come in."))
    app = Litestar(
        [chat_completions, completions, batch_chat_completions],
        state=State({"router": router, "server": FakeServer(heard)}),
        exception_handlers={Exception: answer_error, HTTPException: answer_error},
        openapi_config=None,
        logging_config=None,
    )
    async with AsyncTestClient(app) as client:
        client.model = router.model
        yield client


async def ask(client, **fields):
    body = {"model": "fake", "messages": [USER], **fields}
    return await client.post("/v1/chat/completions", json=body)


def events(response) -> list[dict]:
    *found, done, rest = response.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(each.removeprefix("data: ")) for each in found]


def wav(seconds: float = 1.0) -> str:
    file = io.BytesIO()
    pcm = np.frombuffer(tone(int(16_000 * seconds), 16_000), "<i2")
    soundfile.write(file, pcm, 16_000, format="WAV")
    return base64.b64encode(file.getvalue()).decode()


async def test_a_chat_is_answered_with_the_routers_headers():
    async with serving() as client:
        response = await ask(client)
    assert response.status_code == 200
    assert response.headers["x-voice-provider"] == "local"
    assert response.json()["choices"][0]["message"]["content"] == "It is open. Come in."


async def test_a_chat_is_streamed():
    async with serving() as client:
        response = await ask(client, stream=True)
    assert response.headers["content-type"] == "text/event-stream"
    texts = [chunk["choices"][0]["delta"].get("content", "") for chunk in events(response)]
    assert "".join(texts) == "It is open. Come in."


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [USER, {"role": "cat"}]}, "messages[1].role"),
        ({"logprobs": True}, "logprobs"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"model": 7}, "model"),
        ({"modalities": ["text", "audio"]}, "audio"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [USER | {"foo": 1}]}, "messages[0].foo"),
        ({"messages": [USER | {"audio": [7]}]}, "messages[0].audio"),
        ({"messages": [USER, {"role": "tool", "tool_call_id": "a", "content": ""}]},
         "messages[1].tool_call_id"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"metadata": {"a": "b", "c": 1}}, "metadata.c"),
        ({"metadata": {"a": "b" * 513}}, "metadata.a"),
        ({"metadata": {"a" * 65: "b"}}, "metadata"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [True, False])
async def test_what_is_wrong_is_named(fields, param, stream):
    async with serving() as client:
        response = await ask(client, stream=stream, **fields)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


async def test_a_compressed_body_is_refused_as_such():
    async with serving() as client:
        for path in ("/v1/chat/completions", "/v1/batch/chat/completions"):
            response = await client.post(path, content=b"x", headers={"content-encoding": "gzip"})
            assert response.status_code == 415
            assert "not as gzip" in response.json()["error"]["message"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/etc/passwd", "ftp://host/a.png"])
async def test_a_picture_is_fetched_from_no_place_of_this_machine(url):
    image = {"type": "image_url", "image_url": {"url": url}}
    async with serving() as client:
        response = await ask(client, messages=[{"role": "user", "content": [image]}])
        assert response.status_code == 400
        assert not client.model.prompts


async def test_text_is_continued():
    class Writer(FakeLanguageModel):
        accepts = FakeLanguageModel.accepts | {"text"}

    async with serving(Writer("upon a time")) as client:
        body = {"model": "fake", "prompt": "Once "}
        whole = await client.post("/v1/completions", json=body)
        streamed = await client.post("/v1/completions", json=body | {"stream": True})
    assert whole.json()["choices"][0]["text"] == "upon a time"
    assert "".join(e["choices"][0]["text"] for e in events(streamed)) == "upon a time"


# ---------------------------------------------------------------- many at once


async def test_a_batch_keeps_its_order_and_tells_each_failure_in_its_place():
    model = FakeLanguageModel(lambda prompt: prompt.messages[-1].content.upper())
    chats = [{"model": "fake", "messages": [{"role": "user", "content": text}]} for text in "abc"]
    chats[1]["temperature"] = 9
    async with serving(model) as client:
        response = await client.post("/v1/batch/chat/completions", json=[*chats, "no chat"])
    first, wrong, third, nothing = response.json()["results"]
    assert first["choices"][0]["message"]["content"] == "A"
    assert third["choices"][0]["message"]["content"] == "C"
    assert wrong["error"]["param"] == "temperature"
    assert "object" in nothing["error"]["message"]


@pytest.mark.parametrize("body", ["{}", '"a"', "[", ""])
async def test_a_batch_that_is_no_array_is_refused(body):
    async with serving() as client:
        response = await client.post("/v1/batch/chat/completions", content=body)
    assert response.status_code == 400


# ---------------------------------------------------------------- aloud


async def test_a_recording_is_heard_for_a_model_that_cannot():
    audio = {"type": "input_audio", "input_audio": {"data": wav(), "format": "wav"}}
    text = {"type": "text", "text": "Listen:"}
    async with serving(heard="what time is it") as client:
        response = await ask(client, messages=[{"role": "user", "content": [text, audio]}])
        assert response.status_code == 200
        (prompt,) = client.model.prompts
    assert prompt.messages[0].content == "Listen:\nwhat time is it"


@pytest.mark.parametrize("data", ["not base64!", base64.b64encode(b"no audio").decode()])
async def test_what_is_no_recording_is_named(data):
    audio = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    async with serving() as client:
        response = await ask(client, messages=[USER, {"role": "user", "content": [audio]}])
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "messages[1].content[0].input_audio.data"


async def test_an_answer_is_spoken_and_can_be_referred_to():
    spoken = {"modalities": ["text", "audio"], "audio": {"format": "wav", "voice": "alloy"}}
    async with serving() as client:
        response = await ask(client, **spoken)
        message = response.json()["choices"][0]["message"]
        assert message["content"] is None
        assert message["audio"]["transcript"] == "It is open. Come in."
        data = io.BytesIO(base64.b64decode(message["audio"]["data"]))
        pcm, _ = soundfile.read(data)
        assert np.abs(pcm).max() > 0.1
        earlier = {"role": "assistant", "audio": {"id": message["audio"]["id"]}}
        response = await ask(client, messages=[USER, earlier, USER])
        assert response.status_code == 200
        assert client.model.prompts[-1].messages[1].content == "It is open. Come in."
        unknown = {"role": "assistant", "audio": {"id": "audio_none"}}
        response = await ask(client, messages=[USER, unknown, USER])
        assert response.json()["error"]["param"] == "messages[1].audio.id"


async def test_a_streamed_answer_is_spoken_while_it_is_made():
    spoken = {"modalities": ["text", "audio"], "audio": {"format": "pcm16", "voice": "alloy"}}
    async with serving() as client:
        response = await ask(client, stream=True, stream_options={"include_usage": True}, **spoken)
    *chunks, last, usage = events(response)
    audio = [chunk["choices"][0]["delta"].get("audio", {}) for chunk in chunks]
    assert "".join(each.get("transcript", "") for each in audio) == "It is open. Come in."
    pcm = b"".join(base64.b64decode(each["data"]) for each in audio if "data" in each)
    assert len(pcm) > 24_000
    assert len({each["id"] for each in audio if each}) == 1
    assert audio[-1]["expires_at"] > 0
    first_sound = next(n for n, each in enumerate(audio) if "data" in each)
    last_word = max(n for n, each in enumerate(audio) if "transcript" in each)
    assert first_sound < last_word
    assert not any(chunk["choices"][0]["delta"].get("content") for chunk in chunks)
    assert last["choices"][0]["finish_reason"] == "stop"
    assert usage["usage"]["completion_tokens"] == 5


async def test_a_spoken_stream_keeps_its_tool_calls_and_says_its_last_words():
    pieces = [
        TextDelta(text="Let me see"),
        CallStarted(call_id="call_1", name="look"),
        CallDelta(arguments="{}"),
        Finished(reason="tool_calls"),
    ]
    tool = {"type": "function", "function": {"name": "look"}}
    spoken = {"modalities": ["text", "audio"], "audio": {"format": "mp3", "voice": "alloy"}}
    async with serving(FakeLanguageModel(pieces)) as client:
        response = await ask(client, stream=True, tools=[tool], **spoken)
    deltas = [chunk["choices"][0]["delta"] for chunk in events(response)]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert calls[0]["function"]["name"] == "look"
    assert any("data" in delta.get("audio", {}) for delta in deltas)
    assert sum("expires_at" in delta.get("audio", {}) for delta in deltas) == 1
    assert deltas[0]["role"] == "assistant"
