from base64 import b64encode

import msgspec
import pytest

from tests.realtime.talk import (
    VOICES,
    Token,
    invalid,
    new_state,
    on_wire,
    refusal,
    say,
    send,
    types,
    user_text,
)
from voice.realtime.commands import (
    AppendAudio,
    CancelResponse,
    ClearAudio,
    ClearOutput,
    CommitAudio,
    CreateResponse,
    Reconfigured,
)
from voice.realtime.config import ResponseParams, SessionConfig
from voice.realtime.errors import WireError
from voice.realtime.events import encode
from voice.realtime.items import FunctionCallItem, InputAudio, MessageItem
from voice.realtime.state import RealtimeState
from voice.realtime.validation import convert

WHISPER = {"input": {"transcription": {"model": "whisper-1"}}}


def params(**fields: object) -> ResponseParams:
    return convert(fields, ResponseParams, "response")


def ids(state: RealtimeState) -> list[str]:
    return [item.id for item in state.conversation]


# ---------------------------------------------------------------- the session


def test_the_first_event_shows_the_session():
    config = SessionConfig(model="m")
    state = RealtimeState("sess_9", config, VOICES, "conv_1", expires_at=77)
    (event,) = state.opening()
    assert event == {"type": "session.created", "session": config.to_wire("sess_9", 77)}
    assert event["session"]["object"] == "realtime.session"


def test_an_update_is_answered_once_with_the_whole_session():
    state = new_state()
    old = state.config
    command, event = send(state, "session.update", session={"type": "realtime", "tracing": "auto"})
    assert command == Reconfigured(old)
    assert event["type"] == "session.updated"
    assert event["session"] == state.config.to_wire("sess_1")
    assert (event["session"]["tracing"], event["session"]["instructions"]) == ("auto", "Be kind.")


def test_a_refused_update_changes_nothing_and_names_its_event():
    state = new_state()
    old = state.config
    update = {"type": "realtime", "instructions": "new", "audio": {"output": {"voice": "hal"}}}
    with pytest.raises(WireError) as caught:
        send(state, "session.update", event_id="mine", session=update)
    assert state.config is old
    assert caught.value.to_event()["error"] == {
        **invalid(
            "Invalid value: 'hal'. Supported values are: 'alloy', 'ash' and 'marin'.",
            "session.audio.output.voice",
        ),
        "event_id": "mine",
    }


def test_the_voice_is_free_until_it_was_heard():
    state = new_state()
    voice = {"type": "realtime", "audio": {"output": {"voice": "ash"}}}
    stream = state.start_response()
    stream.created()
    stream.transcript("Hi")
    assert not state.voice_locked
    send(state, "session.update", session=voice)
    assert state.config.audio.output.voice == "ash"


@pytest.mark.parametrize("finished", [True, False])
def test_another_voice_after_the_first_sound_is_refused(finished):
    state = new_state()
    stream = state.start_response()
    stream.created()
    stream.audio(b"\0\0")
    if finished:
        stream.finish("completed")
    assert state.voice_locked
    locked = {
        "type": "invalid_request_error",
        "code": "cannot_update_voice",
        "message": "Cannot update a conversation's voice if assistant audio is present.",
    }
    other = {"output": {"voice": "ash"}}
    session = {"type": "realtime", "instructions": "new", "audio": other}
    error = refusal(state, "session.update", session=session)
    assert error == {**locked, "param": "session.audio.output.voice"}
    assert state.config.instructions == "Be kind."
    same = {"type": "realtime", "instructions": "new", "audio": {"output": {"voice": "alloy"}}}
    assert types(send(state, "session.update", session=same))[-1] == "session.updated"
    asked = {"audio": other, "conversation": "none"}
    error = refusal(state, "response.create", response=asked)
    assert error == {**locked, "param": "response.audio.output.voice"}


def test_sound_out_of_band_settles_the_voice_too():
    state = new_state()
    stream = state.start_response(params(conversation="none"))
    stream.created()
    stream.audio(b"\0\0")
    assert state.voice_locked


# ---------------------------------------------------------------- audio in and out


def test_what_only_the_session_can_do_is_asked_of_it():
    state = new_state()
    audio = b64encode(b"\1\2\3").decode()
    assert send(state, "input_audio_buffer.append", audio=audio) == [AppendAudio(b"\1\2\3")]
    assert send(state, "input_audio_buffer.commit") == [CommitAudio()]
    assert send(state, "input_audio_buffer.clear") == [ClearAudio()]
    assert send(state, "output_audio_buffer.clear") == [ClearOutput()]


