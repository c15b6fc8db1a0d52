"""What a client does with the items of a conversation."""

from base64 import b64decode

import pytest

from tests.realtime.talk import (
    VOICES,
    Spoken,
    frame,
    invalid,
    new_state,
    refusal,
    say,
    send,
    user_text,
)
from tests.realtime.test_state import ids
from voice.realtime.client_events import parse
from voice.realtime.config import SessionConfig
from voice.realtime.errors import WireError
from voice.realtime.events import encode
from voice.realtime.state import RealtimeState


def test_an_item_is_added_and_done_at_once():
    state = new_state()
    events = send(state, "conversation.item.create", item=user_text("hi", "a" * 32))
    item = {
        "id": "a" * 32,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": "hi"}],
    }
    assert events == [
        {"type": "conversation.item.added", "previous_item_id": None, "item": item},
        {"type": "conversation.item.done", "previous_item_id": None, "item": item},
    ]


def test_items_go_where_the_client_puts_them():
    state = new_state()
    send(state, "conversation.item.create", item=user_text("1", "a"))
    send(state, "conversation.item.create", item=user_text("2", "b"))
    first = send(
        state, "conversation.item.create", item=user_text("0", "r"), previous_item_id="root"
    )
    between = send(
        state, "conversation.item.create", item=user_text("1.5", "m"), previous_item_id="a"
    )
    assert [each[0]["previous_item_id"] for each in (first, between)] == [None, "a"]
    assert ids(state) == ["r", "a", "m", "b"]


def test_items_that_cannot_be_placed_are_refused():
    state = new_state()
    send(state, "conversation.item.create", item=user_text("1", "a"))
    assert refusal(state, "conversation.item.create", item=user_text("2", "a")) == invalid(
        "Error adding item: an item with id 'a' already exists.",
        "item.id",
        "item_create_duplicate_item_id",
    )
    error = refusal(
        state, "conversation.item.create", item=user_text("2", "b"), previous_item_id="ghost"
    )
    assert error == invalid(
        "Error adding item: the previous item with id 'ghost' does not exist.", "previous_item_id"
    )
    assert ids(state) == ["a"]


def test_an_item_can_be_added_while_a_response_runs():
    state = new_state()
    stream = state.start_response()
    stream.created()
    stream.transcript("Hi")
    events = send(state, "conversation.item.create", item=user_text("hi"))
    assert events[0]["previous_item_id"] == stream.current_item.id


def test_a_deleted_item_is_skipped_by_the_next():
    state = new_state()
    send(state, "conversation.item.create", item=user_text("1", "a"))
    send(state, "conversation.item.create", item=user_text("2", "b"))
    assert send(state, "conversation.item.delete", item_id="b") == [
        {"type": "conversation.item.deleted", "item_id": "b"}
    ]
    added, _ = send(state, "conversation.item.create", item=user_text("3", "c"))
    assert added["previous_item_id"] == "a"


@pytest.mark.parametrize(
    ("kind", "code", "verb", "extra"),
    [
        ("delete", "item_delete_invalid_item_id", "deleting", {}),
        ("retrieve", "item_retrieve_invalid_item_id", "retrieving", {}),
        (
            "truncate",
            "item_truncate_invalid_item_id",
            "truncating",
            {"content_index": 0, "audio_end_ms": 5},
        ),
    ],
)
def test_an_item_that_is_not_there_is_an_error_of_its_own_kind(kind, code, verb, extra):
    state = new_state()
    event = parse(frame(f"conversation.item.{kind}", item_id="X", event_id="e7", **extra))
    with pytest.raises(WireError) as caught:
        state.receive(event)
    message = f"Error {verb} item: the item with id 'X' does not exist."
    expected = {**invalid(message, "item_id", code), "event_id": "e7"}
    assert caught.value.to_event()["error"] == expected


def test_an_answer_is_truncated_where_the_client_says():
    state = new_state()
    stream = state.start_response()
    stream.created()
    say(stream, "one two three")
    item = stream.current_item
    item.content[0].timeline = Spoken("one two three")
    fields = {"item_id": item.id, "content_index": 0, "audio_end_ms": 210}
    events = send(state, "conversation.item.truncate", **fields)
    assert events == [{"type": "conversation.item.truncated", **fields}]
    assert state.context()[0].content[0].transcript == "one two"
    stream.finish("cancelled", "turn_detected")
    later = {**fields, "audio_end_ms": 99_999}
    events = send(state, "conversation.item.truncate", **later)
    assert events == [{"type": "conversation.item.truncated", **later}]
    assert state.context()[0].content[0].transcript == "one two"


def test_only_speech_can_be_truncated():
    state = new_state()
    send(state, "conversation.item.create", item=user_text("1", "a"))
    fields = {"item_id": "a", "content_index": 0, "audio_end_ms": 0}
    assert refusal(state, "conversation.item.truncate", **fields) == invalid(
        "Only model output audio messages can be truncated", None, None
    )


def test_a_retrieved_item_has_its_transcript_and_its_audio():
    state = new_state()
    state.committed("item_u", b"\1\2")
    state.set_transcript("item_u", "Good day")
    (event,) = send(state, "conversation.item.retrieve", item_id="item_u")
    assert event["type"] == "conversation.item.retrieved"
    assert event["item"]["content"] == [
        {"type": "input_audio", "transcript": "Good day", "audio": "AQI="}
    ]


def test_a_retrieved_answer_is_the_part_that_was_heard():
    state = new_state()
    stream = state.start_response()
    stream.created()
    say(stream, "one two")
    part = stream.current_item.content[0]
    part.timeline, part.audio = Spoken("one two"), lambda ms: bytes((ms or 200) // 100)
    fields = {"item_id": stream.current_item.id, "content_index": 0, "audio_end_ms": 100}
    send(state, "conversation.item.truncate", **fields)
    (event,) = send(state, "conversation.item.retrieve", item_id=stream.current_item.id)
    assert event["item"]["content"] == [
        {"type": "output_audio", "transcript": "one", "audio": "AA=="}
    ]


def test_the_frame_of_a_retrieved_item_stays_below_its_limit():
    """A client that takes frames of 1 MiB at most gets the item without its audio."""
    state = new_state()
    largest = 0
    for size in range(785_800, 786_400, 6):
        item_id = f"item_{size}"
        state.committed(item_id, bytes(size))
        (event,) = send(state, "conversation.item.retrieve", item_id=item_id)
        text = encode(event)
        assert len(text.encode()) <= 2**20
        if "audio" in event["item"]["content"][0]:
            largest = size
            assert len(b64decode(event["item"]["content"][0]["audio"])) == size
    assert 785_800 < largest < 786_394


def test_the_limit_of_a_frame_can_be_lower():
    state = RealtimeState("s", SessionConfig(), VOICES, "c", max_frame_bytes=2000)
    state.committed("item_u", bytes(3000))
    (event,) = send(state, "conversation.item.retrieve", item_id="item_u")
    assert event["item"]["content"] == [{"type": "input_audio", "transcript": None}]
