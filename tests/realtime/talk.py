"""A client and a session in miniature, for the tests of the wire."""

import json
from dataclasses import dataclass

import msgspec

from voice.realtime.client_events import parse
from voice.realtime.commands import Command
from voice.realtime.config import SessionConfig
from voice.realtime.errors import WireError
from voice.realtime.events import Event
from voice.realtime.response import ResponseStream
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
