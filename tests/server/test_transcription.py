"""Transcription over HTTP by real engines: it is understood, it can be left, and others go first."""

import asyncio
import io
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.audio.media import media, speech, wav
from tests.engines import models
from tests.eventually import eventually
from tests.server.test_faults import serving, worker_of
from voice.engines.protocols import ListenOptions
from voice.transcribing.listening import background

pytestmark = [pytest.mark.server, pytest.mark.engine]

HELD = {"engines__llm": "fake", "engines__tts": "fake"}


@asynccontextmanager
async def listening(tmp_path, stt: str):
    async with (
        serving(tmp_path, engines__stt=stt, **HELD) as hosted,
        aiohttp.ClientSession(hosted.url) as http,
    ):
        yield hosted, http


async def send(http, file: bytes, **fields) -> dict:
    form = aiohttp.FormData(fields, default_to_multipart=True)
    form.add_field("file", io.BytesIO(file), filename="speech")
    async with http.post("/v1/audio/transcriptions", data=form) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_sphinx_understands_a_recording(tmp_path):
    two = speech("library", 48_000) + bytes(2 * 96_000) + speech("coffee", 48_000)
    async with listening(tmp_path, "sphinx") as (_, http):
        answer = await send(http, media("mp3", two), response_format="verbose_json")
    assert answer["text"].lower().startswith("when does the library close on saturday what does")
    first, second = answer["segments"]
    assert first["end"] + 1.5 < second["start"] < second["end"] <= answer["duration"]
    assert "avg_logprob" not in first


async def test_whisper_tells_all_that_it_knows(tmp_path):
    whisper = models.whisper(tmp_path)
    async with listening(tmp_path, f"whisper:{whisper}") as (_, http):
        answer = await send(http, wav(speech("library")), response_format="verbose_json")
        logprobs = (await send(http, wav(speech("library")), include="logprobs"))["logprobs"]
    assert answer["text"] == models.SENTENCE.strip()
    assert answer["language"] == "english"
    (segment,) = answer["segments"]
    assert segment.keys() == {
        "id",
        "seek",
        "start",
        "end",
        "text",
        "tokens",
        "temperature",
        "avg_logprob",
        "compression_ratio",
        "no_speech_prob",
    }
    assert b"".join(bytes(token["bytes"]) for token in logprobs).decode() == models.SENTENCE


async def test_a_language_that_the_engine_does_not_know_is_a_mistake_of_the_client(tmp_path):
    async with listening(tmp_path, "sphinx") as (_, http):
        form = aiohttp.FormData({"language": "de"}, default_to_multipart=True)
        form.add_field("file", io.BytesIO(wav(speech())), filename="speech.wav")
        async with http.post("/v1/audio/transcriptions", data=form) as response:
            error = (await response.json())["error"]
    assert (response.status, error["param"], error["code"]) == (400, "language", "invalid_value")


async def test_a_client_that_leaves_frees_the_engine(tmp_path):
    hour = wav((speech("library") + bytes(32_000)) * 100)
    async with listening(tmp_path, "sphinx") as (hosted, http):
        sphinx = worker_of(hosted, "sphinx")
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(send(http, hour))
            await eventually(lambda: sphinx.statistics().jobs == 1)
            sending.cancel()
        await eventually(lambda: not sphinx.statistics().jobs, within_s=1)
        # If the hour went on, its next slice would now stand in line with another recording's.
        async with asyncio.TaskGroup() as group:
            other = group.create_task(send(http, wav(speech("library"))))
            busy = [sphinx.statistics().jobs]
            await eventually(lambda: busy.append(sphinx.statistics().jobs) or other.done())
        assert max(busy) == 1


async def test_conversations_go_before_recordings(tmp_path):
    """The engine is held up; then a turn overtakes the recording that was asked before it."""
    async with listening(tmp_path, "sphinx") as (hosted, _):
        live = hosted.server.engines.stt
        sphinx = worker_of(hosted, "sphinx")
        order: list[str] = []

        async def hear(stt, what: str, pcm: bytes) -> None:
            utterance = stt.listen(ListenOptions())
            utterance.feed(pcm)
            await utterance.transcript()
            order.append(what)
            utterance.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(hear(live, "held up", speech("library") * 3))
            await eventually(lambda: sphinx.statistics().jobs == 1)
            group.create_task(hear(background(live), "recording", speech()))
            await eventually(lambda: sphinx.statistics().jobs == 2)
            group.create_task(hear(live, "turn", speech()))
        assert order == ["held up", "turn", "recording"]
