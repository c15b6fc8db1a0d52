"""A server of speech and transcripts is relayed, left in peace and explained; the servers are real."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import msgspec
import pytest

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
from voice.providers import upstream as upstreams
from voice.providers.openai import OpenAIProvider
from voice.providers.protocol import Call, ProviderError, Reply, Upload

KEY = "sk-secret"
JSON, EVENTS = "application/json", "text/event-stream"
FILE = b"RIFF" + bytes(range(256)) * 1000
DONE = b"data: [DONE]\n\n"

SPEAK = Call("audio/speech", "tts", {"model": "alias", "input": "Hi.", "voice": "alloy"})
SPEAK_EVENTS = replace(SPEAK, body={**SPEAK.body, "stream_format": "sse"})


def listening(**fields: object) -> Call:
    upload = Upload(io.BytesIO(FILE), "speech.wav", len(FILE), "audio/wav")
    return Call("audio/transcriptions", "ears", {"model": "alias", **fields}, upload)


def written(answer: object = TRANSCRIPT, **more: object) -> Script:
    return Script((msgspec.json.encode(answer),), JSON, **more)


@asynccontextmanager
async def serving(
    *scripts: Script, **options: object
) -> AsyncIterator[tuple[OpenAIProvider, AudioUpstream]]:
    async with AudioUpstream(*scripts) as upstream:
        provider = OpenAIProvider("audio", upstream.url, KEY, **options)
        try:
            yield provider, upstream
        finally:
            await provider.aclose()


async def read(provider: OpenAIProvider, call: Call) -> tuple[bytes, Reply]:
    first, reply = await provider.reply(call)
    async with aclosing(reply.blocks) as blocks:
        return first + b"".join([block async for block in blocks]), reply


# ---------------------------------------------------------------- what is sent


async def test_nothing_but_the_model_is_replaced_in_a_request_for_speech():
    async with serving() as (provider, upstream):
        await read(provider, SPEAK)
    (seen,) = upstream.received
    assert (seen.path, seen.headers["Authorization"]) == ("speech", f"Bearer {KEY}")
    assert seen.fields == [("model", '"tts"'), ("input", '"Hi."'), ("voice", '"alloy"')]


async def test_a_recording_is_sent_as_it_came_with_its_fields_and_no_others():
    fields = {
        "language": "en",
        "temperature": 0.5,
        "timestamp_granularities": ["word", "segment"],
        "chunking_strategy": {"type": "server_vad", "threshold": 0.3},
        "prompt": 'Say "Grüße"',
    }
    async with serving(written()) as (provider, upstream):
        await read(provider, listening(**fields))
    (seen,) = upstream.received
    assert seen.fields == [
        ("model", "ears"),
        ("language", "en"),
        ("temperature", "0.5"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("chunking_strategy[type]", "server_vad"),
        ("chunking_strategy[threshold]", "0.3"),
        ("prompt", 'Say "Grüße"'),
    ]
    assert (seen.file, seen.file_name) == (FILE, "speech.wav")
    assert "Content-Length" in seen.headers


async def test_a_recording_can_be_sent_again():
    async with serving(written()) as (provider, upstream):
        call = listening()
        await read(provider, call)
        await read(provider, call)
    assert [each.file for each in upstream.received] == [FILE, FILE]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("af_heart", "af_heart"),
        ("alloy", "af_alloy"),
        ("nova", "af_heart"),
        ({"id": "af_heart"}, "af_heart"),
    ],
)
async def test_openais_voices_mean_voices_that_the_model_has(asked: object, sent: str):
    call = replace(SPEAK, body={**SPEAK.body, "voice": asked}, voices=("af_heart", "af_alloy"))
    async with serving() as (provider, upstream):
        assert provider.refusal(call) is None
        await read(provider, call)
    assert ("voice", f'"{sent}"') in upstream.received[0].fields


async def test_a_voice_that_the_model_does_not_have_is_refused_before_it_is_asked():
    async with serving() as (provider, _):
        error = provider.refusal(
            replace(SPEAK, body={**SPEAK.body, "voice": "robot"}, voices=("af_heart",))
        )
        assert provider.refusal(replace(SPEAK, body={**SPEAK.body, "voice": "robot"})) is None
    assert error.param == "voice"
    assert "there is af_heart" in error.message


async def test_openai_is_not_sent_what_it_does_not_know():
    provider = OpenAIProvider("audio", "https://api.openai.com/v1", KEY)
    error = provider.refusal(replace(SPEAK, body={**SPEAK.body, "sample_rate": 8000}))
    assert (error.param, error.code) == ("sample_rate", "unsupported_parameter")
    assert provider.refusal(listening(hotwords=["a"])).param == "hotwords"
    assert provider.refusal(listening(stream="true", keywords=["a"])) is None


# ---------------------------------------------------------------- what comes back


async def test_speech_comes_back_byte_by_byte_with_its_type():
    async with serving() as (provider, _):
        data, reply = await read(provider, SPEAK)
    assert (data, reply.media_type) == (b"".join(SPEECH), "audio/mpeg")


async def test_the_first_sound_does_not_wait_for_the_last():
    async with serving(Script(act="hang", after=1)) as (provider, upstream):
        first, reply = await provider.reply(SPEAK)
        assert first == SPEECH[0]
        await reply.blocks.aclose()
        async with asyncio.timeout(1):
            await upstream.idle()
    assert upstream.abandoned == 1


@pytest.mark.parametrize("form", [None, "json", "verbose_json", "diarized_json"])
async def test_a_transcript_in_json_comes_back_as_the_server_wrote_it(form: str | None):
    async with serving(written()) as (provider, _):
        data, reply = await read(provider, listening(response_format=form))
    assert (msgspec.json.decode(data), reply.media_type) == (TRANSCRIPT, JSON)


@pytest.mark.parametrize(
    ("form", "media_type"),
    [("text", "text/plain"), ("srt", "application/x-subrip"), ("vtt", "text/vtt")],
)
async def test_a_transcript_in_text_has_the_type_that_it_should(form: str, media_type: str):
    async with serving(Script((b"Gr\xc3\xbc\xc3\x9fe\n",), "text/plain")) as (provider, _):
        data, reply = await read(provider, listening(response_format=form))
    assert (data.decode(), reply.media_type) == ("Grüße\n", f"{media_type}; charset=utf-8")


async def test_a_text_that_comes_as_json_is_taken_out_of_it():
    async with serving(written()) as (provider, _):
        data, _ = await read(provider, listening(response_format="text"))
    assert data == f"{TEXT}\n".encode()


async def test_the_events_of_a_transcript_come_as_they_are_sent():
    script = Script((b": hello\r\n\r\n", *TRANSCRIPT_EVENTS), EVENTS)
    async with serving(script) as (provider, _):
        data, reply = await read(provider, listening(stream="true"))
    assert reply.media_type == EVENTS
    assert data == b"".join(TRANSCRIPT_EVENTS).replace(b"\r\n", b"\n") + DONE


async def test_a_server_that_does_not_stream_is_streamed():
    async with serving(written()) as (provider, _):
        data, _ = await read(provider, listening(stream="true"))
    delta, done, end = (each.removeprefix(b"data: ") for each in data.strip().split(b"\n\n"))
    assert msgspec.json.decode(delta) == {"type": "transcript.text.delta", "delta": TEXT}
    assert msgspec.json.decode(done) == {**TRANSCRIPT, "type": "transcript.text.done"}
    assert end == b"[DONE]"


async def test_the_events_of_speech_come_as_they_are_sent():
    async with serving(Script(SPEECH_EVENTS, EVENTS)) as (provider, _):
        data, _ = await read(provider, SPEAK_EVENTS)
    assert data == b"".join(SPEECH_EVENTS).replace(b"\r\n", b"\n")


# ---------------------------------------------------------------- what goes wrong

AUDIO, TEXTS = Script(), written()
ERROR = event(error={"message": "no more", "type": "server_error"})
IN_BAND = msgspec.json.encode({"error": {"message": "no more", "type": "server_error"}})

WAYS = {
    "speech": (SPEAK, AUDIO),
    "events of speech": (SPEAK_EVENTS, Script(SPEECH_EVENTS, EVENTS)),
    "transcript": (listening, TEXTS),
    "text": (lambda: listening(response_format="srt"), Script((b"1\n", b"Hi\n"), "text/plain")),
    "events of a transcript": (lambda: listening(stream="1"), Script(TRANSCRIPT_EVENTS, EVENTS)),
}
FAULTS = {
    "hang before headers": ({"act": "hang"}, "timeout", 504),
    "hang": ({"act": "hang", "after": 0}, "timeout", 504),
    "hang within": ({"act": "hang", "after": 1}, "timeout", 504),
    "die before headers": ({"act": "die"}, "unavailable", 502),
    "die": ({"act": "die", "after": 0}, "unavailable", 502),
    "die within": ({"act": "die", "after": 1}, "unavailable", 502),
    "page": ({"blocks": (b"<html>",), "media_type": "text/html"}, "unavailable", 502),
    "error in json": ({"blocks": (IN_BAND,), "media_type": JSON}, "unavailable", 502),
    "other json": ({"blocks": (b"[1]",), "media_type": JSON}, "unavailable", 502),
    "401": ({"status": 401}, "auth", 502),
    "404": ({"status": 404}, "unavailable", 404),
    "429": ({"status": 429, "headers": {"Retry-After": "7"}}, "rate_limit", 429),
    "500": ({"status": 500}, "unavailable", 502),
    "503": ({"status": 503}, "unavailable", 503),
}
OTHERS = [
    ("speech", {"blocks": ()}, "no audio"),
    ("speech", {"media_type": "text/plain"}, "sent text/plain where audio"),
    (
        "events of speech",
        {"media_type": "audio/mpeg", "blocks": SPEECH},
        "broke off|no server-sent",
    ),
    ("events of speech", {"blocks": SPEECH_EVENTS[:1]}, "broke off"),
    ("events of speech", {"blocks": (SPEECH_EVENTS[0], ERROR)}, "no more"),
    ("events of speech", {"blocks": (b"data: {nonsense\n\n",)}, "no events of audio"),
    ("events of speech", {"blocks": ()}, "no events"),
    ("transcript", {"blocks": ()}, "no transcript"),
    ("transcript", {"blocks": (b"{}",)}, "without a text"),
    ("transcript", {"media_type": "text/plain", "blocks": (b"Hello",)}, "no transcript"),
    ("text", {"blocks": (b"\xff\xfe\xff",), "media_type": "audio/mpeg"}, "no text where srt"),
    ("text", {"blocks": (b'{"text": "Hi"}',), "media_type": JSON}, "sent JSON where srt"),
    ("events of a transcript", {"blocks": TRANSCRIPT_EVENTS[:2]}, "broke off"),
    ("events of a transcript", {"blocks": (ERROR,)}, "no more"),
    ("events of a transcript", {"blocks": (DONE,)}, "sent no events"),
]


async def failure(provider: OpenAIProvider, call: Call) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await read(provider, call)
    assert caught.value.message.startswith("audio ")
    assert KEY not in caught.value.message
    return caught.value


def wanted(way: str) -> tuple[Call, Script]:
    call, script = WAYS[way]
    return (call if isinstance(call, Call) else call()), script


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", WAYS)
async def test_every_fault_is_an_error_and_leaves_no_connection(way: str, fault: str):
    call, script = wanted(way)
    changes, trouble, status = FAULTS[fault]
    timeout_s = 0.1 if fault.startswith("hang") else 10.0
    async with serving(replace(script, **changes), timeout_s=timeout_s) as (provider, upstream):
        error = await failure(provider, call)
        assert (error.trouble, error.status) == (trouble, status)
        assert error.retry_after_s == (7 if fault == "429" else None)
        async with asyncio.timeout(1):
            await upstream.idle()


@pytest.mark.parametrize(("way", "changes", "told"), OTHERS)
async def test_what_is_no_answer_is_explained(way: str, changes: dict, told: str):
    call, script = wanted(way)
    async with serving(replace(script, **changes)) as (provider, _):
        error = await failure(provider, call)
    assert (error.trouble, error.status) == ("unavailable", 502)
    assert re.search(told, error.message)


async def test_audio_of_another_format_than_was_asked_for_is_none():
    async with serving(Script(media_type="audio/wav")) as (provider, _):
        await read(provider, SPEAK)
        error = await failure(provider, replace(SPEAK, body={"response_format": "mp3"}))
    assert "sent audio/wav where mp3 was asked for" in error.message


async def test_a_transcript_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(upstreams, "MAX_ANSWER_BYTES", 1000)
    async with serving(written({"text": "a" * 2000})) as (provider, _):
        assert "more than 1000 bytes" in (await failure(provider, listening())).message


async def test_a_server_that_is_not_there_is_unavailable():
    async with serving() as (provider, _):
        pass
    for call in (SPEAK, listening()):
        error = await failure(provider, call)
        assert (error.trouble, error.status) == ("unavailable", 503)
    await provider.aclose()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("after", [None, 0])
async def test_cancelling_closes_the_connection(way: str, after: int | None):
    call, script = wanted(way)
    async with serving(replace(script, act="hang", after=after)) as (provider, upstream):
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(provider.reply(call))
            await upstream.asked()
            asking.cancel()
        async with asyncio.timeout(1):
            await upstream.idle()
    assert upstream.abandoned == 1
