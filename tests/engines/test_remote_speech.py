"""A remote voice streams, closes and fails as a session needs it; the server is real."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from voice.engines.protocols import EngineError, SpeakOptions
from voice.engines.remote_speech import RemoteTextToSpeech

KEY = "sk-secret"
PCM = bytes(range(200)) * 20
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, **options: object) -> AsyncIterator[RemoteTextToSpeech]:
    """A voice whose server answers every request for speech with `handler`."""
    app = web.Application()
    app.router.add_post("/v1/audio/speech", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    url = f"http://127.0.0.1:{port}/v1/"
    voice = RemoteTextToSpeech("openai:tts", url, KEY, "tts", **options)
    try:
        yield voice
    finally:
        await voice.aclose()
        await runner.cleanup()


def sending(*parts: bytes, media_type: str = "audio/pcm") -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": media_type})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
            await asyncio.sleep(0)
        return response

    return handler


def refusing(status: int, body: str = "") -> Handler:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body)

    return handler


async def said(voice: RemoteTextToSpeech, options: SpeakOptions | None = None) -> list[bytes]:
    spoken = voice.speak("Hello.", options or SpeakOptions(), first=True)
    return [speech.pcm async for speech in spoken]


async def failure(voice: RemoteTextToSpeech) -> str:
    with pytest.raises(EngineError) as caught:
        await said(voice)
    assert str(caught.value).startswith("openai:tts ")
    assert KEY not in str(caught.value)
    return str(caught.value)


async def test_the_audio_comes_in_whole_samples():
    async with serving(sending(PCM[:101], PCM[101:1000], PCM[1000:])) as voice:
        pieces = await said(voice)
    assert b"".join(pieces) == PCM
    assert all(len(piece) % 2 == 0 for piece in pieces)


async def asked(options: SpeakOptions, **of_the_voice: object) -> tuple[dict, str]:
    """The fields and the key that reach the server."""
    seen = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append((await request.json(), request.headers["Authorization"]))
        return await sending(PCM)(request)

    async with serving(handler, **of_the_voice) as voice:
        await said(voice, options)
    return seen[0]


async def test_nothing_is_sent_that_was_not_asked_for():
    fields, key = await asked(SpeakOptions())
    assert key == f"Bearer {KEY}"
    assert fields == {"model": "tts", "input": "Hello.", "voice": "alloy", "response_format": "pcm"}


async def test_voice_speed_and_instructions_are_passed_on():
    fields, _ = await asked(SpeakOptions(voice="nova", speed=1.5, instructions="Whisper."))
    assert (fields["voice"], fields["speed"], fields["instructions"]) == ("nova", 1.5, "Whisper.")


async def test_the_first_of_the_voices_that_were_set_is_the_usual_one():
    fields, _ = await asked(SpeakOptions(), voices=("serena", "ryan"))
    assert fields["voice"] == "serena"


async def test_a_listener_who_leaves_closes_the_connection():
    left = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        await response.write(PCM)
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return response

    async with serving(handler) as voice:
        async with aclosing(voice.speak("Hello.", SpeakOptions(), first=True)) as spoken:
            await anext(spoken)
        async with asyncio.timeout(1):
            await left.wait()


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (refusing(401, '{"error": {"message": "no such key"}}'), "refused the API key"),
        (refusing(404), "has no model 'tts'"),
        (refusing(400, '{"error": {"message": "voice unknown"}}'), "voice unknown"),
        (refusing(500), "failed"),
        (sending(), "sent no audio"),
        (sending(b"<html>", media_type="text/html"), "most base_urls end in /v1"),
        (sending(b"RIFF", media_type="audio/wav"), "sent audio/wav where PCM was asked for"),
        (sending(b"{}", media_type="application/json"), "sent application/json where PCM"),
    ],
)
async def test_each_failure_has_its_words(handler, words):
    async with serving(handler) as voice:
        assert words in await failure(voice)


async def test_a_connection_that_breaks_in_the_middle_is_an_error():
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        response.content_length = 100_000
        await response.prepare(request)
        await response.write(PCM)
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(handler) as voice:
        assert "broke off the connection" in await failure(voice)


async def test_a_server_that_falls_silent_is_not_waited_for_forever():
    async def handler(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    async with serving(handler, timeout_s=0.05) as voice:
        assert "sent nothing for 0.05 s" in await failure(voice)


async def test_a_server_that_does_not_run_is_named():
    voice = RemoteTextToSpeech("openai:tts", "http://127.0.0.1:9/v1", KEY, "tts")
    try:
        assert "cannot be reached" in await failure(voice)
    finally:
        await voice.aclose()


async def test_a_connection_is_used_again():
    clients = set()

    async def handler(request: web.Request) -> web.StreamResponse:
        clients.add(request.transport)
        body = msgspec.json.decode(await request.read())
        assert body["input"] == "Hello."
        return web.Response(body=PCM, content_type="application/octet-stream")

    async with serving(handler) as voice:
        await said(voice)
        await said(voice)
    assert len(clients) == 1
