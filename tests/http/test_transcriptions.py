"""Recordings sent to a real server: every format, wish and mistake."""

import asyncio
import io
import json
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest

from tests.audio.media import film_without_sound, media, speech, wav
from tests.conformance.live import scripted
from tests.transcribing.scripted import Scripted
from voice.cli.hosting import hosting
from voice.config import ServerSettings, Settings, TranscriptionSettings
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.protocols import EngineError, Segment, TokenLogprob, Transcript, Word
from voice.server import Server

pytestmark = pytest.mark.server

TEXT = "Where is the heron?"
FILE = wav(speech() + bytes(3 * 32_000) + speech())
"""Two stretches of speech."""
TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"


class Client:
    """What a program knows of the server: its address."""

    def __init__(self, session: aiohttp.ClientSession, stt: FakeSpeechToText) -> None:
        self.session = session
        self.stt = stt

    async def send(self, *fields, file=FILE, path=TRANSCRIPTIONS, model="whisper-1"):
        """Post a form; gives status, headers and body."""
        form = aiohttp.FormData(default_to_multipart=True)
        if file is not None:
            form.add_field(
                "file", io.BytesIO(file), filename="speech.wav", content_type="audio/wav"
            )
        if model is not None:
            form.add_field("model", model)
        for name, value in fields:
            form.add_field(name, value)
        async with self.session.post(path, data=form) as response:
            return response.status, response.headers, await response.read()

    async def json(self, *fields, **more) -> dict:
        status, headers, body = await self.send(*fields, **more)
        assert status == 200, body
        assert headers["content-type"] == "application/json"
        return msgspec.json.decode(body)

    async def refusal(self, *fields, status=400, **more) -> dict:
        got, headers, body = await self.send(*fields, **more)
        assert (got, headers["content-type"]) == (status, "application/json"), body
        error = msgspec.json.decode(body)["error"]
        assert error["type"] == "invalid_request_error"
        return error


@asynccontextmanager
async def serving(stt=None, **transcription):
    stt = stt or FakeSpeechToText(TEXT)
    settings = Settings(
        server=ServerSettings(port=0), transcription=TranscriptionSettings(**transcription)
    )
    opener = scripted(stt, FakeLanguageModel(), FakeTextToSpeech())
    async with (
        hosting(settings, server=Server(settings, opener)) as hosted,
        aiohttp.ClientSession(hosted.url) as session,
    ):
        yield Client(session, stt)


@pytest.fixture
async def client():
    async with serving() as client:
        yield client


def events(body: bytes) -> list[dict]:
    """The events of a stream that ended well."""
    *data, last, rest = body.decode().split("\n\n")
    assert (last, rest) == ("data: [DONE]", "")
    return [json.loads(each.removeprefix("data: ")) for each in data]


# ---------------------------------------------------------------- answers


async def test_json_is_what_one_gets_unasked(client):
    assert await client.json() == {
        "text": f"{TEXT} {TEXT}",
        "languages": [{"code": "en"}],
        "usage": {"type": "duration", "seconds": pytest.approx(len(FILE) / 32_000, abs=0.01)},
    }


@pytest.mark.parametrize(
    ("form", "media_type", "begin"),
    [
        ("text", "text/plain; charset=utf-8", f"{TEXT} {TEXT}\n"),
        ("srt", "application/x-subrip; charset=utf-8", "1\n00:00:00,000 --> "),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT\n\n00:00:00.000 --> "),
    ],
)
async def test_plain_formats_are_no_json(client, form, media_type, begin):
    status, headers, body = await client.send(("response_format", form))
    assert (status, headers["content-type"]) == (200, media_type)
    assert body.decode().startswith(begin)


GRANULARITIES = [
    ([], {"segments"}),
    (["timestamp_granularities[]=word"], {"words"}),
    (["timestamp_granularities=word"], {"words"}),
    (["timestamp_granularities[]=segment"], {"segments"}),
    (
        ["timestamp_granularities[]=word", "timestamp_granularities[]=segment"],
        {"words", "segments"},
    ),
    (["timestamp_granularities=word", "timestamp_granularities=segment"], {"words", "segments"}),
    (["timestamp_granularities[0]=word", "timestamp_granularities[1]=word"], {"words"}),
    (['timestamp_granularities=["word", "segment"]'], {"words", "segments"}),
]


