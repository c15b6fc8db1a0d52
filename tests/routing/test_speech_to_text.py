"""A model of the registry listens in conversations as any other engine does; its server is real."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import msgspec
import pytest

from tests.providers.audio_upstream import AudioUpstream, Script
from voice.engines.protocols import EngineError, ListenOptions, Transcript, Word
from voice.providers.config import ProviderConfig
from voice.routing.serving import router_to
from voice.routing.speech_to_text import RoutedSpeechToText

PCM = bytes(range(256)) * 250
"""Two seconds."""
VERBOSE = {
    "text": " Where is it? ",
    "language": "english",
    "words": [{"word": "Where", "start": 0.1, "end": 0.3}],
    "segments": [{"text": " Where is it?", "start": 0.0, "end": 1.0, "avg_logprob": -0.2}],
}


def written(answer: object = VERBOSE, **more: object) -> Script:
    return Script((msgspec.json.encode(answer),), "application/json", **more)


@asynccontextmanager
async def listening(
    *scripts: Script, has_times: bool = True
) -> AsyncIterator[tuple[RoutedSpeechToText, AudioUpstream]]:
    async with AudioUpstream(*(scripts or [written()])) as server:
        config = ProviderConfig("remote", "openai", server.url, "sk-secret")
        async with aclosing(router_to(config, "transcription", "ears")) as router:
            yield RoutedSpeechToText(router, "remote", has_times=has_times), server


async def heard(
    stt: RoutedSpeechToText, options: ListenOptions | None = None, pcm: bytes = PCM
) -> Transcript:
    utterance = stt.listen(options or ListenOptions())
    utterance.feed(pcm)
    try:
        return await utterance.transcript()
    finally:
        utterance.close()


async def test_all_that_the_server_tells_is_heard():
    async with listening() as (stt, _):
        transcript = await heard(stt)
    assert (transcript.text, transcript.language) == ("Where is it?", "en")
    assert transcript.duration_s == 2.0
    assert transcript.words == (Word(text="Where", start_s=0.1, end_s=0.3),)
    assert transcript.segments[0].avg_logprob == -0.2


async def test_the_audio_is_sent_as_wav_with_what_was_asked_for():
    options = ListenOptions(
        language="de-AT", prompt="Ein Zug.", keywords=("Gleis",), temperature=0.2
    )
    async with listening() as (stt, server):
        await heard(stt, options)
    (seen,) = server.received
    with wave.open(io.BytesIO(seen.file)) as file:
        assert (file.getframerate(), file.readframes(10**6)) == (16_000, PCM)
    assert seen.fields == [
        ("model", "ears"),
        ("response_format", "verbose_json"),
        ("prompt", "Gleis Ein Zug."),
        ("temperature", "0.2"),
        ("language", "de"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
    ]


async def test_a_translation_has_a_door_of_its_own():
    async with listening() as (stt, server):
        await heard(stt, ListenOptions(translate=True, language="de"))
    (seen,) = server.received
    assert seen.path == "translations"
    assert dict(seen.fields).keys() == {"model", "response_format"}


@pytest.mark.parametrize("status", [400, 422, 501])
async def test_a_server_without_times_is_asked_for_text_alone_from_then_on(status: int):
    async with listening(Script(status=status), written({"text": "Hi"})) as (stt, server):
        assert (await heard(stt)).text == "Hi"
        await heard(stt)
    formats = [dict(each.fields)["response_format"] for each in server.received]
    assert formats == ["verbose_json", "json", "json"]


async def test_a_server_that_is_known_to_have_no_times_is_not_asked_for_them():
    async with listening(written({"text": "Hi"}), has_times=False) as (stt, server):
        await heard(stt)
    assert dict(server.received[0].fields) == {"model": "ears", "response_format": "json"}


async def test_a_click_is_not_sent():
    async with listening() as (stt, server):
        assert await heard(stt, pcm=PCM[:1000]) == Transcript(text="", duration_s=1000 / 32_000)
    assert server.received == []


async def test_closing_an_utterance_ends_its_request():
    async with listening(Script(act="hang")) as (stt, server):
        utterance = stt.listen(ListenOptions())
        utterance.feed(PCM)

        async def ask() -> None:
            with pytest.raises(EngineError, match="was closed"):
                await utterance.transcript()

        async with asyncio.TaskGroup() as group:
            group.create_task(ask())
            await server.asked()
            utterance.close()
        async with asyncio.timeout(1):
            await server.idle()
        await ask()
    assert server.abandoned == 1


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (Script(status=401), "refused the API key"),
        (written({"words": []}), "without a text"),
        (written({"text": "Hi", "words": 5}), "sent no transcript"),
        (Script((b"<html>",), "text/html"), "web page"),
    ],
)
async def test_what_goes_wrong_is_an_error_of_the_engine(script: Script, told: str):
    async with listening(script) as (stt, _):
        with pytest.raises(EngineError, match=told) as caught:
            await heard(stt)
    assert str(caught.value).startswith("remote ")
