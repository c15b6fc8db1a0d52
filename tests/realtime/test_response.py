from base64 import b64decode

import pytest

from tests.realtime.talk import Spoken, on_wire, say, types
from voice.realtime.config import SessionConfig
from voice.realtime.conversation import Conversation
from voice.realtime.items import FunctionCallItem, InputText, MessageItem, OutputAudio
from voice.realtime.response import ResponseStream, Usage

CONFIG = SessionConfig()
TEXT = SessionConfig(output_modalities=("text",))

OPEN = ["response.output_item.added", "conversation.item.added", "response.content_part.added"]
CLOSE_AUDIO = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
]
CLOSE_TEXT = [
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
]
SAID = ["response.output_audio_transcript.delta", "response.output_audio.delta"]


def new_conversation() -> Conversation:
    made = Conversation("conv_1")
    made.add(MessageItem("question", "user", [InputText("?")]))
    return made


def new_stream(config: SessionConfig = CONFIG, **fields: object) -> ResponseStream:
    """A response that the client has seen begin."""
    conversation = fields.pop("conversation", None) or new_conversation()
    stream = ResponseStream("resp_1", config, conversation, **fields)
    stream.created()
    return stream


def response_of(events: list[dict]) -> dict:
    return on_wire(events[-1])["response"]


# ---------------------------------------------------------------- the response itself


def test_a_response_begins_in_progress_and_empty():
    stream = ResponseStream("resp_1", CONFIG, Conversation("conv_1"), {"topic": "x"})
    (event,) = stream.created()
    assert on_wire(event) == {
        "type": "response.created",
        "response": {
            "object": "realtime.response",
            "id": "resp_1",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": "conv_1",
            "output_modalities": ["audio"],
            "max_output_tokens": "inf",
            "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}},
            "usage": None,
            "metadata": {"topic": "x"},
        },
    }


def test_a_response_is_created_once():
    assert new_stream().created() == []