@pytest.mark.parametrize(("sent", "given"), GRANULARITIES)
async def test_granularities_in_every_spelling(client, sent, given):
    fields = [tuple(each.split("=")) for each in sent]
    answer = await client.json(("response_format", "verbose_json"), *fields)
    assert {"words", "segments"} & answer.keys() == given
    assert isinstance(answer["duration"], float)
    assert answer["language"] == "english"
    assert answer["task"] == "transcribe"
    if "words" in given:
        assert [word["word"] for word in answer["words"]] == TEXT.split() * 2
        assert answer["words"][-1]["end"] <= answer["duration"]
    if "segments" in given:
        assert "".join(each["text"] for each in answer["segments"]).strip() == answer["text"]


async def test_probabilities_are_told_where_they_are_asked_for():
    token = TokenLogprob(token=" Hi", logprob=-0.5)
    async with serving(Scripted(Transcript(text="Hi", logprobs=(token,)))) as client:
        answer = await client.json(("include[]", "logprobs"))
    assert answer["logprobs"] == [{"token": " Hi", "logprob": -0.5, "bytes": [32, 72, 105]}]


async def test_all_that_an_engine_knows_of_a_segment_is_told():
    segment = Segment(
        text="Hi",
        start_s=0.1,
        end_s=0.4,
        tokens=(1, 2),
        temperature=0.2,
        avg_logprob=-0.3,
        compression_ratio=1.1,
        no_speech_prob=0.05,
    )
    word = Word(text="Hi", start_s=0.1, end_s=0.4)
    heard = Transcript(text="Hi", language="de", segments=(segment,), words=(word,))
    async with serving(Scripted(heard)) as client:
        answer = await client.json(("response_format", "verbose_json"))
    assert answer["language"] == "german"
    assert answer["segments"][0] == {
        "id": 0,
        "seek": 0,
        "start": 0.1,
        "end": 0.4,
        "text": " Hi",
        "tokens": [1, 2],
        "temperature": 0.2,
        "avg_logprob": -0.3,
        "compression_ratio": 1.1,
        "no_speech_prob": 0.05,
    }


async def test_a_stream_tells_each_stretch_and_then_all(client):
    status, headers, body = await client.send(("stream", "true"))
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    *deltas, done = events(body)
    assert [each["delta"] for each in deltas] == [TEXT, f" {TEXT}"]
    assert {each["type"] for each in deltas} == {"transcript.text.delta"}
    assert done["type"] == "transcript.text.done"
    assert done["text"] == "".join(each["delta"] for each in deltas)
    assert done["usage"]["type"] == "duration"


async def test_a_verbose_stream_ends_with_the_times(client):
    _, _, body = await client.send(
        ("stream", "1"),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
    )
    done = events(body)[-1]
    assert done["words"][0]["word"] == "Where"
    assert done["language"] == "english"


async def test_a_stream_of_silence_has_an_end(client):
    _, _, body = await client.send(("stream", "true"), file=wav(bytes(32_000)))
    (done,) = events(body)
    assert done["text"] == ""


async def test_a_translation_is_asked_of_the_engine(client):
    answer = await client.json(("response_format", "verbose_json"), path=TRANSLATIONS)
    assert (answer["task"], answer["language"]) == ("translate", "english")
    assert all(each.options.translate for each in client.stt.utterances)


async def test_all_wishes_reach_the_engine(client):
    await client.json(
        ("language", "de"),
        ("prompt", "Ein Märchen."),
        ("temperature", "0.4"),
        ("keywords[]", "Zug"),
        ("keywords[]", "Bahn"),
        ("hotwords", "Gleis"),
        ("chunking_strategy", "auto"),
    )
    options = client.stt.utterances[0].options
    assert options.language == "de"
    assert options.prompt == "Ein Märchen."
    assert options.temperature == 0.4
    assert options.keywords == ("Zug", "Bahn", "Gleis")


