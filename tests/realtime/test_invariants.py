"""No sequence of client events and happenings breaks what the wire promises."""

import json
from base64 import b64encode

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.realtime.mirror import Mirror
from tests.realtime.talk import VOICES, Spoken, frame, new_state
from voice.realtime.client_events import parse
from voice.realtime.commands import (
    AppendAudio,
    CancelResponse,
    ClearAudio,
    ClearOutput,
    Command,
    CommitAudio,
    CreateResponse,
    Reconfigured,
)
from voice.realtime.errors import WireError
from voice.realtime.events import Event, encode, new_id
from voice.realtime.items import MessageItem, OutputAudio
from voice.realtime.response import ResponseStream

WORDS = st.sampled_from(["a", " day", "größer", "\n", ""])
SMALL = st.integers(0, 7)
TIMES = st.sampled_from([-1, 0, 100, 250, 9999])
KINDS = ["transcript", "audio", "text", "call_started", "call_arguments", "call_done"]
PIECES = st.lists(st.tuples(st.sampled_from(KINDS), WORDS), min_size=1, max_size=6)
STATUSES = st.sampled_from(["completed", "cancelled", "incomplete", "failed"])

PATCHES = st.sampled_from(
    [
        {"type": "realtime"},
        {"type": "realtime", "audio": {"input": {"transcription": {}}}},
        {"type": "realtime", "audio": {"input": {"transcription": None}}},
        {"type": "realtime", "output_modalities": ["text"]},
        {"type": "realtime", "audio": {"output": {"voice": "ash"}}},
        {"type": "realtime", "audio": {"output": {"voice": "alloy"}}},
        {"type": "realtime", "instructions": "x", "audio": {"output": {"voice": "hal"}}},
        {"type": "transcription"},
        {"type": "realtime", "nothing": 1},
    ]
)
ASKED = st.sampled_from(
    [
        None,
        {},
        {"conversation": "none"},
        {"conversation": "none", "metadata": {"a": "b"}, "output_modalities": ["text"]},
        {"input": []},
        {"output_modalities": ["audio", "text"]},
        {"audio": {"output": {"voice": "ash"}}},
    ]
)


