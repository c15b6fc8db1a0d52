"""Checklist: the user speaks, pauses, interrupts (14, 17, 28-30, 34, 57, 58, 63, 73, 75)."""

import asyncio
import base64

import numpy as np
import pytest

from tests.conformance.stage import (
    AUDIO,
    BEGUN,
    HEARD,
    HEARD_ALL,
    HEARD_DELTA,
    LISTENED,
    SPOKEN_END,
    TRANSCRIBED,
    TRANSCRIPT,
    after,
    ask,
    error_of,
    kinds,
    on_virtual_time,
    recording,
    refusal,
    say,
    stage,
)
from tests.conformance.stage import words as words_of
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech

LONG = "one two three four five six seven eight nine ten " * 6
MANUAL = {"audio": {"input": {"turn_detection": None}}}


def detection(**fields) -> dict:
    return {"audio": {"input": {"turn_detection": {"type": "server_vad", **fields}}}}


def item_ids(events: list[dict]) -> set[str]:
    return {event.get("item_id") or event["item"]["id"] for event in events}


@on_virtual_time
async def test_14_a_spoken_turn_has_the_events_of_order_a():
    async with stage(settings=TRANSCRIBED) as client:
        await ask(client)
        turn = after(client, client.last("session.updated"))
        deltas = [e for e in turn if e["type"] in {TRANSCRIPT, AUDIO}]
        assert kinds(turn) == [
            *LISTENED,
            HEARD_DELTA,
            HEARD_ALL,
            *BEGUN,
            *kinds(deltas),
            *SPOKEN_END,
        ]
        assert len(item_ids(turn[:5])) == 1
        user = turn[0]["item_id"]
        assert turn[3]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
        assert (turn[3]["item"]["role"], turn[3]["item"]["status"]) == ("user", "completed")
        assert turn[2]["previous_item_id"] is None
        answer = next(e for e in turn if e["type"] == "response.output_item.added")["item"]
        added = client.of_type("conversation.item.added")[-1]
        assert (added["item"]["id"], added["previous_item_id"]) == (answer["id"], user)
        await ask(client)
        second = client.of_type("input_audio_buffer.committed")[1]
        assert second["previous_item_id"] == answer["id"]


@on_virtual_time
async def test_17_speech_over_an_answer_cancels_it_at_once():
    hears = [HEARD, words_of("interrupt")]
    async with stage(hears, LONG, settings=TRANSCRIBED) as client:
        await say(client, recording("winter"))
        await client.until(AUDIO, 50)
        await say(client, recording("interrupt"))
        started = client.of_type("input_audio_buffer.speech_started")[1]
        rest = after(client, started)
        assert [event["type"] for event in rest[: len(SPOKEN_END)]] == SPOKEN_END
        done = rest[len(SPOKEN_END) - 1]["response"]
        assert done["status"] == "cancelled"
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert done["output"][0]["status"] == "incomplete"
        stopped_s = client.at_s("response.done")
        assert stopped_s - client.at_s("input_audio_buffer.speech_started", 1) <= 0.2
        assert all(event.get("response_id") != done["id"] for event in rest[len(SPOKEN_END) :])
        second = (await client.until("response.done", 2))["response"]
        assert second["status"] == "completed"
        committed = client.of_type("input_audio_buffer.committed")[1]
        assert committed["item_id"] == started["item_id"]
        assert committed["previous_item_id"] == done["output"][0]["id"]


@on_virtual_time
async def test_17_the_interruption_is_noticed_within_a_second_of_its_start():
    """The audio stops with its first sounds, the events follow with its first words."""
    async with stage([HEARD, words_of("interrupt")], LONG) as client:
        await say(client, recording("winter"))
        await client.until(AUDIO, 50)
        spoke_s = client.now_s()
        await say(client, recording("interrupt"))
        assert client.at_s("input_audio_buffer.speech_started", 1) - spoke_s <= 1.1
        last_s = max(
            at
            for event, at in zip(client.events, client.transport.sent_at_s, strict=True)
            if event["type"] == AUDIO and at < spoke_s + 1.1
        )
        assert last_s - spoke_s <= 0.3


@on_virtual_time
async def test_28_a_commit_makes_an_item_and_no_response():
    async with stage(settings=MANUAL | {"instructions": ""}) as client:
        await say(client, recording("winter"))
        await client.be_silent(1000)
        assert client.types() == ["session.created", "session.updated"]
        await client.send("input_audio_buffer.commit")
        await client.be_silent(3000)
        turn = after(client, client.last("session.updated"))
        assert [event["type"] for event in turn] == LISTENED[2:]
        assert len(item_ids(turn)) == 1
        assert turn[1]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
        assert not client.llm.prompts
        await client.send("response.create")
        await client.until("response.done")
        assert client.llm.prompts[-1].messages[-1].content == HEARD