def test_the_usage_holds_every_number():
    usage = Usage(input_text_tokens=7, input_audio_tokens=3, cached_text_tokens=2)
    done = response_of(new_stream().finish("completed", usage=usage))
    assert done["usage"] == {
        "total_tokens": 10,
        "input_tokens": 10,
        "output_tokens": 0,
        "input_token_details": {
            "text_tokens": 7,
            "audio_tokens": 3,
            "image_tokens": 0,
            "cached_tokens": 2,
            "cached_tokens_details": {"text_tokens": 2, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 0, "audio_tokens": 0},
    }
    assert response_of(new_stream().finish("completed"))["usage"]["total_tokens"] == 0


def test_the_metadata_is_in_both_ends_of_a_response():
    done = response_of(new_stream(metadata={"topic": "x"}).finish("completed"))
    assert done["metadata"] == {"topic": "x"}


@pytest.mark.parametrize(
    ("arguments", "details"),
    [
        (("completed",), None),
        (("cancelled", "turn_detected"), {"type": "cancelled", "reason": "turn_detected"}),
        (("cancelled", "client_cancelled"), {"type": "cancelled", "reason": "client_cancelled"}),
        (
            ("incomplete", "max_output_tokens"),
            {"type": "incomplete", "reason": "max_output_tokens"},
        ),
        (
            ("failed", None, {"type": "server_error", "code": "x", "message": "down"}),
            {
                "type": "failed",
                "error": {"type": "server_error", "code": "x", "message": "down"},
            },
        ),
    ],
)
def test_the_end_says_why(arguments, details):
    done = response_of(new_stream().finish(*arguments))
    assert (done["status"], done["status_details"]) == (arguments[0], details)


def test_timings_are_told_to_those_who_asked():
    timings = {"llm_ms": 5}
    asked = SessionConfig(include=("response.timings",))
    assert response_of(new_stream(asked).finish("completed", timings=timings))["timings"] == timings
    assert "timings" not in response_of(new_stream(asked).finish("completed"))
    assert "timings" not in response_of(new_stream().finish("completed", timings=timings))


def test_a_finished_response_is_silent():
    stream = new_stream()
    say(stream, "hi")
    assert types(stream.finish("completed"))[-1] == "response.done"
    assert stream.finished
    later = [
        stream.created(),
        stream.text("x"),
        stream.transcript("x"),
        stream.audio(b"xx"),
        stream.call_started("c", "f"),
        stream.call_arguments("{}"),
        stream.call_done(),
        stream.finish("cancelled"),
    ]
    assert later == [[]] * 8


def test_a_response_that_was_never_shown_ends_unseen():
    ended: list[ResponseStream] = []
    stream = ResponseStream("resp_1", CONFIG, new_conversation(), None, ended.append)
    assert stream.transcript("too early") == []
    assert stream.finish("cancelled") == []
    assert stream.created() == []
    assert ended == [stream]


def test_the_end_is_reported_once():
    ended: list[ResponseStream] = []
    stream = new_stream(on_finish=ended.append)
    stream.finish("completed")
    stream.finish("completed")
    assert ended == [stream]


# ---------------------------------------------------------------- speech


def test_speech_runs_from_the_item_to_the_end_in_one_order():
    stream = new_stream()
    events = [*say(stream, "Good day"), *stream.finish("completed")]
    assert types(events) == [*OPEN, *SAID, *SAID, *CLOSE_AUDIO, "response.done"]


def test_speech_may_begin_with_its_sound():
    assert types(new_stream().audio(bytes(2))) == [*OPEN, "response.output_audio.delta"]


def test_every_text_of_an_answer_is_the_sum_of_its_deltas():
    stream = new_stream()
    events = [
        on_wire(each) for each in [*say(stream, "Good day to you"), *stream.finish("completed")]
    ]
    by_type = {event["type"]: event for event in events}
    deltas = [e["delta"] for e in events if e["type"] == "response.output_audio_transcript.delta"]
    assert "".join(deltas) == "Good day to you"
    part = {"type": "audio", "transcript": "Good day to you"}
    content = [{"type": "output_audio", "transcript": "Good day to you"}]
    assert by_type["response.output_audio_transcript.done"]["transcript"] == "Good day to you"
    assert by_type["response.content_part.done"]["part"] == part
    assert by_type["response.output_item.done"]["item"]["content"] == content
    assert by_type["conversation.item.done"]["item"]["content"] == content
    assert by_type["response.done"]["response"]["output"][0]["content"] == content


def test_the_audio_of_an_answer_is_the_sum_of_its_deltas():
    stream = new_stream()
    events = [*stream.audio(b"\1\2"), *stream.audio(b"\3\4")]
    deltas = [each["delta"] for each in events if each["type"] == "response.output_audio.delta"]
    assert b"".join(b64decode(delta) for delta in deltas) == b"\1\2\3\4"


def test_long_audio_is_sent_in_frames_that_every_client_takes():
    pcm = bytes(range(250)) * 8000
    events = new_stream().audio(pcm)
    deltas = [each["delta"] for each in events if each["type"] == "response.output_audio.delta"]
    pieces = [b64decode(delta) for delta in deltas]
    assert b"".join(pieces) == pcm
    assert all(len(delta) < 2**20 - 1000 for delta in deltas)
    assert all(len(piece) % 2 == 0 for piece in pieces)


def test_the_item_is_announced_empty_and_after_the_one_before_it():
    added, in_conversation, part, _ = (on_wire(each) for each in new_stream().transcript("Hi"))
    item_id = added["item"]["id"]
    item = {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    assert added == {
        "type": "response.output_item.added",
        "response_id": "resp_1",
        "output_index": 0,
        "item": item,
    }
    assert in_conversation == {
        "type": "conversation.item.added",
        "previous_item_id": "question",
        "item": item,
    }
    assert part == {
        "type": "response.content_part.added",
        "response_id": "resp_1",
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
        "part": {"type": "audio", "transcript": ""},
    }


def test_every_delta_says_where_it_belongs():
    stream = new_stream()
    stream.transcript("a")
    (delta,) = stream.transcript("b")
    assert delta == {
        "type": "response.output_audio_transcript.delta",
        "response_id": "resp_1",
        "item_id": stream.current_item.id,
        "output_index": 0,
        "content_index": 0,
        "delta": "b",
    }
    (audio,) = stream.audio(b"\0\0")
    assert audio == {**delta, "type": "response.output_audio.delta", "delta": "AAA="}


def test_empty_pieces_open_nothing():
    stream = new_stream()
    nothing = [
        stream.text(""),
        stream.transcript(""),
        stream.audio(b""),
        stream.call_arguments("x"),
    ]
    assert nothing == [[]] * 4
    assert stream.call_done() == []
    assert stream.current_item is None


def test_the_open_item_is_at_hand_for_its_timeline():
    stream = new_stream()
    stream.transcript("Hi")
    item = stream.current_item
    assert isinstance(item.content[0], OutputAudio)
    assert (item.role, item.status) == ("assistant", "in_progress")
    stream.finish("completed")
    assert stream.current_item is item
    assert item.status == "completed"


def test_audio_is_remembered():
    stream = new_stream()
    stream.transcript("Hi")
    assert not stream.audio_sent
    stream.audio(b"\0\0")
    assert stream.audio_sent


# ---------------------------------------------------------------- being interrupted


def test_a_cancelled_answer_is_closed_as_incomplete():
    stream = new_stream()
    say(stream, "Good")
    events = stream.finish("cancelled", "turn_detected")
    assert types(events) == [*CLOSE_AUDIO, "response.done"]
    by_type = {event["type"]: on_wire(event) for event in events}
    assert by_type["response.output_item.done"]["item"]["status"] == "incomplete"
    assert by_type["conversation.item.done"]["item"]["status"] == "incomplete"
    output = by_type["response.done"]["response"]["output"]
    assert [item["status"] for item in output] == ["incomplete"]


def test_a_response_cancelled_before_its_first_item_has_no_output():
    events = new_stream().finish("cancelled", "client_cancelled")
    assert types(events) == ["response.done"]
    assert response_of(events)["output"] == []


@pytest.mark.parametrize("status", ["failed", "incomplete"])
def test_whatever_breaks_a_response_off_leaves_its_item_incomplete(status):
    stream = new_stream()
    say(stream, "Good")
    assert response_of(stream.finish(status))["output"][0]["status"] == "incomplete"


def test_a_truncation_cuts_the_conversation_and_not_what_was_sent():
    """The close-out repeats the deltas; the conversation holds what was heard."""
    conversation = new_conversation()
    stream = new_stream(conversation=conversation)
    say(stream, "one two three")
    item = stream.current_item
    item.content[0].timeline = Spoken("one two three")
    conversation.truncate(item.id, 0, 200)
    say(stream, "four")
    events = stream.finish("cancelled", "turn_detected")
    assert events[1]["transcript"] == "one two threefour"
    sent = [{"type": "output_audio", "transcript": "one two threefour"}]
    assert response_of(events)["output"][0]["content"] == sent
    assert item.to_wire()["content"] == [{"type": "output_audio", "transcript": "one two"}]


def test_an_item_that_the_client_deleted_ends_outside_the_conversation():
    conversation = new_conversation()
    stream = new_stream(conversation=conversation)
    say(stream, "one")
    conversation.delete(stream.current_item.id)
    assert types(stream.finish("completed")) == [*CLOSE_AUDIO[:-1], "response.done"]


# ---------------------------------------------------------------- text


def test_text_runs_from_the_item_to_the_end_in_one_order():
    stream = new_stream(TEXT)
    events = [*stream.text("Good "), *stream.text("day"), *stream.finish("completed")]
    delta = "response.output_text.delta"
    assert types(events) == [*OPEN, delta, delta, *CLOSE_TEXT, "response.done"]
    by_type = {event["type"]: on_wire(event) for event in events}
    assert by_type["response.content_part.added"]["part"] == {"type": "text", "text": ""}
    assert by_type["response.output_text.done"]["text"] == "Good day"
    assert by_type["response.content_part.done"]["part"] == {"type": "text", "text": "Good day"}
    response = by_type["response.done"]["response"]
    assert response["output_modalities"] == ["text"]
    assert response["output"][0]["content"] == [{"type": "output_text", "text": "Good day"}]
    assert stream.current_item.content[0].text == "Good day"


# ---------------------------------------------------------------- function calls


def call(stream: ResponseStream, call_id: str = "call_1") -> list[dict]:
    events = stream.call_started(call_id, "weather")
    events += stream.call_arguments('{"city":')
    events += stream.call_arguments('"Bonn"}')
    return events + stream.call_done()


CALL = [
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "conversation.item.done",
]


def test_a_call_runs_from_the_item_to_the_end_in_one_order():
    stream = new_stream()
    events = [*call(stream), *stream.finish("completed")]
    assert types(events) == [*CALL, "response.done"]
    added, _, delta, _, done, item_done, *_ = (on_wire(each) for each in events)
    item_id = added["item"]["id"]
    item = {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call",
        "status": "in_progress",
        "call_id": "call_1",
        "name": "weather",
        "arguments": "",
    }
    place = {"response_id": "resp_1", "item_id": item_id, "output_index": 0, "call_id": "call_1"}
    assert added["item"] == item
    assert delta == {
        "type": "response.function_call_arguments.delta",
        **place,
        "delta": '{"city":',
    }
    assert done == {
        "type": "response.function_call_arguments.done",
        **place,
        "name": "weather",
        "arguments": '{"city":"Bonn"}',
    }
    finished = {**item, "status": "completed", "arguments": '{"city":"Bonn"}'}
    assert item_done["item"] == finished
    assert response_of(events)["output"] == [finished]


def test_a_call_closes_the_message_before_it():
    stream = new_stream()
    said = say(stream, "Let me see.")
    events = call(stream)
    assert types(events) == [*CLOSE_AUDIO, *CALL]
    assert events[3]["item"]["status"] == "completed"
    assert events[5]["output_index"] == 1
    assert events[6]["previous_item_id"] == said[0]["item"]["id"]


def test_several_calls_have_rising_indexes_and_follow_each_other():
    stream = new_stream()
    events = [*call(stream, "call_1"), *call(stream, "call_2"), *stream.finish("completed")]
    added = [each for each in events if each["type"] == "response.output_item.added"]
    assert [each["output_index"] for each in added] == [0, 1]
    previous = [e["previous_item_id"] for e in events if e["type"] == "conversation.item.added"]
    assert previous == ["question", added[0]["item"]["id"]]
    calls = [item["call_id"] for item in response_of(events)["output"]]
    assert calls == ["call_1", "call_2"]


def test_a_call_that_starts_ends_the_call_before_it():
    stream = new_stream()
    stream.call_started("call_1", "f")
    events = stream.call_started("call_2", "g")
    assert types(events) == [*CALL[-3:], *CALL[:2]]
    assert events[0]["arguments"] == ""


def test_speech_after_a_call_is_a_new_item():
    stream = new_stream()
    call(stream)
    events = stream.transcript("There.")
    assert types(events)[:3] == OPEN
    assert events[0]["output_index"] == 1


def test_a_call_that_was_broken_off_is_never_announced_as_ready():
    """Clients run a function as soon as its arguments are done."""
    stream = new_stream()
    stream.call_started("call_1", "weather")
    stream.call_arguments('{"ci')
    events = stream.finish("cancelled", "turn_detected")
    assert types(events) == [
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert events[0]["item"]["status"] == "incomplete"
    assert stream.call_done() == []


def test_calls_enter_the_conversation():
    conversation = new_conversation()
    stream = new_stream(conversation=conversation)
    call(stream)
    last = list(conversation)[-1]
    assert last == FunctionCallItem(last.id, "call_1", "weather", '{"city":"Bonn"}')


# ---------------------------------------------------------------- out of band


def test_a_response_out_of_band_leaves_the_conversation_alone():
    stream = ResponseStream("resp_1", CONFIG, None)
    events = [
        *stream.created(),
        *say(stream, "Hi"),
        *call(stream),
        *stream.finish("completed"),
    ]
    assert not [kind for kind in types(events) if kind.startswith("conversation.")]
    ends = (on_wire(events[0]), on_wire(events[-1]))
    assert [end["response"]["conversation_id"] for end in ends] == [None, None]
    assert len(response_of(events)["output"]) == 2
