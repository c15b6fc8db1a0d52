"""Speech over HTTP: what is asked for comes, what cannot be is said, and who leaves is let go."""

import asyncio
import base64
import json

import pytest

from tests.http.speaking import decoded, mouth
from voice.audio.pcm import duration_ms, level_dbfs
from voice.engines.fakes import FakeTextToSpeech

pytestmark = pytest.mark.server

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
LONG = "On Saturdays, the library closes at one. It opens again on Monday at nine. " * 50


class SlowVoice(FakeTextToSpeech):
    """Says so many chunks, and waits before the next until it is let."""

    def __init__(self, chunks: int = 1) -> None:
        super().__init__()
        self._chunks = chunks
        self.let, self.waits, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def speak(self, text, options, *, first):
        if len(self.texts) >= self._chunks:
            self.waits.set()
            try:
                await self.let.wait()
            except asyncio.CancelledError:
                self.left.set()
                raise
        async for piece in super().speak(text, options, first=first):
            yield piece


class Listening(FakeTextToSpeech):
    """Keeps what it was asked for."""

    accepts = frozenset({"instructions"})
    voices = ("af_heart", "af_alloy")

    def __init__(self) -> None:
        super().__init__()
        self.options = []

    async def speak(self, text, options, *, first):
        self.options.append(options)
        async for piece in super().speak(text, options, first=first):
            yield piece


def events(data: bytes) -> list[dict]:
    lines = data.decode().split("\n\n")
    assert lines.pop() == ""
    return [json.loads(line.removeprefix("data: ")) for line in lines]


# ---------------------------------------------------------------- what comes


@pytest.mark.parametrize("to", MEDIA_TYPES)
async def test_each_format_comes_as_itself_and_can_be_decoded(tmp_path, to):
    async with mouth(tmp_path, FakeTextToSpeech()) as client:
        data, media_type = await client.say(model="tts-1", voice="alloy", response_format=to)
    assert media_type == MEDIA_TYPES[to]
    pcm = data if to == "pcm" else decoded(data, 24_000)
    length_ms = 60 * len("Hello there.")
    assert duration_ms(pcm, 24_000) == pytest.approx(length_ms, abs=120)
    assert level_dbfs(pcm) == pytest.approx(-17, abs=2)


async def test_mp3_is_what_comes_unasked(tmp_path):
    async with mouth(tmp_path, FakeTextToSpeech()) as client:
        assert (await client.say())[1] == "audio/mpeg"


@pytest.mark.parametrize("to", MEDIA_TYPES)
async def test_the_events_carry_the_same_audio_and_what_it_cost(tmp_path, to):
    async with mouth(tmp_path, FakeTextToSpeech()) as client:
        audio, _ = await client.say(response_format=to)
        data, media_type = await client.say(response_format=to, stream_format="sse")
    *deltas, done = events(data)
    assert media_type == "text/event-stream"
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    carried = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    # An Ogg stream has a random serial number.
    assert len(carried) == len(audio) if to == "opus" else carried == audio
    assert done == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 3, "output_tokens": 15, "total_tokens": 18},
    }


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 48_000])
async def test_pcm_and_wav_come_at_the_rate_asked_for(tmp_path, rate_hz):
    async with mouth(tmp_path, FakeTextToSpeech()) as client:
        pcm, _ = await client.say(response_format="pcm", sample_rate=rate_hz)
        wav, _ = await client.say(response_format="wav", sample_rate=rate_hz)
    assert duration_ms(pcm, rate_hz) == pytest.approx(60 * len("Hello there."), abs=1)
    assert int.from_bytes(wav[24:28], "little") == rate_hz
    assert len(wav) == len(pcm) + 44


