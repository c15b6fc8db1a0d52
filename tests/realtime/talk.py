"""A client and a session in miniature, for the tests of the wire."""

import json
from dataclasses import dataclass

import msgspec

from voice.realtime.client_events import parse
from voice.realtime.commands import Command, CreateResponse
from voice.realtime.config import SessionConfig
from voice.realtime.errors import WireError
from voice.realtime.events import Event
from voice.realtime.response import ResponseStream, Usage
from voice.realtime.state import RealtimeState

VOICES = frozenset({"alloy", "ash", "marin"})


@dataclass
class Spoken:
    """A timeline in which every word sounds for 100 ms."""

    words: str

    @property
    def duration_ms(self) -> int:
        return 100 * len(self.words.split())

    def text_until(self, ms: int) -> str:
        return " ".join(self.words.split()[: ms // 100])


@dataclass
class Token:
    token: str
    logprob: float


def new_state(**session: object) -> RealtimeState:
    """A session that was configured with `session`."""
    config = SessionConfig(model="test", instructions="Be kind.")
    config = config.updated({"type": "realtime", **session})
    return RealtimeState("sess_1", config, VOICES, "conv_1")


def frame(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields})


def send(state: RealtimeState, kind: str, **fields: object) -> list[Event | Command]:
    """What the session answers to a client event."""
    return state.receive(parse(frame(kind, **fields)))


def refusal(state: RealtimeState, kind: str, **fields: object) -> dict[str, object]:
    """The error that a client event earns, without its `event_id`."""
    try:
        send(state, kind, **fields)
    except WireError as error:
        event = error.to_event()
        detail = event["error"]
        assert event["type"] == "error"
        assert isinstance(detail, dict)
        assert detail.pop("event_id") is None
        return detail
    raise AssertionError(f"{kind} was obeyed")


def invalid(
    message: str, param: str | None, code: str | None = "invalid_value"
) -> dict[str, object]:
    return {"type": "invalid_request_error", "code": code, "message": message, "param": param}


def types(events: list[Event | Command]) -> list[str]:
    """The types of the events, and the names of the commands among them."""
    return [str(each["type"]) if isinstance(each, dict) else type(each).__name__ for each in events]


def on_wire(event: Event | Command) -> dict:
    """The event as a client decodes it."""
    return msgspec.json.decode(msgspec.json.encode(event))


def say(stream: ResponseStream, words: str) -> list[Event]:
    """Speak the words, each with 100 ms of audio."""
    events: list[Event] = []
    for index, word in enumerate(words.split()):
        events += stream.transcript(f" {word}" if index else word)
        events += stream.audio(bytes(4800))
    return events


def user_text(text: str, item_id: str | None = None) -> dict[str, object]:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return item | ({"id": item_id} if item_id else {})


def eventful_session() -> list[Event]:
    """Every kind of event that a session sends, from one long conversation."""
    state = new_state(
        audio={"input": {"transcription": {"model": "whisper-1", "language": "en"}}},
        tools=[{"type": "function", "name": "weather"}],
        include=["item.input_audio_transcription.logprobs"],
    )
    events: list[Event | Command] = [*state.opening()]
    events += send(state, "session.update", session={"type": "realtime", "tracing": "auto"})
    for item in _history():
        events += send(state, "conversation.item.create", item=item)
    events += _spoken_turn(state)
    events += _called_turn(state)
    events += _written_turn(state)
    events += state.timeout_triggered("item_t", 5000, 10_000)
    events += [*state.committed("item_t", bytes(960)), *state.cleared()]
    events += state.transcription_failed("item_t", "It broke.", "engine_error")
    for item_id in ("item_t", "item_u", "item_i"):
        events += send(state, "conversation.item.retrieve", item_id=item_id)
    events += send(state, "conversation.item.delete", item_id="item_t")
    events.append(WireError("No.", code="invalid_value", param="x").to_event("mine"))
    return [event for event in events if isinstance(event, dict)]


def _history() -> list[dict[str, object]]:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"}
    said = [{"type": "output_text", "text": "Hello."}]
    return [
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Hm."}]},
        user_text("hi"),
        {"type": "message", "role": "user", "id": "item_i", "content": [image]},
        {"type": "message", "role": "assistant", "content": said},
        {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "rain"},
    ]


def _spoken_turn(state: RealtimeState) -> list[Event | Command]:
    """A question, and an answer that is interrupted and truncated."""
    events: list[Event | Command] = [
        *state.speech_started("item_u", 300),
        *state.speech_stopped("item_u", 1700),
        *state.committed("item_u", bytes(960)),
        *state.transcription_delta("item_u", "Good day", [Token("Good day", -0.1)]),
        *state.transcription_completed("item_u", "Good day", 1.4, [Token("Good day", -0.1)]),
    ]
    stream = state.start_response()
    events += [*stream.created(), *state.output_audio_buffer("started", stream.id)]
    events += say(stream, "one two three")
    item = stream.current_item
    assert item is not None
    item.content[0].timeline = Spoken("one two three")
    events += [
        *stream.finish("cancelled", "turn_detected"),
        *state.output_audio_buffer("cleared", stream.id),
    ]
    truncation = {"item_id": item.id, "content_index": 0, "audio_end_ms": 150}
    events += send(state, "conversation.item.truncate", **truncation)
    return events + send(state, "conversation.item.retrieve", item_id=item.id)


def _called_turn(state: RealtimeState) -> list[Event | Command]:
    """Speech, then two function calls of which the second is broken off."""
    stream = state.start_response()
    events: list[Event | Command] = [*stream.created(), *say(stream, "Let me see.")]
    events += [*stream.call_started("call_1", "weather"), *stream.call_arguments("{}")]
    events += [*stream.call_done(), *stream.call_started("call_2", "weather")]
    return [*events, *stream.finish("failed", None, {"type": "server_error", "message": "down"})]


def _written_turn(state: RealtimeState) -> list[Event | Command]:
    """A written answer beside the conversation, cut short by its limit."""
    asked = {"conversation": "none", "output_modalities": ["text"], "metadata": {"a": "b"}}
    (command,) = send(state, "response.create", response=asked)
    assert isinstance(command, CreateResponse)
    stream = state.start_response(command.params)
    usage = Usage(input_text_tokens=5, output_text_tokens=2)
    events = [*stream.created(), *stream.text("Well")]
    return [*events, *stream.finish("incomplete", "max_output_tokens", usage=usage)]