async def test_one_of_many_languages(client):
    await client.json(("languages[]", "fr"))
    assert client.stt.utterances[0].options.language == "fr"


CHUNKING = [
    [("chunking_strategy", '{"type": "server_vad", "silence_duration_ms": 5000}')],
    [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[silence_duration_ms]", "5000")],
]


@pytest.mark.parametrize("fields", CHUNKING)
async def test_the_cuts_are_those_that_were_asked_for(client, fields):
    """With pauses of 5 s the 3 s between the two questions are none."""
    assert (await client.json(*fields))["text"] == TEXT


@pytest.mark.parametrize("kind", ["mp3", "ogg", "flac", "m4a", "webm"])
async def test_every_container_is_read(client, kind):
    answer = await client.json(file=media(kind, speech(rate_hz=48_000)))
    assert answer["text"] == TEXT


@pytest.mark.parametrize(
    "model", ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe-2025-12-15", "fake", None]
)
async def test_names_that_mean_the_engine_of_this_server(client, model):
    assert (await client.json(model=model))["text"]


async def test_a_file_cut_off_gives_what_is_there_and_a_warning(client):
    status, headers, _ = await client.send(file=FILE[:60_000])
    assert status == 200
    assert headers["x-audio-warning"].startswith("The file is cut off: it holds 1.9")
    _, _, body = await client.send(("stream", "true"), file=FILE[:60_000])
    assert events(body)[-1]["warning"].startswith("The file is cut off")


async def test_an_upload_as_large_as_it_may_be_is_taken():
    async with serving(max_upload_mb=2) as client:
        file = wav(bytes(2 * 2**20 - 44))
        assert (await client.json(file=file))["text"] == ""
        error = await client.refusal(file=file + b"x", status=413)
    assert "larger than the 2 MiB" in error["message"]
    assert error["param"] == "file"


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("field", "param"),
    [
        (("temperature", "hot"), "temperature"),
        (("temperature", "1.5"), "temperature"),
        (("response_format", "xml"), "response_format"),
        (("language", "the english one"), "language"),
        (("languages[]", "!"), "languages[0]"),
        (("stream", "maybe"), "stream"),
        (("include[]", "everything"), "include[0]"),
        (("chunking_strategy", '{"type": "server_vad", "foo": 1}'), "chunking_strategy.foo"),
        (("chunking_strategy", "often"), "chunking_strategy"),
        (
            ("chunking_strategy", '{"type": "server_vad", "threshold": 7}'),
            "chunking_strategy.threshold",
        ),
        (("chunking_strategy[type]", "semantic_vad"), "chunking_strategy.type"),
        (("timestamp_granularities[]", "syllable"), "timestamp_granularities[0]"),
        (("timestamp_granularities[]", "word"), "timestamp_granularities"),
        (("response_format", "diarized_json"), "response_format"),
        (("known_speaker_names[]", "Ann"), "known_speaker_names"),
        (("known_speaker_references[]", "data:audio/wav;base64,"), "known_speaker_references"),
        (("beam_size", "5"), "beam_size"),
    ],
)
async def test_a_wrong_field_is_named(client, field, param):
    error = await client.refusal(field)
    assert error["param"] == param
    assert client.stt.utterances == []


async def test_fields_that_do_not_go_together(client):
    error = await client.refusal(("stream", "true"), ("response_format", "srt"))
    assert error["param"] == "response_format"
    error = await client.refusal(("include[]", "logprobs"), ("response_format", "verbose_json"))
    assert "goes with response_format=json only" in error["message"]
    error = await client.refusal(("prompt", "a"), ("prompt", "b"))
    assert error["message"] == "'prompt' was sent 2 times; send it once."