def test_a_voice_turn_has_one_item():
    state = new_state()
    events = [
        *state.speech_started("item_u", 320),
        *state.speech_stopped("item_u", 1800),
        *state.committed("item_u", b"\1\2"),
    ]
    item = {
        "id": "item_u",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    assert [on_wire(each) for each in events] == [
        {
            "type": "input_audio_buffer.speech_started",
            "item_id": "item_u",
            "audio_start_ms": 320,
        },
        {"type": "input_audio_buffer.speech_stopped", "item_id": "item_u", "audio_end_ms": 1800},
        {
            "type": "input_audio_buffer.committed",
            "item_id": "item_u",
            "previous_item_id": None,
        },
        {"type": "conversation.item.added", "previous_item_id": None, "item": item},
        {"type": "conversation.item.done", "previous_item_id": None, "item": item},
    ]
    assert state.conversation.get("item_u").content == [InputAudio(b"\1\2")]


def test_a_turn_follows_the_item_before_it():
    state = new_state()
    send(state, "conversation.item.create", item=user_text("hi", "a"))
    events = state.committed("b", None)
    assert [each["previous_item_id"] for each in events] == ["a", "a", "a"]


def test_an_announced_id_cannot_be_taken_by_the_client():
    state = new_state()
    state.speech_started("item_u", 0)
    error = refusal(state, "conversation.item.create", item=user_text("mine", "item_u"))
    assert error["code"] == "item_create_duplicate_item_id"
    state.committed("item_u", None)
    error = refusal(state, "conversation.item.create", item=user_text("mine", "item_u"))
    assert error["code"] == "item_create_duplicate_item_id"


def test_cleared_audio_frees_its_id():
    state = new_state()
    state.speech_started("item_u", 0)
    assert state.cleared() == [{"type": "input_audio_buffer.cleared"}]
    assert ids(state) == []
    send(state, "conversation.item.create", item=user_text("mine", "item_u"))
    assert ids(state) == ["item_u"]


def test_an_idle_timeout_names_the_silence():
    assert new_state().timeout_triggered("item_u", 1000, 6000) == [
        {
            "type": "input_audio_buffer.timeout_triggered",
            "item_id": "item_u",
            "audio_start_ms": 1000,
            "audio_end_ms": 6000,
        }
    ]


@pytest.mark.parametrize("happening", ["started", "stopped", "cleared"])
def test_speech_that_the_server_plays_names_its_response(happening):
    assert new_state().output_audio_buffer(happening, "resp_1") == [
        {"type": f"output_audio_buffer.{happening}", "response_id": "resp_1"}
    ]


# ---------------------------------------------------------------- transcription


def test_a_transcript_is_told_to_those_who_asked():
    state = new_state(audio=WHISPER)
    state.committed("item_u", None)
    events = [
        *state.transcription_delta("item_u", "Good "),
        *state.transcription_delta("item_u", "day"),
        *state.transcription_completed("item_u", "Good day", 1.5),
    ]
    prefix = "conversation.item.input_audio_transcription"
    place = {"item_id": "item_u", "content_index": 0}
    assert events == [
        {"type": f"{prefix}.delta", **place, "delta": "Good "},
        {"type": f"{prefix}.delta", **place, "delta": "day"},
        {
            "type": f"{prefix}.completed",
            **place,
            "transcript": "Good day",
            "usage": {"type": "duration", "seconds": 1.5},
        },
    ]


def test_a_transcript_is_kept_for_the_model_in_any_case():
    state = new_state()
    state.committed("item_u", None)
    nothing = [
        state.transcription_delta("item_u", "Good"),
        state.transcription_completed("item_u", "Good day", 1.0),
        state.transcription_failed("item_u", "No.", "x"),
    ]
    assert nothing == [[], [], []]
    (item,) = state.context()
    assert item.content[0].transcript == "Good day"
    state.set_transcript("item_u", "Good night")
    assert item.content[0].transcript == "Good night"


def test_an_empty_delta_is_not_sent():
    assert new_state(audio=WHISPER).transcription_delta("item_u", "") == []


def test_probabilities_are_told_to_those_who_asked():
    tokens = [Token("Grüße", -0.25)]
    included = ["item.input_audio_transcription.logprobs"]
    asked = new_state(audio=WHISPER, include=included)
    wire = [{"token": "Grüße", "bytes": [71, 114, 195, 188, 195, 159, 101], "logprob": -0.25}]
    assert asked.transcription_delta("u", "Grüße", tokens)[0]["logprobs"] == wire
    assert asked.transcription_completed("u", "Grüße", 1, tokens)[0]["logprobs"] == wire
    assert "logprobs" not in asked.transcription_completed("u", "Grüße", 1)[0]
    silent = new_state(audio=WHISPER)
    assert "logprobs" not in silent.transcription_delta("u", "Grüße", tokens)[0]
    assert "logprobs" not in silent.transcription_completed("u", "Grüße", 1, tokens)[0]


def test_a_failed_transcription_says_why():
    (event,) = new_state(audio=WHISPER).transcription_failed("item_u", "It broke.", "engine_error")
    assert event == {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": "item_u",
        "content_index": 0,
        "error": {
            "type": "transcription_error",
            "code": "engine_error",
            "message": "It broke.",
        },
    }


def test_a_failed_transcription_without_a_code_has_no_null():
    (event,) = new_state(audio=WHISPER).transcription_failed("item_u", "It broke.")
    assert event["error"] == {"type": "transcription_error", "message": "It broke."}


def test_a_transcript_may_come_after_its_item_was_deleted():
    state = new_state(audio=WHISPER)
    state.committed("item_u", None)
    send(state, "conversation.item.delete", item_id="item_u")
    assert len(state.transcription_completed("item_u", "Good day", 1)) == 1
    assert ids(state) == []


# ---------------------------------------------------------------- responses


def test_a_response_is_asked_of_the_session():
    state = new_state()
    (command,) = send(
        state, "response.create", event_id="e1", response={"metadata": {"client_event_id": "x"}}
    )
    assert command == CreateResponse(params(metadata={"client_event_id": "x"}), "e1")
    assert send(state, "response.create") == [CreateResponse(ResponseParams(), None)]
    stream = state.start_response(command.params)
    assert state.active is stream
    assert stream.created()[0]["response"]["metadata"] == {"client_event_id": "x"}


def test_a_response_takes_the_configuration_that_was_asked_for_it():
    state = new_state()
    asked = {"instructions": "Be brief.", "output_modalities": ["text"], "max_output_tokens": 16}
    (command,) = send(state, "response.create", response=asked)
    stream = state.start_response(command.params)
    assert (stream.config.instructions, stream.config.max_output_tokens) == ("Be brief.", 16)
    assert state.config.instructions == "Be kind."


def test_one_response_at_a_time():
    state = new_state()
    stream = state.start_response(response_id="resp_X")
    busy = invalid(
        "Conversation already has an active response in progress: resp_X. "
        "Wait until the response is finished before creating a new one.",
        None,
        "conversation_already_has_active_response",
    )
    assert refusal(state, "response.create") == busy
    with pytest.raises(WireError):
        state.start_response()
    assert state.active is stream
    stream.finish("completed")
    assert state.active is None
    assert types(send(state, "response.create")) == ["CreateResponse"]


def test_responses_out_of_band_run_beside_the_active_one():
    state = new_state()
    active = state.start_response()
    (command,) = send(state, "response.create", response={"conversation": "none"})
    first, second = state.start_response(command.params), state.start_response(command.params)
    assert state.active is active
    assert state.out_of_band == {first.id: first, second.id: second}
    first.finish("completed")
    active.finish("completed")
    assert state.out_of_band == {second.id: second}
    assert state.active is None


def test_cancelling_names_the_response():
    state = new_state()
    active = state.start_response()
    beside = state.start_response(params(conversation="none"))
    assert send(state, "response.cancel") == [CancelResponse(active.id)]
    for stream in (active, beside):
        cancelled = send(state, "response.cancel", response_id=stream.id)
        assert cancelled == [CancelResponse(stream.id)]


def test_cancelling_nothing_is_an_error_that_clients_know():
    state = new_state()
    nothing = invalid(
        "Cancellation failed: no active response found", None, "response_cancel_not_active"
    )
    assert refusal(state, "response.cancel") == nothing
    stream = state.start_response()
    assert refusal(state, "response.cancel", response_id="resp_other") == nothing
    stream.finish("completed")
    assert refusal(state, "response.cancel", response_id=stream.id) == nothing
    state.start_response(params(conversation="none"))
    assert refusal(state, "response.cancel") == nothing


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"output_modalities": ["audio", "text"]}, "response.output_modalities"),
        ({"audio": {"output": {"voice": "hal"}}}, "response.audio.output.voice"),
        ({"input": [{"type": "item_reference", "id": "ghost"}]}, "response.input[0].id"),
        ({"temperature": 0.8}, "response.temperature"),
    ],
)
def test_a_response_that_cannot_be_is_refused_before_it_begins(asked, param):
    state = new_state()
    assert refusal(state, "response.create", response=asked)["param"] == param
    assert state.active is None


