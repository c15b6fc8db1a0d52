"""A remote recognizer hears, closes and fails as a session needs it; the servers are real."""

import asyncio
import io
import wave
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.audio.media import speech
from tests.conformance import live
from voice.cli.caller import RATE_HZ, call
from voice.cli.conversing import SESSION
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.protocols import EngineError, ListenOptions, Segment, Word
from voice.engines.remote_transcription import RemoteSpeechToText

KEY = "sk-secret"
PCM = b"\x01\x02" * 8_000
VERBOSE = {
    "text": " Hello there. ",
    "language": "english",
    "duration": "0.5",
    "words": [
        {"word": " Hello", "start": 0.1, "end": 0.2},
        {"text": "there.", "start": "0.2", "end": 1},
    ],
    "segments": [
        {
            "id": 0,
            "text": " Hello there.",
            "start": 0,
            "end": 0.5,
            "avg_logprob": -0.5,
            "tokens": [7],
        }
    ],
}


class Heard:
    """What a server was sent."""

    def __init__(self) -> None:
        self.requests: list[dict[str, list]] = []
        self.paths: list[str] = []
        self.gone = asyncio.Event()
        self.begun = asyncio.Event()


@asynccontextmanager
async def serving(answer, model="whisper-tiny", **options):
    """A recognizer whose server answers with JSON or a response, or what a function makes of it."""
    heard = Heard()

    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        fields: dict[str, list] = {}
        async for part in await request.multipart():
            value = bytes(await part.read()) if part.name == "file" else await part.text()
            fields.setdefault(part.name, []).append(value)
        heard.requests.append(fields)
        heard.paths.append(request.path)
        heard.begun.set()
        try:
            found = await answer(fields) if callable(answer) else answer
        except asyncio.CancelledError:
            heard.gone.set()
            raise
        return found if isinstance(found, web.Response) else web.json_response(found)

    app = web.Application()
    app.router.add_post("/v1/audio/{door}", handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    stt = RemoteSpeechToText(f"openai:{model}", url, KEY, model, **options)
    try:
        yield stt, heard
    finally:
        await stt.aclose()
        await runner.cleanup()


async def hear(stt, pcm=PCM, **options):
    utterance = stt.listen(ListenOptions(**options))
    utterance.feed(pcm[: len(pcm) // 2])
    utterance.feed(pcm[len(pcm) // 2 :])
    try:
        return await utterance.transcript()
    finally:
        utterance.close()


async def test_times_and_language_are_taken_where_the_server_has_them():
    async with serving(VERBOSE) as (stt, _):
        found = await hear(stt)
    assert found.text == "Hello there."
    assert found.language == "en"
    assert found.duration_s == 0.5
    assert found.words == (
        Word(text="Hello", start_s=0.1, end_s=0.2),
        Word(text="there.", start_s=0.2, end_s=1),
    )
    assert found.segments == (
        Segment(text="Hello there.", start_s=0, end_s=0.5, avg_logprob=-0.5, tokens=(7,)),
    )


async def test_only_what_was_asked_for_is_sent():
    async with serving(VERBOSE) as (stt, heard):
        await hear(stt)
        await hear(stt, language="de-AT", prompt="Vom Zug.", keywords=("Gleis",), temperature=0.2)
    plain, full = heard.requests
    (file,) = plain.pop("file")
    with wave.open(io.BytesIO(file)) as sent:
        assert (sent.getframerate(), sent.getnchannels(), sent.getsampwidth()) == (16_000, 1, 2)
        assert sent.readframes(10**6) == PCM
    assert plain == {
        "model": ["whisper-tiny"],
        "response_format": ["verbose_json"],
        "timestamp_granularities[]": ["word", "segment"],
    }
    assert full["language"] == ["de"]
    assert full["prompt"] == ["Gleis Vom Zug."]
    assert full["temperature"] == ["0.2"]


async def test_a_translation_goes_through_its_own_door():
    async with serving(VERBOSE) as (stt, heard):
        await hear(stt, translate=True, language="de")
    assert heard.paths == ["/v1/audio/translations"]
    assert "language" not in heard.requests[0]
    assert "timestamp_granularities[]" not in heard.requests[0]


async def test_a_server_without_times_is_asked_for_text_from_then_on():
    async def only_json(fields):
        if fields["response_format"] == ["json"]:
            return {"text": "Hello."}
        return web.json_response({"error": {"message": "no such format"}}, status=400)

    async with serving(only_json) as (stt, heard):
        assert (await hear(stt)).text == "Hello."
        second = await hear(stt)
    assert (second.text, second.words, second.language) == ("Hello.", (), None)
    formats = [each["response_format"][0] for each in heard.requests]
    assert formats == ["verbose_json", "json", "json"]
    assert "timestamp_granularities[]" not in heard.requests[1]


async def test_more_may_be_fed_after_a_transcript():
    async with serving(VERBOSE) as (stt, heard):
        utterance = stt.listen(ListenOptions())
        utterance.feed(PCM)
        await utterance.transcript()
        utterance.feed(PCM)
        assert await utterance.partial() is None
        assert (await utterance.transcript()).duration_s == 1
        utterance.close()
    first, second = (each["file"][0] for each in heard.requests)
    assert len(second) == len(first) + len(PCM)


async def test_a_click_is_not_sent():
    async with serving(VERBOSE) as (stt, heard):
        assert (await hear(stt, PCM[:1000])).text == ""
    assert heard.requests == []


async def test_closing_ends_a_request_that_is_under_way():
    async def never(_fields):
        await asyncio.Event().wait()

    async with serving(never) as (stt, heard):
        utterance = stt.listen(ListenOptions())
        utterance.feed(PCM)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(failing(utterance.transcript()))
            await heard.begun.wait()
            utterance.close()
            utterance.close()
        assert asking.result() == "the utterance was closed"
        assert await failing(utterance.transcript()) == "the utterance was closed"
        async with asyncio.timeout(1):
            await heard.gone.wait()


async def failing(work) -> str:
    with pytest.raises(EngineError) as caught:
        await work
    assert KEY not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (web.Response(status=401, text="no"), "refused the API key"),
        (web.Response(status=404, text="no"), "has no model 'whisper-tiny'"),
        (web.Response(status=429, headers={"Retry-After": "7"}), "try again in 7 s"),
        (
            web.Response(status=400, text='{"error": "too noisy"}'),
            "rejected the request (400): too",
        ),
        (web.Response(status=500, text="oops"), "failed (500): oops"),
        (web.Response(status=307, headers={"Location": "/x"}), "redirects elsewhere"),
        (web.Response(text="<html>", content_type="text/html"), "answered with a web page"),
        (web.Response(text="hello"), "sent no transcript (hello)"),
        (web.Response(body=b""), "sent no transcript (it was empty)"),
        ({"error": {"message": "out of memory"}}, "sent no transcript (out of memory)"),
        ({"text": 7}, "sent no transcript"),
    ],
)
async def test_every_failure_is_said_in_words(answer, words):
    async def make(_fields):
        if isinstance(answer, web.Response):
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        return answer

    async with serving(make) as (stt, _):
        assert words in await failing(hear(stt))


async def test_a_server_that_is_silent_or_absent_is_said():
    async def never(_fields):
        await asyncio.Event().wait()

    async with serving(never, timeout_s=0.05) as (stt, _):
        assert "sent nothing for 0.05 s" in await failing(hear(stt))
    assert "cannot be reached" in await failing(hear(stt))
    await stt.aclose()


@pytest.mark.server
async def test_our_own_server_is_such_a_server():
    """It hears for a conversation on another server."""
    ears = live.scripted(FakeSpeechToText("Where is it?"), FakeLanguageModel(), FakeTextToSpeech())
    async with live.serving(ears) as address:
        stt = RemoteSpeechToText("openai:whisper-1", f"http://{address}/v1", live.KEY, "whisper-1")
        found = await hear(stt, speech())
        assert found.text == "Where is it?"
        assert [word.text for word in found.words] == ["Where", "is", "it?"]
        assert len(found.segments) == 1
        assert (await hear(stt, speech(), translate=True)).text == "Where is it?"
        mouth = live.scripted(stt, FakeLanguageModel("Here."), FakeTextToSpeech())
        async with (
            live.serving(mouth) as other,
            call(f"http://{other}", live.KEY, SESSION) as caller,
        ):
            caller.speak(speech(rate_hz=RATE_HZ))
            done = await caller.event("conversation.item.input_audio_transcription.completed")
        await stt.aclose()
    assert done["transcript"] == "Where is it?"