async def test_what_was_asked_for_reaches_the_engine(tmp_path):
    tts = Listening()
    async with mouth(tmp_path, tts) as client:
        await client.say(voice="alloy", speed=2, language="de", instructions="Whisper.")
        await client.say(voice={"id": "af_heart"})
        await client.say(voice="nova")
        async with client.post(instructions="Whisper.") as answer:
            assert "x-ignored-parameters" not in answer.headers
    first, second, third, _ = tts.options
    assert (first.voice, first.speed, first.language) == ("af_alloy", 2.0, "de")
    assert first.instructions == "Whisper."
    assert second.voice == "af_heart"
    assert third.voice == ""


async def test_an_engine_that_takes_no_instructions_says_so_in_a_header(tmp_path):
    async with (
        mouth(tmp_path, FakeTextToSpeech()) as client,
        client.post(instructions="Whisper.") as answer,
    ):
        assert answer.status == 200
        assert answer.headers["x-ignored-parameters"] == "instructions"


@pytest.mark.parametrize("text", ["Schöne Grüße!", "你好，世界。", "Привет, мир.", "😀 Hi 😀"])
async def test_every_script_is_spoken(tmp_path, text):
    tts = FakeTextToSpeech()
    async with mouth(tmp_path, tts) as client:
        assert (await client.say(input=text))[0]
    assert any(letter.isalpha() for letter in "".join(tts.texts))


async def test_markdown_and_numbers_are_said_as_people_would(tmp_path):
    tts = FakeTextToSpeech()
    async with mouth(tmp_path, tts) as client:
        await client.say(input="## Hours\n\n- **Monday**: *nine*\n- [Map](https://example.org/x)")
    assert not set("*#[]()") & set(" ".join(tts.texts))


# ---------------------------------------------------------------- when it comes


async def test_audio_leaves_while_the_rest_is_not_made(tmp_path):
    tts = SlowVoice()
    async with mouth(tmp_path, tts) as client, client.post(input=LONG[:300]) as answer:
        assert await answer.content.readany()
        assert len(tts.texts) == 1
        tts.let.set()
        await answer.read()
    assert len(tts.texts) > 3


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_a_client_that_leaves_stops_the_engine(tmp_path, stream_format):
    tts = SlowVoice()
    async with mouth(tmp_path, tts) as client:
        async with client.post(input=LONG, stream_format=stream_format) as answer:
            await answer.content.readany()
            await tts.waits.wait()
            answer.close()
        async with asyncio.timeout(1):
            await tts.left.wait()


async def test_a_client_that_leaves_before_the_first_sound_stops_the_engine(tmp_path):
    tts = SlowVoice(chunks=0)
    async with mouth(tmp_path, tts) as client, asyncio.TaskGroup() as group:
        asking = group.create_task(client.say(input=LONG))
        await tts.waits.wait()
        asking.cancel()
        async with asyncio.timeout(1):
            await tts.left.wait()


async def test_two_are_read_to_at_a_time(tmp_path):
    async with mouth(tmp_path, FakeTextToSpeech()) as client:
        short, long = await asyncio.gather(client.say(), client.say(input="Hello there. " * 20))
    assert len(short[0]) < len(long[0])


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize("text", ["", "   \n\t", "🎉🎉🎉", "***", "...", "\u200b"])
async def test_nothing_to_say_is_an_error(tmp_path, text):
    async with mouth(tmp_path, FakeTextToSpeech()) as client:
        status, error = await client.refused(input=text)
    assert status == 400
    assert error["type"] == "invalid_request_error"
    assert error["param"] == "input"
    assert "nothing to say" in error["message"]


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"voice": "robot"}, "voice", "has no voice 'robot'; there is tone. OpenAI's names"),
        ({"voice": "aloy"}, "voice", "did you mean 'alloy'?"),
        ({"voice": 3}, "voice", "int"),
        ({"voice": {"id": "alloy", "foo": 1}}, "voice.foo", "Unknown parameter"),
        ({"voice": {"name": "alloy"}}, "voice.id", "Missing required"),
        ({"response_format": "m4a"}, "response_format", "m4a"),
        ({"speed": 0.1}, "speed", "0.25"),
        ({"speed": 5}, "speed", "4"),
        ({"speed": "fast"}, "speed", "str"),
        ({"stream_format": "ndjson"}, "stream_format", "ndjson"),
        ({"sample_rate": 44_100}, "sample_rate", "is for wav and pcm; mp3"),
        ({"sample_rate": 4000, "response_format": "pcm"}, "sample_rate", "8000"),
        ({"language": "../etc"}, "language", "language"),
        ({"volume": 2}, "volume", "is not known here"),
        ({"respnse_format": "mp3"}, "respnse_format", "did you mean 'response_format'?"),
        ({"input": 7}, "input", "int"),
        ({"input": "a" * 4097}, "input", "4097 characters; at most 4096"),
    ],
)
async def test_each_field_that_is_wrong_is_named(tmp_path, fields, param, words):
    async with mouth(tmp_path, FakeTextToSpeech()) as client:
        status, error = await client.refused(**fields)
    assert (status, error["param"], error["type"]) == (400, param, "invalid_request_error")
    assert words in error["message"]