class Session(RuleBasedStateMachine):
    """A session that performs commands at once, and a client that checks every event."""

    @initialize()
    def open(self) -> None:
        self.state = new_state()
        self.client = Mirror()
        self.streams: list[ResponseStream] = []
        self.turn: str | None = None
        self.sent = 0
        self.hear(self.state.opening())

    # ------------------------------------------------------------ plumbing

    def hear(self, outcome: list[Event] | list[Event | Command]) -> None:
        for each in outcome:
            if isinstance(each, dict):
                self.client.hear(json.loads(encode(each)))
            else:
                self.perform(each)

    def perform(self, command: Command) -> None:
        match command:
            case CreateResponse():
                stream = self.state.start_response(command.params)
                self.streams.append(stream)
                self.hear(stream.created())
            case CancelResponse():
                (stream,) = (each for each in self.streams if each.id == command.response_id)
                self.hear(stream.finish("cancelled", "client_cancelled"))
            case CommitAudio():
                self.commit()
            case ClearAudio():
                self.turn = None
                self.hear(self.state.cleared())
            case AppendAudio() | ClearOutput() | Reconfigured():
                pass

    def send(self, kind: str, **fields: object) -> None:
        """A refused event changes nothing and is answered with its own id."""
        self.sent += 1
        event_id = f"client_{self.sent}"
        before = (self.state.config, list(self.client.order), self.client.running())
        try:
            outcome = self.state.receive(parse(frame(kind, event_id=event_id, **fields)))
        except WireError as error:
            event = error.to_event()
            assert event["error"]["event_id"] == event_id
            self.hear([event])
            assert before == (self.state.config, self.client.order, self.client.running())
        else:
            self.hear(outcome)

    def an_id(self, number: int) -> str:
        """The id of one of the latest items, or of one that is gone or never was."""
        pool = ["ghost", *sorted(self.client.deleted), *self.client.order]
        return pool[-1 - number % len(pool)]

    def a_stream(self, number: int) -> ResponseStream:
        return self.streams[-1 - number % min(3, len(self.streams))]

    def commit(self) -> None:
        item_id = self.turn or new_id("item_")
        self.turn = None
        self.hear(self.state.committed(item_id, b"\0\0"))

    # ------------------------------------------------------------ the client

    @rule(number=SMALL, fresh=st.booleans(), place=st.sampled_from([None, "root", "id"]))
    def create_item(self, number: int, fresh: bool, place: str | None) -> None:
        content = [{"type": "input_text", "text": "x"}]
        item_id = new_id("item_") if fresh else self.turn or self.an_id(number)
        self.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "id": item_id, "content": content},
            previous_item_id=self.an_id(number) if place == "id" else place,
        )

    @rule(number=SMALL, kind=st.sampled_from(["delete", "retrieve"]))
    def use_an_item(self, number: int, kind: str) -> None:
        self.send(f"conversation.item.{kind}", item_id=self.an_id(number))

    @rule(number=SMALL, end_ms=TIMES)
    def truncate(self, number: int, end_ms: int) -> None:
        """Mostly what is being said, as after an interruption."""
        item = self.a_stream(number).current_item if self.streams else None
        item_id = item.id if item else self.an_id(number)
        place = {"content_index": number // 7, "audio_end_ms": end_ms}
        self.send("conversation.item.truncate", item_id=item_id, **place)

    @rule(patch=PATCHES)
    def update_session(self, patch: dict[str, object]) -> None:
        self.send("session.update", session=patch)

    @rule(asked=ASKED)
    def create_response(self, asked: dict[str, object] | None) -> None:
        self.send("response.create", response=asked)

    @rule(number=SMALL)
    def refer_to_an_item(self, number: int) -> None:
        reference = {"type": "item_reference", "id": self.an_id(number)}
        self.send("response.create", response={"conversation": "none", "input": [reference]})

    @rule(number=SMALL, named=st.booleans())
    def cancel_response(self, number: int, named: bool) -> None:
        ids = {"response_id": self.a_stream(number).id} if named and self.streams else {}
        self.send("response.cancel", **ids)

    @rule(kind=st.sampled_from(["commit", "clear", "append"]))
    def use_the_buffer(self, kind: str) -> None:
        audio = {"audio": b64encode(b"\0\0").decode()} if kind == "append" else {}
        self.send(f"input_audio_buffer.{kind}", **audio)

    # ------------------------------------------------------------ the user and the model

    @rule(idle=st.booleans())
    def go_on_with_the_turn(self, idle: bool) -> None:
        """A turn begins, or the one that began ends."""
        if self.turn:
            self.hear(self.state.speech_stopped(self.turn, 900))
            self.commit()
            return
        self.turn = new_id("item_")
        if idle:
            self.hear(self.state.timeout_triggered(self.turn, 0, 5000))
            self.commit()
        else:
            self.hear(self.state.speech_started(self.turn, 100))

    @rule(number=SMALL, word=WORDS, done=st.booleans())
    def transcribe(self, number: int, word: str, done: bool) -> None:
        item_id = self.an_id(number)
        if done:
            self.hear(self.state.transcription_completed(item_id, word, 0.5))
        else:
            self.hear(self.state.transcription_delta(item_id, word))

    @rule(pieces=PIECES)
    def respond(self, pieces: list[tuple[str, str]]) -> None:
        if self.state.active is None:
            stream = self.state.start_response()
            self.streams.append(stream)
            self.hear(stream.created())
        self.produce(self.streams[-1], pieces)

    @precondition(lambda self: self.streams)
    @rule(number=SMALL, pieces=PIECES)
    def go_on_with_a_response(self, number: int, pieces: list[tuple[str, str]]) -> None:
        """One that has finished may still be spoken for: nothing comes of it."""
        self.produce(self.a_stream(number), pieces)

    def produce(self, stream: ResponseStream, pieces: list[tuple[str, str]]) -> None:
        for kind, word in pieces:
            match kind:
                case "call_started":
                    self.hear(stream.call_started(new_id("call_"), "f"))
                case "call_done":
                    self.hear(stream.call_done())
                case "audio":
                    self.hear(stream.audio(word.encode()))
                case _:
                    self.hear(getattr(stream, kind)(word))
            item = stream.current_item
            if item and isinstance(item.content[0], OutputAudio):
                item.content[0].timeline = Spoken(item.content[0].transcript)

    @precondition(lambda self: self.streams)
    @rule(number=SMALL, status=STATUSES)
    def finish(self, number: int, status: str) -> None:
        self.hear(self.a_stream(number).finish(status))

    # ------------------------------------------------------------ what always holds

    @invariant()
    def client_and_server_hold_the_same_conversation(self) -> None:
        assert [item.id for item in self.state.conversation] == self.client.order
        for item, before in zip(self.client.order, [None, *self.client.order], strict=False):
            assert self.state.conversation.previous_of(item) == before

    @invariant()
    def client_and_server_see_the_same_responses_run(self) -> None:
        active = {self.state.active.id} if self.state.active else set()
        assert active | self.state.out_of_band.keys() == self.client.running()
        assert len(active & self.state.out_of_band.keys()) == 0

    @invariant()
    def the_voice_is_one_that_exists_and_stays(self) -> None:
        assert self.state.config.audio.output.voice in VOICES
        assert self.state.voice_locked == any(stream.audio_sent for stream in self.streams)

    @invariant()
    def nothing_is_left_in_progress(self) -> None:
        """An item is in progress only while its response runs."""
        if self.client.running():
            return
        assert all(
            item.status != "in_progress"
            for item in self.state.conversation
            if isinstance(item, MessageItem)
        )


Session.TestCase.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, database=None
)
TestSession = Session.TestCase