async def test_a_field_of_the_other_door_is_named(client):
    error = await client.refusal(("language", "de"), path=TRANSLATIONS)
    assert (error["param"], error["code"]) == ("language", "unsupported_parameter")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "The file is empty."),
        (b"Dear Sir or Madam, " * 99, "The file is no audio that can be decoded; send flac, m4a, "),
        (wav(b""), "The file holds no audio."),
        (film_without_sound(), "The file has no audio track."),
        (FILE[:30], "The file is cut off or damaged: its header cannot be read."),
    ],
)
@pytest.mark.parametrize("stream", ["false", "true"])
async def test_a_file_without_sound_is_told_from_another(client, file, message, stream):
    error = await client.refusal(("stream", stream), file=file)
    assert error["message"].startswith(message)
    assert error["param"] == "file"


async def test_no_file_and_two_files(client):
    error = await client.refusal(file=None)
    assert (error["param"], error["code"]) == ("file", "missing_required_parameter")
    error = await client.refusal(("file", "more"))
    assert error["message"] == "'file' was sent twice; send one file at a time."


async def test_logprobs_of_an_engine_that_knows_none_are_refused(client):
    for stream in ("false", "true"):
        error = await client.refusal(("include[]", "logprobs"), ("stream", stream))
        assert (error["code"], error["param"]) == ("unsupported_parameter", "include")
        assert "fake, which knows none" in error["message"]


async def test_an_unknown_model_is_answered_with_the_nearest(client):
    error = await client.refusal(model="wisper-1", status=404)
    assert (error["param"], error["code"]) == ("model", "model_not_found")
    assert "did you mean 'whisper-1'" in error["message"]
    error = await client.refusal(model="tts-1", status=404)
    assert error["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("media_type", "body", "message"),
    [
        ("application/json", b"{}", "Send the file as multipart/form-data; this request has 'app"),
        ("multipart/form-data", b"", "The Content-Type names no boundary"),
        ("multipart/form-data; boundary=x", b"", "The multipart form cannot be read"),
        ("multipart/form-data; boundary=x", b"nothing of the kind", "The multipart form cannot be"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF',
            "The multipart form cannot be read",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xff\xfe\r\n--x--\r\n',
            "'prompt' is no text in UTF-8.",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'
            + b"a" * 3_000_000
            + b"\r\n--x--\r\n",
            "The fields of the form are larger than 1 MiB.",
        ),
    ],
)
async def test_a_body_that_is_no_form(client, media_type, body, message):
    headers = {"Content-Type": media_type}
    async with client.session.post(
        TRANSCRIPTIONS, data=io.BytesIO(body), headers=headers
    ) as response:
        assert response.status in {400, 413}
        error = (await response.json())["error"]
    assert error["message"].startswith(message)


async def test_an_upload_far_over_the_limit_is_not_read_to_its_end(client):
    error = await client.refusal(file=bytes(40 * 2**20), status=413)
    assert "larger than the 25 MiB" in error["message"]


async def test_an_engine_that_fails_is_a_server_error():
    def broken(_pcm):
        raise EngineError("the worker ended")

    async with serving(FakeSpeechToText(broken)) as client:
        status, _, body = await client.send()
        assert status == 503
        assert msgspec.json.decode(body)["error"]["message"] == "the worker ended"


async def test_an_engine_that_fails_in_a_stream_says_so_in_it():
    texts = iter([TEXT])

    def broken(_pcm):
        if text := next(texts, ""):
            return text
        raise EngineError("the worker ended")

    async with serving(FakeSpeechToText(broken)) as client:
        status, _, body = await client.send(("stream", "true"))
    assert status == 200
    delta, error = events(body)
    assert delta["delta"] == TEXT
    assert error["error"]["message"] == "the worker ended"


@pytest.mark.parametrize("stream", ["false", "true"])
async def test_a_client_that_leaves_ends_the_work(stream):
    closed, asked = asyncio.Event(), asyncio.Event()

    class Slow(FakeSpeechToText):
        def listen(self, options):
            utterance = super().listen(options)
            close = utterance.close
            utterance.close = lambda: (close(), closed.set())
            asked.set()
            return utterance

    async with serving(Slow(TEXT, delay_s=3600)) as client:
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(client.send(("stream", stream)))
            await asked.wait()
            sending.cancel()
        async with asyncio.timeout(1):
            await closed.wait()
