"""Conversations that go on over another connection."""

import asyncio
import base64

import msgspec
import pytest

from tests.conformance.stage import on_virtual_time
from tests.conformance.wire import check_wire
from tests.session.conversation import OPTIONS
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.realtime.config import SessionConfig
from voice.realtime.state import RealtimeState
from voice.session.resume import Remains, ResumableSessions, remains_of
from voice.session.session import Session, SessionEngines
from voice.transports.memory import MemoryTransport

ANSWER = "It is noon now. The sun stands high above the quiet city tonight."
MANUAL = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


class Guest:
    """A client that asks to be able to come back."""

    def __init__(self, house: ResumableSessions, token: str | None = "", **session) -> None:
        self.house = house
        self.token = token
        self.config = SessionConfig(**session)
        self.transport = MemoryTransport()
        self.llm = FakeLanguageModel(ANSWER)

    @property
    def events(self) -> list[dict]:
        return self.transport.sent

    def of_type(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def resume(self) -> dict:
        return self.events[0]["resume"]

    async def __aenter__(self):
        self.running = asyncio.ensure_future(self._converse())
        await asyncio.sleep(0.001)
        return self

    async def __aexit__(self, *_):
        await self.transport.leave()
        await self.running

    async def _converse(self) -> None:
        hold = await self.house.take(self.token, self.config.type)
        try:
            config = hold.remains.config if hold and hold.remains else self.config
            engines = SessionEngines(FakeSpeechToText("hello"), self.llm, FakeTextToSpeech())
            await Session(self.transport, engines, config, OPTIONS, hold).run()
        finally:
            self.house.release(hold)

    async def send(self, kind: str, **fields) -> None:
        await self.transport.say({"type": kind, **fields})
        await asyncio.sleep(0.001)

    async def write(self, text: str, **fields) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content, **fields}
        await self.send("conversation.item.create", item=item)

    async def answered(self) -> dict:
        count = len(self.of_type("response.done")) + 1
        await self.send("response.create")
        await asyncio.sleep(20)
        (*_, last) = done = self.of_type("response.done")
        assert len(done) == count
        return last["response"]


def told_again(guest: Guest) -> list[dict]:
    """The items that were told in the beginning, each checked to be added and then done."""
    events = [e for e in guest.events if e["type"].startswith("conversation.item.")]
    added, done = events[::2], events[1::2]
    assert [event["type"] for event in added] == ["conversation.item.added"] * len(added)
    assert [event["type"] for event in done] == ["conversation.item.done"] * len(added)
    assert [event["item"] for event in added] == [event["item"] for event in done]
    ids = [event["item"]["id"] for event in added]
    assert [event["previous_item_id"] for event in added] == [None, *ids[:-1]][: len(ids)]
    return [event["item"] for event in added]


@on_virtual_time
async def test_a_client_that_does_not_ask_gets_no_token_and_nothing_is_kept():
    house = ResumableSessions()
    async with Guest(house, None) as guest:
        await guest.write("Hello")
    assert "resume" not in guest.events[0]
    assert len(house) == 0


@pytest.mark.parametrize("token", ["", "new", "unknown", "x" * 5000])
@on_virtual_time
async def test_a_new_conversation_comes_with_a_token_of_its_own(token):
    async with Guest(ResumableSessions(), token) as guest:
        assert guest.events[0]["type"] == "session.created"
        assert guest.resume["resumed"] is False
        assert guest.resume["expires_after_s"] == 120
        assert guest.resume["token"] not in {"", token}
        assert guest.resume["token"] not in str(guest.events[0]["session"])
        assert len(guest.events) == 1


@on_virtual_time
async def test_the_conversation_goes_on_with_its_configuration_and_all_its_items():
    house = ResumableSessions()
    async with Guest(house) as first:
        await first.send("session.update", session=MANUAL | {"instructions": "Be brief."})
        await first.write("What is the time?", id="item_first")
        await first.answered()
        await first.write("And where is the sun?")
    assert len(house) == 1
    async with Guest(house, first.resume["token"]) as second:
        assert second.resume == first.resume | {"resumed": True}
        session = second.events[0]["session"]
        assert session["instructions"] == "Be brief."
        assert session["audio"]["input"]["turn_detection"] is None
        items = told_again(second)
        assert [item["role"] for item in items] == ["user", "assistant", "user"]
        assert items[0]["id"] == "item_first"
        assert items[1]["content"] == [{"type": "output_audio", "transcript": ANSWER}]
        await second.answered()
        words = [message.content for message in second.llm.prompts[-1].messages]
        assert words == ["Be brief.", "What is the time?", ANSWER, "And where is the sun?"]
        created = second.of_type("response.created")[0]["response"]
        assert (
            created["conversation_id"]
            == (first.of_type("response.created")[0]["response"]["conversation_id"])
        )
    async with Guest(house, first.resume["token"]) as third:
        assert len(told_again(third)) == 4


