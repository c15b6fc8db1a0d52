"""What the stock clients cannot bear, checked on every event of a long session."""

from collections.abc import Iterator

import msgspec
import pytest

from tests.realtime.talk import eventful_session, new_state, on_wire, send, user_text
from voice.realtime.events import encode

EVENTS = [on_wire(event) for event in eventful_session()]

SENT = {
    "session.created",
    "session.updated",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.retrieved",
    "conversation.item.deleted",
    "conversation.item.truncated",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "input_audio_buffer.timeout_triggered",
    "output_audio_buffer.started",
    "output_audio_buffer.cleared",
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "error",
}


def of_type(kind: str) -> list[dict]:
    found = [event for event in EVENTS if event["type"] == kind]
    assert found, f"the session sent no {kind}"
    return found


def items() -> list[dict]:
    """Every item that was sent, wherever it stood."""
    single = [event["item"] for event in EVENTS if "item" in event]
    listed = [item for event in of_type("response.done") for item in event["response"]["output"]]
    return single + listed


def values(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every leaf of a decoded event with the names that lead to it."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from values(inner, f"{path}.{key}")
        case list():
            for inner in value:
                yield from values(inner, path)
        case _:
            yield path, value


def test_the_session_sent_every_kind_of_event_and_no_other():
    """An unknown type is an error to some clients."""
    assert {event["type"] for event in EVENTS} == SENT


def test_every_event_has_an_id_of_its_own():
    frames = [msgspec.json.decode(encode(event)) for event in EVENTS]
    assert len({frame["event_id"] for frame in frames}) == len(EVENTS)


def test_items_hold_no_null_but_the_transcript_of_what_the_user_said():
    nulls = {path for item in items() for path, value in values(item) if value is None}
    assert nulls == {".content.transcript"}


def test_what_the_user_said_always_has_a_transcript():
    parts = [
        part
        for item in items()
        for part in item.get("content", [])
        if part["type"] == "input_audio"
    ]
    assert len(parts) > 2
    assert all("transcript" in part for part in parts)


def test_items_are_messages_calls_and_outputs():
    assert {item["type"] for item in items()} == {
        "message",
        "function_call",
        "function_call_output",
    }


def test_calls_always_have_their_arguments():
    calls = [item for item in items() if item["type"] == "function_call"]
    assert all(isinstance(call["arguments"], str) for call in calls)
    assert any(call["arguments"] == "" for call in calls)
    assert all(len(call["call_id"]) <= 32 for call in calls)


def test_the_assistant_says_output_text_and_output_audio():
    kinds = {
        part["type"]
        for item in items()
        if item.get("role") == "assistant"
        for part in item["content"]
    }
    assert kinds == {"output_text", "output_audio"}


@pytest.mark.parametrize("kind", ["response.content_part.added", "response.content_part.done"])
def test_parts_are_called_audio_and_text_and_hold_no_null(kind):
    parts = [event["part"] for event in of_type(kind)]
    assert {part["type"] for part in parts} == {"audio", "text"}
    assert all(part.keys() <= {"type", "transcript", "text"} for part in parts)
    assert all(None not in part.values() for part in parts)


def test_a_finished_call_names_its_function():
    assert of_type("response.function_call_arguments.done")[0]["name"] == "weather"


def test_a_finished_transcription_says_what_it_used():
    for event in of_type("conversation.item.input_audio_transcription.completed"):
        assert event["usage"] == {"type": "duration", "seconds": 1.4}


@pytest.mark.parametrize("happening", ["delta", "completed", "failed"])
def test_transcriptions_always_have_a_content_index(happening):
    for event in of_type(f"conversation.item.input_audio_transcription.{happening}"):
        assert event["content_index"] == 0


def test_milliseconds_are_whole_numbers():
    times = [value for event in EVENTS for name, value in event.items() if name.endswith("_ms")]
    assert len(times) == 5
    assert all(type(each) is int for each in times)


def test_the_servers_own_playback_names_its_response():
    events = of_type("output_audio_buffer.started") + of_type("output_audio_buffer.cleared")
    assert all(event["response_id"].startswith("resp_") for event in events)


def test_the_session_shows_of_the_transcription_what_was_set():
    for event in of_type("session.updated"):
        audio = event["session"]["audio"]
        assert audio["input"]["transcription"] == {"model": "whisper-1", "language": "en"}


def test_the_session_shows_a_voice_by_name_and_pcm_at_its_only_rate():
    state = new_state()
    session = {"type": "realtime", "audio": {"output": {"voice": {"id": "ash"}}}}
    event = on_wire(send(state, "session.update", session=session)[-1])
    assert event["session"]["audio"]["output"]["voice"] == "ash"
    rates = {value for path, value in values(event) if path.endswith(".rate")}
    assert rates == {24000}


def test_the_usage_is_made_of_whole_numbers():
    for event in of_type("response.done"):
        numbers = [value for _, value in values(event["response"]["usage"])]
        assert len(numbers) == 12
        assert all(type(number) is int for number in numbers)


def test_media_leave_the_server_only_when_they_are_retrieved():
    def media(kind: str) -> list[str]:
        return [
            name
            for event in of_type(kind)
            for part in event["item"].get("content", [])
            for name in ("audio", "image_url")
            if name in part
        ]

    assert sorted(set(media("conversation.item.retrieved"))) == ["audio", "image_url"]
    for kind in ("conversation.item.added", "conversation.item.done", "response.output_item.done"):
        assert media(kind) == []


def test_every_status_is_one_of_the_wires():
    assert {item["status"] for item in items()} == {"in_progress", "completed", "incomplete"}
    statuses = [event["response"]["status"] for event in of_type("response.done")]
    assert statuses == ["cancelled", "failed", "incomplete"]


def test_a_replayed_history_keeps_its_order_and_its_ids():
    """A client that reconnects sends hundreds of items, each after the last."""
    state = new_state()
    previous = "root"
    for number in range(500):
        item_id = f"{number:032x}"
        added, done = send(
            state,
            "conversation.item.create",
            item=user_text("hi", item_id),
            previous_item_id=previous,
        )
        assert added["item"] == done["item"]
        assert added["item"]["id"] == item_id
        assert added["previous_item_id"] == (None if previous == "root" else previous)
        previous = item_id
