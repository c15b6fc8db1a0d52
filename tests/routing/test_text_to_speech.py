"""A model of the registry speaks in conversations as any other voice does; its server is real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from tests.providers.audio_upstream import AudioUpstream, Script
from voice.engines.protocols import EngineError, SpeakOptions
from voice.providers.config import ProviderConfig
from voice.routing.serving import router_to
from voice.routing.text_to_speech import RoutedTextToSpeech

PCM = bytes(range(200)) * 20
WHOLE = Script((PCM[:101], PCM[101:1000], PCM[1000:]), "audio/pcm")


@asynccontextmanager
async def speaking(
    script: Script = WHOLE, voices: tuple[str, ...] = (), *, known: bool = True
) -> AsyncIterator[tuple[RoutedTextToSpeech, AudioUpstream]]:
    async with AudioUpstream(script) as server:
        config = ProviderConfig("remote", "openai", server.url, "sk-secret")
        async with aclosing(router_to(config, "speech", "tts", voices if known else ())) as router:
            yield RoutedTextToSpeech(router, "remote", voices=voices), server


async def said(voice: RoutedTextToSpeech, options: SpeakOptions | None = None) -> list[bytes]:
    spoken = voice.speak("Hello.", options or SpeakOptions(), first=True)
    return [speech.pcm async for speech in spoken]


async def test_the_audio_comes_in_whole_samples():
    async with speaking() as (voice, _):
        pieces = await said(voice)
    assert b"".join(pieces) == PCM
    assert all(len(piece) % 2 == 0 for piece in pieces)


async def test_nothing_is_sent_that_was_not_asked_for():
    async with speaking() as (voice, server):
        await said(voice)
    assert server.received[0].fields == [
        ("model", '"tts"'),
        ("input", '"Hello."'),
        ("voice", '"alloy"'),
        ("response_format", '"pcm"'),
    ]


async def test_voice_speed_and_instructions_are_passed_on():
    options = SpeakOptions(voice="nova", speed=1.5, instructions="Whisper.")
    async with speaking() as (voice, server):
        await said(voice, options)
    fields = dict(server.received[0].fields)
    assert (fields["voice"], fields["speed"]) == ('"nova"', "1.5")
    assert fields["instructions"] == '"Whisper."'


async def test_the_first_of_the_voices_that_were_set_is_the_usual_one():
    async with speaking(voices=("serena", "ryan")) as (voice, server):
        assert voice.voices == ("serena", "ryan")
        await said(voice)
    assert ("voice", '"serena"') in server.received[0].fields


async def test_a_voice_is_named_so_that_those_who_step_in_understand_it():
    voices = ("af_heart", "af_alloy")
    async with speaking(voices=voices, known=False) as (voice, server):
        for name in voices:
            await said(voice, SpeakOptions(voice=name))
    assert [dict(each.fields)["voice"] for each in server.received] == ['"af_heart"', '"alloy"']


async def test_a_listener_who_leaves_closes_the_connection():
    async with speaking(Script(WHOLE.blocks, "audio/pcm", act="hang", after=1)) as (voice, server):
        async with aclosing(voice.speak("Hello.", SpeakOptions(), first=True)) as spoken:
            await anext(spoken)
        async with asyncio.timeout(1):
            await server.idle()
    assert server.abandoned == 1


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (Script(status=401), "refused the API key"),
        (Script((), "audio/pcm"), "sent no audio"),
        (Script(WHOLE.blocks, "audio/mpeg"), "sent audio/mpeg where pcm was asked for"),
        (Script(WHOLE.blocks, "audio/pcm", act="die", after=1), "broke off"),
    ],
)
async def test_what_goes_wrong_is_an_error_of_the_engine(script: Script, told: str):
    async with speaking(script) as (voice, _):
        with pytest.raises(EngineError, match=told) as caught:
            await said(voice)
    assert str(caught.value).startswith("remote ")
    assert "sk-secret" not in str(caught.value)