@on_virtual_time
async def test_28_a_response_asked_for_in_the_same_breath_knows_what_was_said():
    """Push-to-talk clients send commit and create back to back, while the text is on its way."""
    stt = FakeSpeechToText(HEARD, delay_s=0.5)
    async with stage(stt=stt, settings=MANUAL) as client:
        await say(client, recording("winter"))
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert client.llm.prompts[-1].messages[-1].content == HEARD


@on_virtual_time
async def test_29_less_than_100_ms_cannot_be_committed():
    async with stage(settings=MANUAL) as client:
        expected = (
            "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
            "audio, but buffer only has {}ms of audio."
        )
        error = await error_of(client, "input_audio_buffer.commit")
        assert error == refusal(expected.format("0.00"), "input_audio_buffer_commit_empty")
        await client.send("input_audio_buffer.clear")
        await client.append(bytes(48 * 99))
        await client.send("input_audio_buffer.commit", event_id="evt")
        await asyncio.sleep(0.001)
        error = client.last("error")["error"]
        assert error["message"] == expected.format("99.00")
        assert error["event_id"] == "evt"
        await client.append(bytes(48))
        await client.send("input_audio_buffer.commit")
        await client.until("input_audio_buffer.committed", limit_ms=200)
        error = await error_of(client, "input_audio_buffer.commit")
        assert error["code"] == "input_audio_buffer_commit_empty"


@on_virtual_time
async def test_30_cleared_audio_is_in_no_item():
    async with stage(settings=MANUAL) as client:
        await say(client, recording("interrupt"))
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared", limit_ms=200)
        await say(client, recording("winter"))
        await client.send("input_audio_buffer.commit")
        item_id = (await client.until("input_audio_buffer.committed"))["item_id"]
        await client.send("conversation.item.retrieve", item_id=item_id)
        retrieved = await client.until("conversation.item.retrieved")
        audio = base64.b64decode(retrieved["item"]["content"][0]["audio"])
        # `until` was silent for a frame after each event and before the winter was spoken.
        assert recording("winter") in audio
        assert len(audio) <= len(recording("winter")) + 2 * 960
        cleared, kept = client.stt.utterances[:2]
        assert cleared.closed
        assert abs(kept.duration_s - len(recording("winter")) / 48_000) <= 0.1


@on_virtual_time
async def test_30_clearing_forgets_a_turn_that_was_announced():
    async with stage() as client:
        await say(client, recording("winter"))
        assert len(client.of_type("input_audio_buffer.speech_started")) == 1
        await client.send("input_audio_buffer.clear")
        await client.be_silent(2000)
        assert client.types()[-1] == "input_audio_buffer.cleared"
        assert not client.of_type("input_audio_buffer.committed")
        assert not client.of_type("response.created")
        assert (await ask(client))["status"] == "completed"
        started = client.of_type("input_audio_buffer.speech_started")[1]
        assert started["audio_start_ms"] > 3000  # the clock of the session's audio goes on


@on_virtual_time
async def test_34_times_count_the_audio_of_the_whole_session():
    async with stage() as client:
        opened_s = client.now_s()
        await client.be_silent(1000)
        for number in range(2):
            start_ms = round((client.now_s() - opened_s) * 1000)  # all audio sent so far
            await ask(client)
            started = client.of_type("input_audio_buffer.speech_started")[number]
            stopped = client.of_type("input_audio_buffer.speech_stopped")[number]
            # The recordings begin after 50 ms of silence; 300 ms of padding come before that.
            assert -300 <= started["audio_start_ms"] - start_ms <= -150
            spoken_ms = len(recording("winter")) / 48
            assert 250 <= stopped["audio_end_ms"] - start_ms - spoken_ms <= 520
            assert stopped["audio_end_ms"] > started["audio_start_ms"]


@on_virtual_time
async def test_57_without_create_response_the_client_asks_for_the_answer():
    settings = detection(create_response=False)
    async with stage(settings=settings) as client:
        await say(client, recording("winter"))
        await client.be_silent(3000)
        assert client.types()[2:] == LISTENED
        assert not client.llm.prompts
        await client.send("response.create")
        assert (await client.until("response.done"))["response"]["status"] == "completed"
        assert client.llm.prompts[-1].messages[-1].content == HEARD


@on_virtual_time
async def test_58_without_interrupt_response_the_answer_goes_on_through_speech():
    settings = detection(interrupt_response=False)
    async with stage([HEARD, words_of("interrupt")], LONG, settings=settings) as client:
        await say(client, recording("winter"))
        await client.until(AUDIO, 50)
        await say(client, recording("interrupt"))
        await client.until("input_audio_buffer.committed", 2)
        assert not client.of_type("response.done")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert done["output"][0]["content"][0]["transcript"] == LONG
        await client.be_silent(2000)
        assert not client.of_type("error")
        assert client.types().count("input_audio_buffer.speech_started") == 2
        assert len(client.of_type("response.created")) == 1


