"""Which reply is heard: drafts, the one of the conversation, and those out of band."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.realtime.talk import frame
from tests.session.wire import Wire
from tests.virtual_time import run
from voice.engines.fakes import FakeLanguageModel, FakeTextToSpeech
from voice.engines.protocols import Prompt
from voice.realtime.client_events import parse
from voice.realtime.config import ResponseParams, SessionConfig
from voice.realtime.errors import WireError
from voice.realtime.state import RealtimeState
from voice.session.outbox import Outbox
from voice.session.record import TurnRecord
from voice.session.replies import Replies
from voice.session.reply import ReplyParts
from voice.session.shelf import AudioShelf
from voice.transports.memory import MemoryTransport

ANSWER = "It is noon."


class Stage:
    """Replies with fake engines, what they sent, and what the floor was told."""

    def __init__(self, group: asyncio.TaskGroup, speculates: bool) -> None:
        now = asyncio.get_running_loop().time
        self.llm = FakeLanguageModel(ANSWER, delay_s=0.5)
        self.transport = MemoryTransport()
        self.state = RealtimeState("sess", SessionConfig(), frozenset({"alloy"}), "conv")
        self.outbox = outbox = Outbox(self.transport)
        self.sending = group.create_task(outbox.run())
        parts = ReplyParts(self.llm, FakeTextToSpeech(), outbox, AudioShelf(), now, 160)
        self.replies = Replies(self.state, parts, group, Prompt(messages=()), lambda: speculates)
        self.told: list[object] = []
        self.replies.on_started = lambda: self.told.append("started")
        self.replies.on_ended = self.told.append
        outbox.emit(self.state.opening())

    def say(self, text: str) -> None:
        """Put what the user said into the conversation."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        event = parse(frame("conversation.item.create", item=item))
        self.outbox.emit(self.state.receive(event))

    def statuses(self) -> list[str]:
        done = [e["response"] for e in self.transport.sent if e["type"] == "response.done"]
        return [response["status"] for response in done]


@asynccontextmanager
async def stage(*, speculates: bool = True):
    async with asyncio.TaskGroup() as group:
        made = Stage(group, speculates)
        yield made
        await asyncio.sleep(60)
        made.sending.cancel()
    Wire.check(made.transport.sent)


async def ready() -> None:
    await asyncio.sleep(1)


def test_a_draft_that_fits_becomes_the_reply():
    async def main():
        async with stage() as made:
            draft = made.replies.draft("hello", TurnRecord())
            await asyncio.sleep(5)
            assert len(made.transport.sent) == 1
            made.say("hello")
            made.replies.answer(draft, TurnRecord())
            await asyncio.sleep(5)
            assert made.statuses() == ["completed"]
            assert len(made.llm.prompts) == 1
            assert made.told == ["started", 180]

    run(main())


def test_a_draft_that_does_not_fit_is_dropped_for_a_new_reply():
    async def main():
        async with stage() as made:
            draft = made.replies.draft("hello", TurnRecord())
            await asyncio.sleep(0.1)
            made.say("something else")
            made.replies.answer(draft, TurnRecord())
            await asyncio.sleep(5)
            assert draft.cancelled
            assert made.statuses() == ["completed"]
            assert [p.messages[-1].content for p in made.llm.prompts] == ["hello", "something else"]
            assert made.llm.abandoned == 1

    run(main())


def test_a_draft_that_comes_too_late_is_dropped():
    async def main():
        async with stage() as made:
            draft = made.replies.draft("hello", TurnRecord())
            made.replies.create(ResponseParams(), ready)
            made.replies.answer(draft, TurnRecord())
            assert draft.cancelled
            await asyncio.sleep(5)
            assert made.statuses() == ["completed"]

    run(main())


def test_nothing_is_drafted_while_a_reply_runs_or_engines_are_busy():
    async def main():
        async with stage() as made:
            made.replies.answer(None, TurnRecord())
            assert made.replies.draft("hello", TurnRecord()) is None
        async with stage(speculates=False) as made:
            assert made.replies.draft("hello", TurnRecord()) is None

    run(main())


def test_a_conversation_that_does_not_fit_fails_its_response_and_drops_the_draft():
    async def main():
        async with stage() as made:
            made.state.config = made.state.config.updated(
                {"type": "realtime", "truncation": "disabled"}
            )
            draft = made.replies.draft("hello", TurnRecord())
            made.say("x" * 100_000)
            made.replies.answer(draft, TurnRecord())
            assert draft.cancelled
            await asyncio.sleep(1)
            assert made.statuses() == ["failed"]
            error = made.transport.sent[-1]["response"]["status_details"]["error"]
            assert error["code"] == "context_length_exceeded"
            assert made.told == []
            assert made.replies.draft("hello", TurnRecord()) is None

    run(main())


def test_a_response_waits_until_it_may_be_made_and_can_be_cancelled_before():
    async def main():
        async with stage() as made:
            made.replies.create(ResponseParams(), ready)
            await asyncio.sleep(0.5)
            assert made.replies.active is None
            made.replies.cancel(made.state.active.id)
            await asyncio.sleep(5)
            assert made.statuses() == ["cancelled"]
            assert made.llm.prompts == []
            assert made.told == []

    run(main())


def test_a_second_response_is_refused_and_one_out_of_band_is_not():
    async def main():
        async with stage() as made:
            made.replies.create(ResponseParams(), ready)
            with pytest.raises(WireError, match="active response in progress"):
                made.replies.create(ResponseParams(), ready)
            made.replies.create(ResponseParams(conversation="none"), ready)
            await asyncio.sleep(10)
            assert made.statuses() == ["completed"] * 2
            assert made.told == ["started", 180]

    run(main())


def test_an_interruption_ends_only_the_reply_of_the_conversation():
    async def main():
        async with stage() as made:
            made.replies.create(ResponseParams(conversation="none"), ready)
            made.replies.create(ResponseParams(), ready)
            await asyncio.sleep(1.6)
            made.replies.interrupt()
            assert made.replies.active is None
            await asyncio.sleep(5)
            assert made.statuses() == ["cancelled", "completed"]

    run(main())


def test_the_floor_is_told_how_much_is_still_to_be_heard():
    async def main():
        async with stage() as made:
            made.replies.answer(None, TurnRecord())
            await asyncio.sleep(0.81)
            made.replies.interrupt()
            assert made.told == ["started", 160 + 10]
            made.replies.interrupt()
            assert len(made.told) == 2

    run(main())


def test_a_turn_that_cannot_be_understood_has_a_response_that_failed():
    async def main():
        async with stage() as made:
            made.replies.fail("deaf")
            await asyncio.sleep(0.1)
            assert made.statuses() == ["failed"]
            made.replies.create(ResponseParams(), ready)
            made.replies.fail("deaf")
            await asyncio.sleep(10)
            assert made.statuses() == ["failed", "completed"]

    run(main())