def test_the_model_sees_the_conversation_or_what_it_is_given():
    state = new_state()
    for item_id in "abc":
        send(state, "conversation.item.create", item=user_text(item_id, item_id))
    assert [item.id for item in state.context()] == ["a", "b", "c"]
    assert [item.id for item in state.context(params())] == ["a", "b", "c"]
    assert state.context(params(input=[])) == []
    asked = [{"type": "item_reference", "id": "c"}, user_text("new", "n")]
    assert [item.id for item in state.context(params(input=asked))] == ["c", "n"]
    assert ids(state) == ["a", "b", "c"]


def test_a_reference_to_what_is_not_there_is_refused():
    state = new_state()
    asked = {"input": [user_text("x"), {"type": "item_reference", "id": "ghost"}]}
    assert refusal(state, "response.create", response=asked) == invalid(
        "Invalid value for 'response.input[1].id': the item with id 'ghost' does not exist.",
        "response.input[1].id",
    )


def test_the_model_does_not_see_calls_that_were_broken_off():
    state = new_state()
    stream = state.start_response()
    stream.created()
    stream.call_started("call_1", "f")
    stream.call_done()
    stream.call_started("call_2", "g")
    stream.finish("cancelled", "turn_detected")
    assert len(ids(state)) == 2
    (call,) = state.context()
    assert isinstance(call, FunctionCallItem)
    assert call.call_id == "call_1"