@on_virtual_time
async def test_of_an_interrupted_answer_what_was_heard_stays_and_may_still_be_cut():
    house = ResumableSessions()
    async with Guest(house) as first:
        await first.write("What is the time?")
        await first.send("response.create")
        await asyncio.sleep(1.9)
        words = first.of_type("response.output_audio_transcript.delta")
        assert not first.of_type("response.done")
    sent = "".join(event["delta"] for event in words)
    async with Guest(house, first.resume["token"]) as second:
        answer = told_again(second)[1]
        assert answer["status"] == "incomplete"
        heard = answer["content"][0]["transcript"]
        assert heard
        assert sent.startswith(heard)
        assert len(heard) < len(sent) < len(ANSWER)
        cut = {"item_id": answer["id"], "content_index": 0, "audio_end_ms": 600}
        await second.send("conversation.item.truncate", **cut)
        await second.send("conversation.item.retrieve", item_id=answer["id"])
        (shorter,) = second.of_type("conversation.item.retrieved")[-1]["item"]["content"]
        assert shorter["transcript"]
        assert heard.startswith(shorter["transcript"])
        assert len(shorter["transcript"]) < len(heard)
        assert "audio" not in shorter


@on_virtual_time
async def test_a_call_of_a_tool_may_be_answered_after_the_return():
    house = ResumableSessions()
    call = {"type": "function_call", "name": "clock", "arguments": "{}", "call_id": "call_1"}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "noon"}
    async with Guest(house) as first:
        await first.write("What is the time?")
        await first.send("conversation.item.create", item=call)
    async with Guest(house, first.resume["token"]) as second:
        assert told_again(second)[1]["call_id"] == "call_1"
        await second.send("conversation.item.create", item=output)
        await second.answered()
        question, called, result = second.llm.prompts[-1].messages
        assert question.content == "What is the time?"
        assert called.tool_calls[0].call_id == result.tool_call_id == "call_1"
    async with Guest(house, first.resume["token"]) as third:
        kinds = [item["type"] for item in told_again(third)]
        assert kinds == ["message", "function_call", "function_call_output", "message"]


@on_virtual_time
async def test_spoken_turns_are_kept_as_text():
    house = ResumableSessions()
    config = {"audio": SessionConfig().audio}
    async with Guest(house, **config) as first:
        await first.send("session.update", session=MANUAL)
        await first.send(
            "input_audio_buffer.append", audio=base64.b64encode(bytes(48_000)).decode()
        )
        await first.send("input_audio_buffer.commit")
        await first.answered()
    async with Guest(house, first.resume["token"]) as second:
        said = told_again(second)[0]
        assert said["content"] == [{"type": "input_audio", "transcript": "hello"}]


@on_virtual_time
async def test_after_two_minutes_the_conversation_is_forgotten():
    house = ResumableSessions()
    async with Guest(house) as first:
        await first.write("Hello")
    await asyncio.sleep(119)
    async with Guest(house, first.resume["token"]) as second:
        assert second.resume["resumed"] is True
    await asyncio.sleep(119)
    assert len(house) == 1
    await asyncio.sleep(2)
    assert len(house) == 0
    async with Guest(house, first.resume["token"]) as third:
        assert third.resume["resumed"] is False
        assert third.resume["token"] != first.resume["token"]
        assert len(third.events) == 1


@on_virtual_time
async def test_a_connection_that_hangs_gives_way_to_the_new_one():
    house = ResumableSessions()
    async with Guest(house) as first:
        await first.write("Hello")
        token = first.resume["token"]
        first.transport._reads = False
        async with Guest(house, token) as second:
            await asyncio.sleep(0.1)
            assert first.running.done()
            assert first.transport.closed == (
                4409, "The conversation goes on over another connection.",
            )  # fmt: skip
            assert second.resume["resumed"] is True
            assert len(told_again(second)) == 1
            assert len(house) == 0


@on_virtual_time
async def test_of_many_who_come_at_once_the_last_goes_on():
    house = ResumableSessions()
    async with Guest(house) as first:
        await first.write("Hello")
        guests = [Guest(house, first.resume["token"]) for _ in range(4)]
        for guest in guests:
            await guest.__aenter__()
        await asyncio.sleep(1)
        *early, last = guests
        assert [guest.running.done() for guest in early] == [True, True, True]
        assert {guest.transport.closed[0] for guest in early} == {4409}
        assert len(told_again(last)) == 1
        for guest in guests:
            await guest.__aexit__()
    assert len(house) == 1


@on_virtual_time
async def test_a_transcription_session_goes_on_as_one_and_is_not_mixed_up_with_another():
    house = ResumableSessions()
    async with Guest(house, type="transcription") as first:
        await first.write("Hello")
    token = first.resume["token"]
    async with Guest(house, token) as other:
        assert other.resume["resumed"] is False
        assert other.events[0]["session"]["type"] == "realtime"
    async with Guest(house, token, type="transcription") as second:
        assert second.resume["resumed"] is True
        assert second.events[0]["session"]["type"] == "transcription"
        assert len(told_again(second)) == 1


