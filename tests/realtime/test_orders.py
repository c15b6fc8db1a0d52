"""The orders of events that clients rely on, one test for each."""

from tests.realtime.talk import new_state, refusal, say, send, types, user_text
from voice.realtime.commands import CommitAudio, CreateResponse
from voice.realtime.config import SessionConfig
from voice.realtime.events import Event
from voice.realtime.state import RealtimeState

WHISPER = {"input": {"transcription": {"model": "whisper-1"}}}

LISTENED = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
BEGUN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
SAID = ["response.output_audio_transcript.delta", "response.output_audio.delta"]
CLOSED = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


def listen(state: RealtimeState, item_id: str = "item_u") -> list[Event]:
    return [
        *state.speech_started(item_id, 100),
        *state.speech_stopped(item_id, 900),
        *state.committed(item_id, bytes(960)),
    ]


def test_a_voice_turn():
    """Order A: the turn, its transcript, the response, with one item for each side."""
    state = new_state(audio=WHISPER)
    events = [*listen(state), *state.transcription_completed("item_u", "Good day", 0.8)]
    stream = state.start_response()
    events += [*stream.created(), *say(stream, "And you"), *stream.finish("completed")]
    assert types(events) == [*LISTENED, TRANSCRIBED, *BEGUN, *SAID, *SAID, *CLOSED]
    assert {event.get("item_id", event.get("item", {}).get("id")) for event in events[:6]} == {
        "item_u"
    }
    assistant = events[7]["item"]["id"]
    assert events[8]["previous_item_id"] == "item_u"
    assert events[-2]["item"]["id"] == assistant
    assert events[-1]["response"]["status"] == "completed"


def test_a_transcript_that_comes_late():
    """Order A: the transcript may arrive after the response."""
    state = new_state(audio=WHISPER)
    listen(state)
    stream = state.start_response()
    stream.created()
    stream.finish("completed")
    assert types(state.transcription_completed("item_u", "Good day", 0.8)) == [TRANSCRIBED]


def test_an_interrupted_answer():
    """Order C: the close-out follows the new speech, and then nothing of the old response."""
    state = new_state()
    stream = state.start_response()
    stream.created()
    say(stream, "I was about to")
    item_id = stream.current_item.id
    events = [*state.speech_started("item_v", 5000), *stream.finish("cancelled", "turn_detected")]
    assert types(events) == ["input_audio_buffer.speech_started", *CLOSED]
    assert stream.audio(bytes(960)) == []
    details = events[-1]["response"]["status_details"]
    assert details == {"type": "cancelled", "reason": "turn_detected"}
    fields = {"item_id": item_id, "content_index": 0, "audio_end_ms": 100}
    answer = send(state, "conversation.item.truncate", **fields)
    assert types(answer) == ["conversation.item.truncated"]


def test_a_response_interrupted_before_its_first_item():
    """Order C: there is nothing to close but the response."""
    state = new_state()
    stream = state.start_response()
    events = [*stream.created(), *stream.finish("cancelled", "turn_detected")]
    assert types(events) == ["response.created", "response.done"]


def test_speech_that_the_server_plays():
    """Order D: playback starts after the part is known and stops after the response."""
    state = new_state()
    stream = state.start_response()
    events = [
        *stream.created(),
        *stream.transcript("Hi"),
        *state.output_audio_buffer("started", stream.id),
        *stream.finish("completed"),
        *state.output_audio_buffer("stopped", stream.id),
    ]
    assert types(events) == [
        *BEGUN,
        SAID[0],
        "output_audio_buffer.started",
        *CLOSED,
        "output_audio_buffer.stopped",
    ]
    cleared = [
        *state.output_audio_buffer("cleared", stream.id),
        *state.truncated(stream.current_item.id, 0, 100),
    ]
    assert types(cleared) == ["output_audio_buffer.cleared", "conversation.item.truncated"]


def test_a_turn_committed_by_hand():
    """Order E: the commit makes an item, and no response."""
    state = new_state(audio={"input": {"turn_detection": None}})
    assert send(state, "input_audio_buffer.commit") == [CommitAudio()]
    assert types(state.committed("item_u", bytes(9600))) == LISTENED[2:]
    assert state.active is None
    (command,) = send(state, "response.create")
    assert isinstance(command, CreateResponse)
    stream = state.start_response(command.params)
    assert types(stream.created()) == ["response.created"]


def test_a_function_call_and_its_output():
    """Order F: the call is known to the conversation before its arguments are done."""
    state = new_state()
    stream = state.start_response()
    events = [
        *stream.created(),
        *stream.call_started("call_1", "weather"),
        *stream.call_arguments("{}"),
        *stream.call_done(),
        *stream.finish("completed"),
    ]
    assert types(events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert events[-1]["response"]["output"][0]["call_id"] == "call_1"
    output = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    added, _ = send(state, "conversation.item.create", item=output)
    assert added["previous_item_id"] == events[1]["item"]["id"]
    assert types(send(state, "response.create")) == ["CreateResponse"]
    assert [item.call_id for item in state.context()] == ["call_1", "call_1"]


def test_a_written_answer():
    """Order G: text has no audio events."""
    state = new_state(output_modalities=["text"])
    stream = state.start_response()
    events = [*stream.created(), *stream.text("Good day"), *stream.finish("completed")]
    assert types(events) == [
        *BEGUN,
        "response.output_text.delta",
        "response.output_text.done",
        *CLOSED[2:],
    ]


def test_a_silence_that_is_answered():
    """Order H: the timeout commits the silence and a response follows."""
    state = new_state()
    events = [*state.timeout_triggered("item_t", 1000, 6000), *state.committed("item_t", None)]
    stream = state.start_response()
    events += [*stream.created(), *say(stream, "Hello?"), *stream.finish("completed")]
    assert types(events) == [
        "input_audio_buffer.timeout_triggered",
        *LISTENED[2:],
        *BEGUN,
        *SAID,
        *CLOSED,
    ]


def test_a_session_that_only_listens():
    """Order I: turns and transcripts, never a response."""
    config = SessionConfig(type="transcription").updated(
        {"type": "transcription", "audio": WHISPER}
    )
    state = RealtimeState("sess_1", config, frozenset(), "conv_1")
    events = [
        *listen(state),
        *state.transcription_delta("item_u", "Good day"),
        *state.transcription_completed("item_u", "Good day", 0.8),
    ]
    delta = "conversation.item.input_audio_transcription.delta"
    assert types(events) == [*LISTENED, delta, TRANSCRIBED]
    assert refusal(state, "response.create")["code"] == "invalid_value"


def test_speech_during_an_answer_that_goes_on():
    """Order J: without interruption the turn is committed and the response continues."""
    state = new_state(audio={"input": {"turn_detection": {"interrupt_response": False}}})
    stream = state.start_response()
    stream.created()
    say(stream, "As I was")
    assert types(listen(state)) == LISTENED
    assert refusal(state, "response.create")["code"] == "conversation_already_has_active_response"
    assert types(say(stream, "saying")) == SAID
    assert stream.finish("completed")[-1]["response"]["status"] == "completed"


def test_writing_to_the_assistant():
    """A message makes no response; the response is asked for."""
    state = new_state()
    added = send(state, "conversation.item.create", item=user_text("Good day"))
    assert types(added) == ["conversation.item.added", "conversation.item.done"]
    assert state.active is None