def test_an_answer_is_part_of_the_next_context():
    state = new_state()
    stream = state.start_response()
    stream.created()
    say(stream, "Good day")
    stream.finish("completed")
    (item,) = state.context()
    assert isinstance(item, MessageItem)
    assert (item.role, item.content[0].transcript) == ("assistant", "Good day")


# ---------------------------------------------------------------- transcription sessions


def listening() -> RealtimeState:
    config = SessionConfig(type="transcription").updated(
        {"type": "transcription", "audio": WHISPER}
    )
    return RealtimeState("sess_1", config, VOICES, "conv_1")


def test_a_transcription_session_hears_and_does_not_answer():
    state = listening()
    assert state.opening()[0]["session"]["type"] == "transcription"
    assert types(state.committed("u", None))[0] == "input_audio_buffer.committed"
    assert len(state.transcription_completed("u", "Good day", 1)) == 1
    error = refusal(state, "response.create")
    assert error == invalid("A transcription session cannot create responses.", "type")


def test_each_kind_of_session_refuses_the_updates_of_the_other():
    assert refusal(listening(), "session.update", session={"type": "realtime"}) == invalid(
        "Passing a realtime session update event to a transcription session is not allowed.",
        "session.type",
    )
    assert refusal(new_state(), "session.update", session={"type": "transcription"}) == invalid(
        "Passing a transcription session update event to a realtime session is not allowed.",
        "session.type",
    )


def test_every_event_can_be_sent():
    """Commands stay inside; everything else is JSON."""
    state = new_state(audio=WHISPER, tools=[{"type": "function", "name": "f"}])
    stream = state.start_response(params(metadata={"a": "b"}))
    events = [
        *state.opening(),
        *state.committed("u", b"\0\0"),
        *state.transcription_completed("u", "x", 1, [Token("x", 0)]),
        *stream.created(),
        *say(stream, "Hi"),
        *stream.finish("failed", None, {"type": "server_error", "code": None, "message": "x"}),
    ]
    for event in events:
        decoded = msgspec.json.decode(encode(event))
        assert decoded.pop("event_id").startswith("event_")
        assert decoded == on_wire(event)