@on_virtual_time
async def test_a_long_conversation_is_told_without_drowning_the_client():
    house = ResumableSessions()
    async with Guest(house) as first:
        for number in range(12):
            await first.write("x" * 500_000, id=f"item_{number}")
    async with Guest(house, first.resume["token"]) as second:
        await asyncio.sleep(1)
        assert [item["id"] for item in told_again(second)] == [f"item_{n}" for n in range(12)]


async def chatting(guest: Guest) -> None:
    """Ask aloud and in writing, be answered, and let a tool be called."""
    await guest.send("session.update", session=MANUAL)
    for _ in range(2):
        sound = base64.b64encode(bytes(24_000)).decode()
        await guest.send("input_audio_buffer.append", audio=sound)
        await guest.send("input_audio_buffer.commit")
        await guest.send("response.create")
        await asyncio.sleep(1.1)
        await guest.send("response.cancel")
        await guest.write("And then?")
        await guest.send("response.create")
        await asyncio.sleep(6)


@pytest.mark.parametrize("after_ms", range(0, 15_000, 350))
@on_virtual_time
async def test_wherever_a_conversation_breaks_off_it_goes_on_with_what_the_client_has_seen(
    after_ms,
):
    house = ResumableSessions()
    async with Guest(house) as first:
        chat = asyncio.ensure_future(chatting(first))
        await asyncio.sleep(after_ms / 1000)
        chat.cancel()
        await asyncio.wait([chat])
        seen = [event["item"]["id"] for event in first.of_type("conversation.item.added")]
    async with Guest(house, first.resume["token"]) as second:
        retold = told_again(second)
        assert [item["id"] for item in retold] == seen
        for item in retold:
            assert item["status"] in {"completed", "incomplete"}
            if item["role"] == "assistant":
                (part,) = item["content"]
                assert ANSWER.startswith(part["transcript"])
        assert (await second.answered())["status"] == "completed"
        check_wire(second.events)


# ---------------------------------------------------------------- bounds


def remains(size: int) -> Remains:
    return Remains(SessionConfig(), "conv_1", (), size)


async def kept_of(house: ResumableSessions, sizes: list[int]) -> list[bool]:
    """Which of conversations that take so many bytes are kept, after all have ended in turn."""
    holds = [await house.take("", "realtime") for _ in sizes]
    for hold, size in zip(holds, sizes, strict=True):
        hold.remains = remains(size)
        house.release(hold)
    return [hold.token in house._kept for hold in holds]


@on_virtual_time
async def test_of_too_many_conversations_the_oldest_are_forgotten():
    assert await kept_of(ResumableSessions(max_kept=2), [1, 1, 1]) == [False, True, True]


@on_virtual_time
async def test_of_too_large_conversations_the_oldest_are_forgotten():
    house = ResumableSessions(max_bytes=400)
    assert await kept_of(house, [100] * 6) == [False, False, True, True, True, True]


@on_virtual_time
async def test_one_conversation_does_not_drive_out_all_others():
    assert await kept_of(ResumableSessions(max_bytes=400), [50, 101]) == [True, False]


@on_virtual_time
async def test_a_conversation_that_could_not_go_on_is_still_there():
    house = ResumableSessions()
    async with Guest(house) as guest:
        await guest.write("Hello")
    hold = await house.take(guest.resume["token"], "realtime")
    assert len(house) == 0
    house.release(hold)
    async with Guest(house, guest.resume["token"]) as second:
        assert len(told_again(second)) == 1


@on_virtual_time
async def test_who_has_not_begun_to_talk_is_not_waited_for():
    """A call over WebRTC whose page was loaded again before it had connected."""
    house = ResumableSessions()
    async with Guest(house) as guest:
        await guest.write("Hello")
    token = guest.resume["token"]
    connecting = await house.take(token, "realtime")
    async with Guest(house, token) as second:
        assert connecting.superseded.is_set()
        assert len(told_again(second)) == 1
        house.release(connecting)
        await second.write("Are you there?")
    async with Guest(house, token) as third:
        assert len(told_again(third)) == 2


def test_what_is_kept_holds_no_sound_and_counts_what_it_takes():
    state = RealtimeState("sess_1", SessionConfig(), frozenset(), "conv_1")
    before = remains_of(state).size
    state.committed("item_1", bytes(100_000))
    state.set_transcript("item_1", "hello " * 1000)
    kept = remains_of(state)
    assert kept.items[0].content[0].audio is None
    assert 6000 < kept.size - before < 8000
    assert kept.size > len(msgspec.json.encode(SessionConfig()))
