"""A server's file of models names who listens and speaks: over HTTP, and in conversations."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from tests.audio.media import speech, wav
from tests.fake_settings import FAKES
from tests.providers.audio_upstream import (
    SPEECH,
    SPEECH_EVENTS,
    TEXT,
    TRANSCRIPT,
    TRANSCRIPT_EVENTS,
    AudioUpstream,
    Script,
    event,
)
from tests.server.test_faults import client_of
from voice.cli.hosting import Hosted, hosting
from voice.config import load_settings

pytestmark = pytest.mark.server

FILE = """
[providers.far]
kind = "openai"
base_url = "{url}"
timeout_s = {silence_s}

[models.ears]
kind = "transcription"
targets = ["far:whisper", {{ model = "fake", order = 2 }}]

[models.mouth]
kind = "speech"
targets = [
  {{ model = "far:kokoro", voices = ["af_heart", "af_alloy"] }},
  {{ model = "fake", order = 2 }},
]

[models.far-ears]
kind = "transcription"
targets = ["far:whisper"]

[models.far-mouth]
kind = "speech"
targets = ["far:kokoro"]
"""
SOUND = wav(speech())


class Client:
    def __init__(self, hosted: Hosted, http: aiohttp.ClientSession) -> None:
        self.hosted = hosted
        self.http = http

    def hear(self, model: str = "ears", **fields: str):
        form = aiohttp.FormData({"model": model, **fields}, default_to_multipart=True)
        form.add_field("file", io.BytesIO(SOUND), filename="speech.wav", content_type="audio/wav")
        return self.http.post("/v1/audio/transcriptions", data=form)

    def say(self, model: str = "mouth", **fields: object):
        body = {"model": model, "input": "Hello there.", "voice": "alloy", **fields}
        return self.http.post("/v1/audio/speech", json=body)


@asynccontextmanager
async def serving(
    tmp_path: Path, far: AudioUpstream, *, silence_s: float = 0.5, **variables: str
) -> AsyncIterator[Client]:
    path = tmp_path / "models.toml"
    async with far:
        path.write_text(FILE.format(url=far.url, silence_s=silence_s))
        environment = {**FAKES, "MODELS_FILE": str(path), "SERVER__PORT": "0", **variables}
        settings = load_settings(environment=environment, env_file=tmp_path / ".env")
        async with (
            hosting(settings) as hosted,
            aiohttp.ClientSession(hosted.url) as http,
        ):
            yield Client(hosted, http)


def heard(**more: object) -> Script:
    return Script((msgspec.json.encode(TRANSCRIPT),), "application/json", **more)


async def test_a_recording_goes_to_the_model_of_the_file_and_its_answer_comes_back(tmp_path):
    far = AudioUpstream(heard())
    async with serving(tmp_path, far) as client, client.hear(prompt="Birds.") as answer:
        assert await answer.json() == TRANSCRIPT
        assert answer.headers["x-voice-provider"] == "far"
        assert answer.headers["x-voice-model"] == "whisper"
        assert answer.headers["x-voice-attempts"] == "1"
    (seen,) = far.received
    assert seen.fields == [("model", "whisper"), ("prompt", "Birds.")]
    assert seen.file == SOUND


async def test_a_text_goes_to_the_model_of_the_file_in_the_voice_it_has(tmp_path):
    far = AudioUpstream()
    async with serving(tmp_path, far) as client, client.say() as answer:
        assert await answer.read() == b"".join(SPEECH)
        assert answer.headers["content-type"] == "audio/mpeg"
        assert answer.headers["x-voice-provider"] == "far"
    assert dict(far.received[0].fields)["voice"] == '"af_alloy"'


async def test_events_of_both_are_passed_on(tmp_path):
    far = AudioUpstream(
        Script(TRANSCRIPT_EVENTS, "text/event-stream"), Script(SPEECH_EVENTS, "text/event-stream")
    )
    async with serving(tmp_path, far) as client:
        async with client.hear(stream="true") as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            body = await answer.read()
        assert body.endswith(b"data: [DONE]\n\n")
        assert TEXT.encode() in body
        async with client.say(stream_format="sse") as answer:
            assert (await answer.read()).count(b"speech.audio.") == 2


async def test_the_engines_of_the_server_step_in_for_a_server_that_fails(tmp_path):
    far = AudioUpstream(Script(status=429, headers={"Retry-After": "60"}))
    async with serving(tmp_path, far) as client:
        async with client.hear() as answer:
            assert (await answer.json())["text"] == "Hello."
            assert answer.headers["x-voice-provider"] == "local"
            assert answer.headers["x-voice-attempts"] == "2"
        async with client.say(response_format="wav") as answer:
            assert (await answer.read()).startswith(b"RIFF")
            assert answer.headers["x-voice-provider"] == "local"


FAULTS = {
    "401": (Script(status=401), 502, "server_error"),
    "429": (Script(status=429, headers={"Retry-After": "7"}), 429, "rate_limit_error"),
    "500": (Script(status=500), 502, "server_error"),
    "hang": (Script(act="hang"), 504, "timeout_error"),
    "hang after the headers": (Script(act="hang", after=0), 504, "timeout_error"),
    "die": (Script(act="die", after=0), 502, "server_error"),
    "page": (Script((b"<html>",), "text/html"), 502, "server_error"),
    "nonsense": (Script((b"{nonsense",), "application/json"), 502, "server_error"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_an_error_in_the_one_shape(tmp_path, fault):
    script, status, kind = FAULTS[fault]
    async with serving(tmp_path, AudioUpstream(script), INFERENCE_MAX_RETRIES="1") as client:
        for asking in (
            client.hear("far-ears"),
            client.hear("far-ears", stream="true"),
            client.say("far-mouth"),
            client.say("far-mouth", stream_format="sse"),
        ):
            async with asking as answer:
                error = (await answer.json())["error"]
            assert (answer.status, error["type"]) == (status, kind)
            assert answer.headers["x-should-retry"] == "false"
            assert error["message"].startswith("far ")
        if fault == "429":
            assert 1 <= int(answer.headers["Retry-After"]) <= 7


async def test_what_fails_after_its_beginning_is_not_taken_for_whole(tmp_path):
    broken = Script(SPEECH, act="die", after=1)
    error = event(error={"message": "lost it"})
    far = AudioUpstream(broken, Script((SPEECH_EVENTS[0], error), "text/event-stream"))
    async with serving(tmp_path, far) as client:
        async with client.say() as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                await answer.read()
        async with client.say(stream_format="sse") as answer:
            *_, told, end = (await answer.read()).decode().strip().split("\n\n")
    assert "lost it" in told
    assert end == "data: [DONE]"
    assert len(far.received) == 2


WAYS = {
    "speech": ("say", {}),
    "events of speech": ("say", {"stream_format": "sse"}),
    "transcript": ("hear", {}),
    "events of a transcript": ("hear", {"stream": "true"}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("after", [None, 0])
async def test_a_client_that_leaves_ends_the_request_to_the_server(tmp_path, way, after):
    method, fields = WAYS[way]
    far = AudioUpstream(Script(act="hang", after=after))

    async def ask(client: Client) -> None:
        async with getattr(client, method)(**fields) as answer:
            await answer.read()

    async with serving(tmp_path, far, silence_s=60) as client:
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ask(client))
            await far.asked()
            asking.cancel()
        async with asyncio.timeout(1):
            await far.idle()
    assert far.abandoned == 1


async def test_voices_of_remote_models_are_listed(tmp_path):
    async with serving(tmp_path, AudioUpstream()) as client:
        async with client.http.get("/v1/audio/voices") as answer:
            listed = await answer.json()
        async with client.http.get("/v1/audio/voices", params={"model": "mouth"}) as answer:
            mouth = await answer.json()
    assert [engine["model"] for engine in listed["engines"]] == ["fake", "mouth", "far-mouth"]
    assert [(each["id"], each["model"]) for each in mouth["data"]] == [
        ("af_heart", "mouth"),
        ("af_alloy", "mouth"),
    ]
    assert mouth["engines"][0]["openai_voices"]["alloy"] == "af_alloy"


async def test_they_converse_where_the_settings_name_them(tmp_path):
    pcm = bytes(48_000)
    far = AudioUpstream(Script((pcm,), "audio/pcm"))
    async with serving(tmp_path, far, ENGINES__STT="ears", ENGINES__TTS="mouth") as client:
        engines = client.hosted.server.engines
        assert [choice.name for choice in engines.choices][:3] == ["ears", "fake", "mouth"]
        async with client_of(client.hosted) as talking:
            await talking.ask("Hello?")
            await talking.until("response.output_audio.delta")
            done = (await talking.until("response.done"))["response"]
        async with client.say("tts-1") as answer:
            assert answer.headers["x-voice-provider"] == "far"
    assert done["status"] == "completed"
    assert dict(far.received[0].fields)["response_format"] == '"pcm"'


async def test_conversations_go_on_by_the_own_engines_when_the_server_is_gone(tmp_path):
    far = AudioUpstream(Script(status=503))
    variables = {"ENGINES__STT": "ears", "ENGINES__TTS": "mouth"}
    async with (
        serving(tmp_path, far, **variables) as client,
        client_of(client.hosted) as talking,
    ):
        await talking.ask("Hello?")
        await talking.until("response.output_audio.delta")
        done = (await talking.until("response.done"))["response"]
    assert done["status"] == "completed"
