from base64 import b64encode

import pytest

from tests.realtime.talk import frame
from voice.realtime.client_events import (
    MAX_APPEND_BYTES,
    SUPPORTED_TYPES,
    ClientEvent,
    ConversationItemCreate,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    ResponseCreate,
    SessionUpdate,
    parse,
)
from voice.realtime.errors import WireError
from voice.realtime.items import ClientMessage, InputText

COMPLETE = {
    "session.update": {"session": {"type": "realtime"}},
    "input_audio_buffer.append": {"audio": "AAAA"},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": {"type": "message", "role": "user", "content": []}},
    "conversation.item.retrieve": {"item_id": "a"},
    "conversation.item.truncate": {"item_id": "a", "content_index": 0, "audio_end_ms": 5},
    "conversation.item.delete": {"item_id": "a"},
    "response.create": {},
    "response.cancel": {},
    "output_audio_buffer.clear": {},
}


def refused(text: str | bytes) -> WireError:
    with pytest.raises(WireError) as caught:
        parse(text)
    return caught.value


def test_the_supported_types_are_the_events_of_the_dialect():
    assert set(SUPPORTED_TYPES) == set(COMPLETE)


@pytest.mark.parametrize("kind", COMPLETE)
def test_every_event_is_read_with_its_own_id_and_whatever_else_it_carries(kind):
    event = parse(frame(kind, event_id="mine", extra={"a": 1}, **COMPLETE[kind]))
    assert isinstance(event, ClientEvent)
    assert event.event_id == "mine"
    assert parse(frame(kind, **COMPLETE[kind])).event_id is None


@pytest.mark.parametrize("kind", [kind for kind, fields in COMPLETE.items() if fields])
def test_every_field_that_is_required_is_missed_by_name(kind):
    for missing in COMPLETE[kind]:
        fields = {name: value for name, value in COMPLETE[kind].items() if name != missing}
        error = refused(frame(kind, event_id="mine", **fields))
        assert error.code == "missing_required_parameter"
        assert error.message == f"Missing required parameter: '{missing}'."
        assert (error.param, error.event_id) == (missing, "mine")


def test_audio_arrives_as_bytes():
    pcm = bytes(range(256)) * 4
    event = parse(frame("input_audio_buffer.append", audio=b64encode(pcm).decode()))
    assert event == InputAudioBufferAppend(audio=pcm)


@pytest.mark.parametrize("audio", ["@@@@", "AAA", "AA-_", 5, None, ["AAAA"]])
def test_audio_that_is_not_base64_is_refused_with_the_id_of_its_event(audio):
    error = refused(frame("input_audio_buffer.append", event_id="a7", audio=audio))
    assert (error.code, error.param, error.event_id) == ("invalid_value", "audio", "a7")
    assert error.message.startswith("Invalid value for 'audio': ")


def test_the_largest_append_is_taken_and_a_larger_one_refused():
    whole = b64encode(bytes(MAX_APPEND_BYTES)).decode()
    assert len(parse(frame("input_audio_buffer.append", audio=whole)).audio) == 15 * 2**20
    error = refused(frame("input_audio_buffer.append", audio=whole + "AAAA"))
    assert (error.code, error.param) == ("invalid_value", "audio")


def test_an_unknown_type_is_answered_with_the_known_ones():
    error = refused(frame("session.explode", event_id="mine"))
    assert (error.code, error.param, error.event_id) == ("invalid_value", "type", "mine")
    assert error.message == (
        "Invalid value: 'session.explode'. Supported values are: 'session.update', "
        "'input_audio_buffer.append', 'input_audio_buffer.commit', 'input_audio_buffer.clear', "
        "'conversation.item.create', 'conversation.item.retrieve', 'conversation.item.truncate', "
        "'conversation.item.delete', 'response.create', 'response.cancel' and "
        "'output_audio_buffer.clear'."
    )


@pytest.mark.parametrize("text", ['{"event_id":"mine"}', '{"type":null,"event_id":"mine"}'])
def test_a_missing_type_is_its_own_error(text):
    error = refused(text)
    assert error.message == "The 'type' field is missing."
    assert (error.code, error.param, error.event_id) == ("invalid_event", "type", "mine")


@pytest.mark.parametrize("kind", [5, [], {"a": 1}, True])
def test_a_type_that_is_no_text_is_an_unknown_type(kind):
    error = refused(frame(kind))
    assert (error.code, error.param) == ("invalid_value", "type")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "hello",
        '{"type":"response.create"',
        "[1, 2]",
        '"response.create"',
        "null",
        '{"type":"\\ud800"}',
        '{"type":"\ud800"}',
        "[" * 50_000,
        '{"type":"session.update","session":' + '{"a":' * 50_000,
        '{"type":"session.update","session":5,"event_id":{',
        b'{"type":"response.create"}',
        b"\x00\xff",
    ],
)
def test_a_frame_that_is_no_json_object_in_text_is_invalid_json(text):
    error = refused(text)
    assert (error.code, error.param, error.event_id) == ("invalid_json", None, None)
    assert error.message.startswith("The frame is not a valid JSON event: ")


def test_an_event_id_of_the_wrong_type_is_refused_and_not_repeated():
    error = refused(frame("response.cancel", event_id=5))
    assert (error.code, error.param, error.event_id) == ("invalid_value", "event_id", None)


def test_nested_mistakes_are_named_by_their_path():
    error = refused(frame("response.create", event_id="r", response={"audio": {"input": {}}}))
    assert (error.code, error.param, error.event_id) == (
        "unknown_parameter",
        "response.audio.input",
        "r",
    )
    item = {"type": "message", "role": "user", "content": [{"type": "input_text"}]}
    assert refused(frame("conversation.item.create", item=item)).param == "item.content[0].text"


def test_what_is_optional_may_be_null():
    fields = {"response": None, "event_id": None}
    assert parse(frame("response.create", **fields)) == ResponseCreate()
    event = parse(
        frame(
            "conversation.item.create",
            previous_item_id=None,
            item={
                "type": "message",
                "role": "user",
                "id": None,
                "object": "realtime.item",
                "status": None,
                "content": [{"type": "input_text", "text": "hi", "audio": None}],
            },
        )
    )
    message = ClientMessage(role="user", content=[InputText("hi")])
    assert event == ConversationItemCreate(item=message)


def test_numbers_must_be_whole():
    fields = {"item_id": "a", "content_index": 0}
    event = parse(frame("conversation.item.truncate", audio_end_ms=5, **fields))
    assert event == ConversationItemTruncate(item_id="a", content_index=0, audio_end_ms=5)
    error = refused(frame("conversation.item.truncate", audio_end_ms=5.5, **fields))
    assert error.message == "Invalid value for 'audio_end_ms': expected integer, got number."


def test_the_session_of_an_update_is_kept_as_it_came():
    """Only the difference between null and absent says what to clear."""
    session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    assert parse(frame("session.update", session=session)) == SessionUpdate(session=session)
