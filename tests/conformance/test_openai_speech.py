"""The official SDK, unmodified, has its texts spoken."""

import asyncio
import json

import pytest

from tests.conformance.live import KEY
from tests.conformance.router import WAYS, reached
from tests.http.speaking import decoded
from voice.audio.pcm import duration_ms

openai = pytest.importorskip("openai", reason="the SDK is not installed")

pytestmark = [pytest.mark.conformance, pytest.mark.server]

TEXT = "It closes at four."
ASKED = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": TEXT}


@pytest.fixture(params=WAYS)
async def base_url(serve, request, tmp_path):
    async with serve() as live, reached(live, request.param, tmp_path) as base_url:
        yield base_url


@pytest.fixture
async def client(base_url):
    async with openai.AsyncOpenAI(api_key=KEY, base_url=base_url, max_retries=0) as client:
        yield client


@pytest.mark.parametrize("to", ["mp3", "opus", "aac", "flac", "wav"])
async def test_it_gets_a_file(client, to):
    answer = await client.audio.speech.create(**ASKED, response_format=to)
    pcm = decoded(answer.content, 24_000)
    assert duration_ms(pcm, 24_000) == pytest.approx(60 * len(TEXT), abs=120)


async def test_it_streams_and_saves(client, tmp_path):
    path = tmp_path / "out.wav"
    streaming = client.audio.speech.with_streaming_response
    async with streaming.create(**ASKED, response_format="wav") as answer:
        await answer.stream_to_file(path)
    assert path.read_bytes().startswith(b"RIFF")


async def test_the_synchronous_client_does_too(base_url):
    def work() -> bytes:
        with openai.OpenAI(api_key=KEY, base_url=base_url) as client:
            return client.audio.speech.create(**ASKED, response_format="pcm").content

    pcm = await asyncio.to_thread(work)
    assert duration_ms(pcm, 24_000) == 60 * len(TEXT)


async def test_it_reads_the_events(client):
    streaming = client.audio.speech.with_streaming_response
    async with streaming.create(**ASKED, stream_format="sse") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in answer.iter_lines() if line]
    types = [json.loads(line.removeprefix("data: "))["type"] for line in lines]
    assert types[-1] == "speech.audio.done"
    assert set(types[:-1]) == {"speech.audio.delta"}


async def test_its_errors_are_of_the_types_it_knows(client):
    with pytest.raises(openai.NotFoundError, match="does not exist") as missing:
        await client.audio.speech.create(**ASKED | {"model": "no-such"})
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        await client.audio.speech.create(**ASKED | {"voice": "robot"})
    assert wrong.value.param == "voice"
    with pytest.raises(openai.BadRequestError, match="nothing to say"):
        await client.audio.speech.create(**ASKED | {"input": "🎉"})
