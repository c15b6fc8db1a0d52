"""Speech and transcripts go over the targets of their models as chats do; the servers are real."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import msgspec
import pytest

from tests.audio.media import speech, wav
from tests.providers.audio_upstream import (
    SPEECH,
    TEXT,
    TRANSCRIPT,
    TRANSCRIPT_EVENTS,
    AudioUpstream,
    Script,
    event,
)
from tests.routing.worlds import models
from voice.engines.fakes import FakeSpeechToText, FakeTextToSpeech
from voice.gateway.errors import ApiError
from voice.providers.config import ProviderConfig
from voice.providers.local_listening import LocalListening
from voice.providers.local_speech import LocalSpeech
from voice.providers.protocol import ProviderError, Upload
from voice.providers.remote import REMOTE
from voice.routing.candidates import RetryPolicy
from voice.routing.journey import Routed
from voice.routing.local import NoEngines
from voice.routing.registry import Registry
from voice.routing.router import Router

SPEAK = {"model": "m", "input": "Hi.", "voice": "alloy"}
FILE = wav(speech())
HEARD = Script((msgspec.json.encode(TRANSCRIPT),), "application/json")
EVENTS = Script(TRANSCRIPT_EVENTS, "text/event-stream")
POLICY = RetryPolicy(first_wait_s=0.01, deadline_s=10.0)


class Engines:
    """A voice and ears of this server."""

    def names(self) -> list[str]:
        return ["espeak", "sphinx"]

    async def usual(self, operation: str) -> str:
        return "espeak" if operation == "audio/speech" else "sphinx"

    async def find(self, name: str, operation: str) -> LocalSpeech | LocalListening | None:
        if name not in self.names():
            return None
        if operation == "audio/speech":
            return LocalSpeech(FakeTextToSpeech())
        return LocalListening(FakeSpeechToText("Heard here."), "webrtcvad")


@asynccontextmanager
async def routing(
    *servers: AudioUpstream, local: bool = False, policy: RetryPolicy = POLICY, **tables: object
) -> AsyncIterator[Router]:
    """A router to models `m` (speech) and `n` (transcripts) at servers, and then at this one."""
    names = [chr(ord("a") + number) for number in range(len(servers))]
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server)
        configs = [
            ProviderConfig(name, "openai", server.url, timeout_s=0.3)
            for name, server in zip(names, servers, strict=True)
        ]
        targets = [{"model": f"{name}:x", "order": number} for number, name in enumerate(names)]
        mouth, ears = (
            [{"model": each, "order": 9}] if local else [] for each in ("espeak", "sphinx")
        )
        file = models(
            **{
                "m": {"kind": "speech", "targets": [*targets, *mouth]},
                "n": {"kind": "transcription", "targets": [*targets, *ears]},
            }
            | tables
        )
        engines = Engines() if local else NoEngines()
        router = Router(
            Registry(configs, file), REMOTE, NoEngines(), engines, policy=policy, random=lambda: 0.0
        )
        yield await stack.enter_async_context(aclosing(router))


async def say(router: Router, model: str = "m", **fields: object) -> Routed:
    return await router.reply(model, "audio/speech", SPEAK | fields)


async def hear(router: Router, model: str = "n", **fields: object) -> Routed:
    upload = Upload(io.BytesIO(FILE), "speech.wav", len(FILE))
    return await router.reply(model, "audio/transcriptions", {"model": model, **fields}, upload)


async def read(routed: Routed) -> bytes:
    async with aclosing(routed.value.blocks) as blocks:
        return b"".join([block async for block in blocks])


async def refused(asking) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await asking
    return caught.value


async def test_an_answer_tells_who_gave_it():
    server = AudioUpstream()
    async with routing(server) as router:
        routed = await say(router)
        assert await read(routed) == b"".join(SPEECH)
    assert routed.headers == {
        "x-voice-provider": "a",
        "x-voice-model": "x",
        "x-voice-attempts": "1",
    }
    assert server.received[0].fields[0] == ("model", '"x"')


FAULTS = {
    "401": Script(status=401),
    "404": Script(status=404),
    "429": Script(status=429, headers={"Retry-After": "60"}),
    "500": Script(status=500),
    "hang": Script(act="hang"),
    "hang after the headers": Script(act="hang", after=0),
    "die": Script(act="die"),
    "page": Script((b"<html>",), "text/html"),
    "no audio and no text": Script((b"{}",), "application/json"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("ask", "whole"), [(say, b"".join(SPEECH)), (hear, HEARD.blocks[0])])
async def test_another_server_steps_in_for_one_that_fails(fault, ask, whole):
    broken, well = AudioUpstream(FAULTS[fault]), AudioUpstream(Script() if ask is say else HEARD)
    async with routing(broken, well) as router:
        routed = await ask(router)
        assert await read(routed) == whole
    assert routed.headers["x-voice-provider"] == "b"
    assert routed.headers["x-voice-attempts"] == "2"


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_engine_of_this_server_steps_in(fault):
    async with routing(AudioUpstream(FAULTS[fault]), local=True) as router:
        spoken, heard = await say(router), await hear(router)
        assert (spoken.value.media_type, heard.value.media_type) == (
            "audio/mpeg",
            "application/json",
        )
        assert len(await read(spoken)) > 100
        assert msgspec.json.decode(await read(heard))["text"] == "Heard here."
    assert spoken.headers["x-voice-provider"] == heard.headers["x-voice-provider"] == "local"


ENDS = {"401": 502, "404": 404, "429": 429, "500": 502, "hang": 504, "die": 502, "page": 502}


@pytest.mark.parametrize("fault", ENDS)
@pytest.mark.parametrize("ask", [say, hear])
async def test_when_nobody_can_the_client_hears_why_and_is_not_to_try_again(fault, ask):
    async with routing(AudioUpstream(FAULTS[fault])) as router:
        error = await refused(ask(router))
    assert error.status == ENDS[fault]
    assert error.headers["x-should-retry"] == "false"
    assert error.headers["x-voice-provider"] == "a"
    if fault == "429":
        assert error.headers["Retry-After"] == "60"


@pytest.mark.parametrize("ask", [say, hear])
async def test_a_server_that_is_not_there_is_asked_as_often_as_is_set(ask):
    nowhere = ProviderConfig("a", "openai", "http://127.0.0.1:9/v1")
    async with aclosing(Router(Registry([nowhere]), REMOTE, NoEngines(), Engines())) as router:
        error = await refused(ask(router, "a:x"))
    assert (error.status, error.headers["x-voice-attempts"]) == (503, "3")


async def test_a_failure_that_passes_is_waited_for():
    server = AudioUpstream(Script(status=500), Script(status=503), HEARD)
    async with routing(server) as router:
        routed = await hear(router)
        assert msgspec.json.decode(await read(routed))["text"] == TEXT
    assert routed.headers["x-voice-attempts"] == "3"
    assert [each.file for each in server.received] == [FILE] * 3


async def test_the_deadline_is_one_for_all_attempts():
    servers = [AudioUpstream(Script(act="hang")) for _ in range(3)]
    policy = RetryPolicy(attempts=9, deadline_s=0.5)
    async with routing(*servers, policy=policy) as router:
        error = await refused(hear(router))
        for server in servers:
            async with asyncio.timeout(1):
                await server.idle()
    assert (error.status, error.code) == (504, "timeout")
    assert error.headers["x-voice-attempts"] == "2"


@pytest.mark.parametrize("act", ["die", "hang"])
async def test_after_the_first_sound_nothing_is_tried_again(act):
    broken, other = AudioUpstream(Script(act=act, after=1)), AudioUpstream()
    async with routing(broken, other, local=True) as router:
        routed = await say(router)
        blocks = routed.value.blocks
        assert await anext(blocks) == SPEECH[0]
        with pytest.raises(ProviderError):
            await anext(blocks)
    assert other.received == []


async def test_after_the_first_event_nothing_is_tried_again():
    error = event(error={"message": "lost it"})
    broken = AudioUpstream(Script((TRANSCRIPT_EVENTS[0], error), "text/event-stream"))
    other = AudioUpstream(EVENTS)
    async with routing(broken, other) as router:
        routed = await hear(router, stream="true")
        with pytest.raises(ProviderError, match="lost it"):
            await read(routed)
    assert other.received == []


async def test_a_server_that_is_over_its_limit_cools_down():
    limited, other = AudioUpstream(FAULTS["429"]), AudioUpstream()
    async with routing(limited, other) as router:
        for _ in range(3):
            assert (await say(router)).headers["x-voice-provider"] == "b"
    assert len(limited.received) == 1


async def test_each_trouble_has_its_fallbacks():
    server = AudioUpstream(Script(status=401), Script())
    spare = {"kind": "speech", "targets": ["a:spare"]}
    first = {"kind": "speech", "targets": ["a:x"], "fallbacks": {"auth": ["spare"]}}
    async with routing(server, m=first, spare=spare) as router:
        routed = await say(router)
    assert routed.headers["x-voice-fallback"] == "spare"
    assert routed.headers["x-voice-model"] == "spare"


async def test_a_request_that_is_wrong_is_asked_once():
    server, other = AudioUpstream(Script(status=400)), AudioUpstream()
    async with routing(server, other, local=True) as router:
        error = await refused(say(router))
    assert (error.status, len(server.received), other.received) == (400, 1, [])


async def test_a_target_without_the_voice_is_passed_over():
    server = AudioUpstream()
    known = {"model": "a:x", "voices": ["af_heart"]}
    async with routing(server, local=True, m={"targets": [known, "espeak"]}) as router:
        routed = await say(router, voice="tone")
        assert routed.headers["x-voice-provider"] == "local"
        error = await refused(say(router, voice="robot"))
    assert (error.param, server.received) == ("voice", [])


async def test_what_the_engine_of_this_server_does_not_know_goes_to_who_may():
    server = AudioUpstream()
    async with routing(server, local=True, m={"targets": ["espeak", "a:x"]}) as router:
        routed = await say(router, volume=2)
    assert routed.headers["x-voice-provider"] == "a"
    assert ("volume", "2") in server.received[0].fields


@pytest.mark.parametrize("ask", [say, hear])
@pytest.mark.parametrize("after", [None, 0])
async def test_a_client_that_leaves_ends_the_request(ask, after):
    server = AudioUpstream(Script(act="hang", after=after))
    async with routing(server) as router:
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ask(router))
            await server.asked()
            asking.cancel()
        async with asyncio.timeout(1):
            await server.idle()
    assert server.abandoned == 1


async def test_models_without_audio_are_told_from_those_with_it():
    claude = ProviderConfig("claude", "anthropic", "http://127.0.0.1:9/v1")
    router = Router(Registry([claude]), REMOTE, NoEngines(), Engines())
    async with aclosing(router):
        error = await refused(say(router, "claude:opus"))
        assert error.message == "The models of 'claude' neither listen nor speak."
        assert (await refused(say(router, "sphinx"))).status == 404
        assert (await refused(hear(router, "espeek"))).code == "model_not_found"
        assert (await say(router, "tts-1")).headers["x-voice-model"] == "espeak"
        assert (await hear(router, "")).headers["x-voice-model"] == "sphinx"