@on_virtual_time
async def test_63_a_long_silence_is_answered_once():
    async with stage(settings=detection(idle_timeout_ms=5000)) as client:
        await ask(client)
        first_audio_s = client.at_s(AUDIO)
        played_s = first_audio_s + len(client.heard_pcm()) / 48_000
        triggered = await client.until("input_audio_buffer.timeout_triggered")
        waited_s = client.at_s("input_audio_buffer.timeout_triggered") - played_s
        assert waited_s == pytest.approx(5.0, abs=0.1)
        await client.until("response.done", 2)
        turn = [triggered, *after(client, triggered)]
        deltas = [e for e in turn if e["type"] in {TRANSCRIPT, AUDIO}]
        assert kinds(turn) == [
            "input_audio_buffer.timeout_triggered",
            *LISTENED[2:],
            *BEGUN,
            *kinds(deltas),
            *SPOKEN_END,
        ]
        assert len(item_ids(turn[:4])) == 1
        assert triggered["audio_end_ms"] > triggered["audio_start_ms"]


@pytest.mark.parametrize("idle_ms", [4999, 30001, 5000.5, "5000"])
@on_virtual_time
async def test_63_a_timeout_out_of_range_is_refused(idle_ms):
    async with stage() as client:
        session = {"type": "realtime", **detection(idle_timeout_ms=idle_ms)}
        error = await error_of(client, "session.update", session=session)
        path = "session.audio.input.turn_detection.idle_timeout_ms"
        assert (error["code"], error["param"]) == ("invalid_value", path)


@on_virtual_time
async def test_73_audio_in_pieces_of_any_size_is_the_same_audio():
    heard = []
    for sizes in ([960], [1, 7, 333, 1921]):
        async with stage(settings=MANUAL) as client:
            pcm, start, number = recording("winter"), 0, 0
            while start < len(pcm):
                size = sizes[number % len(sizes)]
                await client.append(pcm[start : start + size])
                start, number = start + size, number + 1
            await client.send("input_audio_buffer.commit")
            item_id = (await client.until("input_audio_buffer.committed"))["item_id"]
            await client.send("conversation.item.retrieve", item_id=item_id)
            retrieved = await client.until("conversation.item.retrieved")
            kept = base64.b64decode(retrieved["item"]["content"][0]["audio"])
            heard.append((np.frombuffer(client.stt.utterances[0].pcm, "<i2").astype(int), kept))
    (whole, kept), (pieces, kept_pieces) = heard
    assert kept == kept_pieces == recording("winter")
    assert np.abs(whole - pieces).max() <= 2  # resampling to 16 bits dithers


async def wait_ms(text: str, eagerness: str) -> float:
    """How long a speaker of these words is waited for."""
    vad = {"type": "semantic_vad", "eagerness": eagerness}
    async with stage(text, settings={"audio": {"input": {"turn_detection": vad}}}) as client:
        await say(client, recording("winter")[: -48 * 150])  # its end is 150 ms of silence
        ended_s = client.now_s()
        await client.until("input_audio_buffer.speech_stopped")
        return (client.at_s("input_audio_buffer.speech_stopped") - ended_s) * 1000


@on_virtual_time
async def test_75_an_unfinished_sentence_is_waited_for_as_eagerness_allows():
    most_ms = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}
    waits = {}
    for eagerness, limit_ms in most_ms.items():
        finished = await wait_ms("It is in the library.", eagerness)
        hanging = await wait_ms("I would like to, uhm", eagerness)
        assert finished < 1000 < hanging <= limit_ms + 50
        assert hanging > 2.5 * finished
        waits[eagerness] = hanging
    assert waits["low"] > waits["medium"] == waits["auto"] > waits["high"]


@on_virtual_time
async def test_14_a_client_that_stops_sending_has_ended_its_turn():
    """A muted microphone or a lost packet must not leave the user without an answer."""
    async with stage() as client:
        await say(client, recording("winter"))
        await asyncio.sleep(3)
        assert client.of_type("response.created")


@on_virtual_time
async def test_14_slow_engines_change_nothing_but_the_time():
    parts = {
        "stt": FakeSpeechToText(HEARD, delay_s=0.7),
        "llm": FakeLanguageModel("It closes at four.", delay_s=0.8, token_interval_s=0.2),
        "tts": FakeTextToSpeech(delay_s=0.4, real_time_factor=0.9),
    }
    async with stage(settings=TRANSCRIBED, **parts) as client:
        done = await ask(client)
        turn = after(client, client.last("session.updated"))
        assert [event["type"] for event in turn[:7]] == [*LISTENED, HEARD_DELTA, HEARD_ALL]
        assert done["output"][0]["content"][0]["transcript"] == "It closes at four."