async def test_as_much_is_spoken_as_was_set(tmp_path):
    async with mouth(tmp_path, FakeTextToSpeech(), speech__max_characters=5) as client:
        assert (await client.say(input="Hello"))[0]
        assert (await client.refused(input="Hello!"))[0] == 400


async def test_a_model_that_is_not_here_is_not_found_and_the_nearest_is_named(tmp_path):
    async with mouth(tmp_path, FakeTextToSpeech()) as client:
        status, error = await client.refused(model="espeek")
    assert (status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "did you mean 'espeak'?" in error["message"]


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "fake", "", None])
async def test_openais_models_are_the_engine_of_the_server(tmp_path, model):
    async with mouth(tmp_path, FakeTextToSpeech()) as client:
        assert (await client.say(model=model))[0]


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_an_engine_that_fails_at_once_is_an_http_error(tmp_path, stream_format):
    async with mouth(tmp_path, FakeTextToSpeech(fails_on="Hello")) as client:
        status, error = await client.refused(stream_format=stream_format)
    assert (status, error["type"]) == (503, "server_error")
    assert "cannot say 'Hello'" in error["message"]


async def test_an_engine_that_fails_later_breaks_the_audio_off(tmp_path):
    async with (
        mouth(tmp_path, FakeTextToSpeech(fails_on="Monday")) as client,
        client.post(input=LONG, response_format="pcm") as answer,
    ):
        assert answer.status == 200
        with pytest.raises(Exception, match=r"(?i)payload|closed|disconnect"):
            await answer.read()


async def test_an_engine_that_fails_later_is_told_in_an_event(tmp_path):
    async with mouth(tmp_path, FakeTextToSpeech(fails_on="Monday")) as client:
        data, _ = await client.say(input=LONG, stream_format="sse")
    *_, error, done = data.decode().strip().split("\n\n")
    assert "cannot say 'Monday'" in json.loads(error.removeprefix("data: "))["error"]["message"]
    assert done == "data: [DONE]"


# ---------------------------------------------------------------- voices


async def test_the_voices_are_listed_with_what_openais_names_mean(tmp_path):
    async with (
        mouth(tmp_path, Listening()) as client,
        client.http.get("/v1/audio/voices") as answer,
    ):
        listed = await answer.json()
    assert [voice["id"] for voice in listed["data"]] == ["af_heart", "af_alloy"]
    assert listed["data"][0]["object"] == "audio.voice"
    (engine,) = listed["engines"]
    assert engine["default"]
    assert engine["openai_voices"]["alloy"] == "af_alloy"
    assert engine["openai_voices"]["marin"] is None
    assert "espeak" in listed["other_engines"]


async def test_the_voices_of_an_engine_that_is_not_here_are_not_found(tmp_path):
    async with (
        mouth(tmp_path, FakeTextToSpeech()) as client,
        client.http.get("/v1/audio/voices", params={"model": "harp"}) as answer,
    ):
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "model_not_found"
