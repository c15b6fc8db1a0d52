"""Checklist: what goes wrong, and how it is told (31-33, 56, 76)."""

import base64
import json

import pytest

from tests.conformance.stage import (
    AUDIO,
    HEARD,
    TRANSCRIBED,
    ask,
    error_of,
    on_virtual_time,
    recording,
    say,
    stage,
    text_item,
)
from tests.conformance.wire import KNOWN_TYPES, check_wire
from tests.realtime.talk import eventful_session
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.protocols import EngineError, TextDelta

FAILED = "conversation.item.input_audio_transcription.failed"


class Moody:
    """Answers or hears only every second time."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.broken = True

    def __call__(self, _given):
        if self.broken:
            raise EngineError("the engine is down")
        return self.answer


def assert_failed(client, done: dict) -> None:
    assert done["status"] == "failed"
    error = done["status_details"]["error"]
    assert done["status_details"]["type"] == "failed"
    assert (error["type"], error["code"]) == ("server_error", "engine_error")
    assert "the engine is down" in error["message"]
    assert not client.of_type("error")


@on_virtual_time
async def test_31_errors_name_their_cause_and_close_nothing():
    async with stage() as client:
        for kind, fields in (
            ("response.cancel", {}),
            ("input_audio_buffer.commit", {}),
            ("conversation.item.delete", {"item_id": "nope"}),
            ("session.update", {"session": {"type": "nope"}}),
            ("input_audio_buffer.append", {"audio": "%%%"}),
            ("no.such.event", {}),
        ):
            error = await error_of(client, kind, **fields)
            assert error["type"] == "invalid_request_error"
            assert error["message"]
            assert set(error) == {"type", "code", "message", "param"}
        assert client.transport.closed is None
        assert (await ask(client))["status"] == "completed"


@on_virtual_time
async def test_32_a_model_that_fails_fails_the_response_alone():
    moody = Moody("It closes at four.")
    async with stage(answers=moody) as client:
        assert_failed(client, done := await ask(client))
        assert done["output"] == []
        moody.broken = False
        assert (await ask(client))["status"] == "completed"


@on_virtual_time
async def test_32_a_model_that_fails_in_the_middle_closes_what_it_opened():
    pieces = [TextDelta(text="It closes at four. And then "), EngineError("the engine is down")]
    async with stage(llm=FakeLanguageModel(pieces), settings=TRANSCRIBED) as client:
        assert_failed(client, done := await ask(client))
        for item in done["output"]:
            assert item["status"] == "incomplete"
            assert client.last("conversation.item.done")["item"] == item
        await client.send("conversation.item.create", item=text_item("Hello?"))
        await client.be_silent(100)
        assert client.types()[-2:] == ["conversation.item.added", "conversation.item.done"]


@on_virtual_time
async def test_32_a_voice_that_fails_fails_the_response_alone():
    tts = FakeTextToSpeech(fails_on="four")
    async with stage(tts=tts) as client:
        done = await ask(client)
        assert done["status"] == "failed"
        assert done["status_details"]["error"]["code"] == "engine_error"
        assert not client.of_type("error")
        tts.fails_on = None
        assert (await ask(client))["status"] == "completed"


@pytest.mark.parametrize("transcribed", [True, False])
@on_virtual_time
async def test_32_an_ear_that_fails_is_told_and_the_next_turn_works(transcribed):
    moody = Moody(HEARD)
    settings = TRANSCRIBED if transcribed else {}
    async with stage(stt=FakeSpeechToText(moody, partials=False), settings=settings) as client:
        assert_failed(client, await ask(client))
        failures = client.of_type(FAILED)
        assert len(failures) == transcribed
        for failure in failures:
            assert failure["item_id"] == client.last("input_audio_buffer.committed")["item_id"]
            assert failure["content_index"] == 0
            assert "the engine is down" in failure["error"]["message"]
        moody.broken = False
        assert (await ask(client))["status"] == "completed"


@on_virtual_time
async def test_33_no_item_holds_a_null_and_user_audio_has_a_transcript():
    """`check_wire` looks at every event of every test; here are all kinds of items at once."""
    async with stage(settings=TRANSCRIBED) as client:
        await ask(client)
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
        output = {"type": "function_call_output", "call_id": "c", "output": ""}
        for item in (text_item("Hi."), text_item("Ho.", "system"), call, output):
            await client.send("conversation.item.create", item=item)
        await client.be_silent(100)
        ids = [event["item"]["id"] for event in client.of_type("conversation.item.added")]
        for item_id in ids:
            await client.send("conversation.item.retrieve", item_id=item_id)
        await client.be_silent(100)
        retrieved = client.of_type("conversation.item.retrieved")
        assert [event["item"]["id"] for event in retrieved] == ids
        assert "null" not in json.dumps([event["item"] for event in retrieved])
        assert retrieved[0]["item"]["content"][0]["transcript"] == HEARD


def test_33_the_check_of_the_wire_can_fail():
    """A net without holes: each of these would break a client."""
    item = {"id": "item_1", "object": "realtime.item", "type": "message", "status": "completed"}
    user = item | {"role": "user", "content": [{"type": "input_text", "text": "x"}]}
    good = {"type": "conversation.item.added", "previous_item_id": None, "item": user}
    check_wire([good | {"event_id": "event_1"}])
    for bad in (
        good,
        good | {"event_id": None},
        good | {"event_id": "e", "type": "conversation.item.created"},
        good | {"event_id": "e", "item": user | {"status": None}},
        good | {"event_id": "e", "item": user | {"content": [{"type": "input_audio"}]}},
        {"type": "input_audio_buffer.speech_started", "event_id": "e", "item_id": "i"}
        | {"audio_start_ms": 1.0},
    ):
        with pytest.raises((AssertionError, KeyError)):
            check_wire([bad])


@pytest.mark.parametrize(
    ("frame", "code", "param"),
    [
        ('{"type": "session.explode", "event_id": "mine"}', "invalid_value", "type"),
        ('{"event_id": "mine"}', "invalid_event", "type"),
        ('{"type": 7, "event_id": "mine"}', "invalid_value", "type"),
        (
            '{"type": "input_audio_buffer.append", "audio": "a", "event_id": "mine"}',
            "invalid_value",
            "audio",
        ),
        (
            '{"type": "input_audio_buffer.append", "event_id": "mine"}',
            "missing_required_parameter",
            "audio",
        ),
        ('{"type": ', "invalid_json", None),
        ("", "invalid_json", None),
        ("[1, 2]", "invalid_json", None),
        ('"text"', "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        (b'{"type": "response.create"}', "invalid_json", None),
        (
            '{"type": "response.create", "response": {"tools": 7}}',
            "invalid_value",
            "response.tools",
        ),
    ],
)
@on_virtual_time
async def test_56_what_is_no_event_is_an_error_and_nothing_more(frame, code, param):
    async with stage() as client:
        await client.transport.say(frame)
        error = (await client.until("error", limit_ms=200))["error"]
        assert (error["code"], error["param"]) == (code, param)
        assert error["type"] == "invalid_request_error"
        assert error["event_id"] == ("mine" if "mine" in str(frame) else None)
        if param == "type" and "session" in str(frame):
            assert "'session.update'" in error["message"]
            assert "'response.create'" in error["message"]
        if code == "invalid_event":
            assert error["message"] == "The 'type' field is missing."
        assert (await ask(client))["status"] == "completed"


@on_virtual_time
async def test_56_bad_audio_does_not_disturb_the_good():
    async with stage() as client:
        pcm = recording("winter")
        await say(client, pcm[:24_000])
        error = await error_of(client, "input_audio_buffer.append", audio="not base64!")
        assert error["param"] == "audio"
        await say(client, pcm[24_960:])
        assert (await client.until("response.done"))["response"]["status"] == "completed"
        assert base64.b64decode(client.last(AUDIO)["delta"])


def test_76_no_session_sends_an_event_that_clients_do_not_know():
    """Every kind of event there is; each test here checks those of its own conversation too."""
    sent = {event["type"] for event in eventful_session()}
    webrtc = {f"output_audio_buffer.{what}" for what in ("started", "stopped", "cleared")}
    assert sent - webrtc <= KNOWN_TYPES
    assert len(sent & KNOWN_TYPES) >= len(KNOWN_TYPES) - 1
