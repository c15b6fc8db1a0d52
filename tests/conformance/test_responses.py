"""Checklist: responses from their creation to their end (10-13, 18-20, 24, 25, 52, 59-62)."""

import asyncio
import base64

import numpy as np
import pytest

from tests.conformance.stage import (
    AUDIO,
    BEGUN,
    SPOKEN_END,
    TRANSCRIPT,
    after,
    ask,
    error_of,
    kinds,
    on_virtual_time,
    refusal,
    say,
    stage,
    text_item,
)
from tests.conformance.stage import recording as recorded
from voice.engines.fakes import FakeLanguageModel, FakeTextToSpeech

ANSWER = "It closes at four. Except in winter, when it is three."
LONG = "one two three four five six seven eight nine ten " * 4
FUNCTION = {"type": "function", "name": "weather", "description": "", "parameters": {}}


async def respond(client, **response) -> list[dict]:
    """Ask for a response in writing and give its events."""
    count = len(client.of_type("response.done")) + 1
    start = len(client.events)
    await client.send("response.create", response=response)
    await client.until("response.done", count)
    return client.events[start:]


@on_virtual_time
async def test_10_a_response_is_created_once_and_done_once():
    async with stage() as client:
        await client.send("conversation.item.create", item=text_item("When?"))
        events = await respond(client)
        await client.be_silent(2000)
        created, done = client.last("response.created")["response"], events[-1]["response"]
        assert (created["status"], created["output"]) == ("in_progress", [])
        assert (created["usage"], created["status_details"]) == (None, None)
        assert created["object"] == "realtime.response"
        assert created["id"].startswith("resp_")
        assert created["conversation_id"].startswith("conv_")
        assert created["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
        assert (done["id"], done["status"]) == (created["id"], "completed")
        assert done["status_details"] is None
        assert len(client.of_type("response.created")) == 1
        assert len(client.of_type("response.done")) == 1
        assert after(client, events[-1]) == []


@on_virtual_time
async def test_11_the_events_of_a_spoken_answer_come_in_order():
    async with stage(answers=ANSWER) as client:
        events = await respond(client)
        deltas = [event["type"] for event in events if event["type"] in {TRANSCRIPT, AUDIO}]
        assert kinds(events) == [*BEGUN, *kinds([{"type": kind} for kind in deltas]), *SPOKEN_END]
        assert deltas[0] == TRANSCRIPT
        assert deltas.count(TRANSCRIPT) >= len(ANSWER.split()) / 2
        part_events = [event for event in events if "content_index" in event]
        places = {
            (e["response_id"], e["item_id"], e["output_index"], e["content_index"])
            for e in part_events
        }
        item = client.last("response.output_item.added")["item"]
        assert places == {(events[0]["response"]["id"], item["id"], 0, 0)}
        assert (item["content"], item["status"]) == ([], "in_progress")


@on_virtual_time
async def test_12_all_places_that_hold_the_transcript_agree():
    answer = "**Four** o'clock, see [the sign](https://example.org); or 3:30 pm… ☕ À bientôt!"
    async with stage(answers=answer) as client:
        events = await respond(client)
        joined = "".join(event["delta"] for event in client.of_type(TRANSCRIPT))
        done = client.last("response.output_audio_transcript.done")["transcript"]
        part = client.last("response.content_part.done")["part"]
        item = events[-1]["response"]["output"][0]
        assert joined == done == answer
        assert part == {"type": "audio", "transcript": answer}
        assert item["content"] == [{"type": "output_audio", "transcript": answer}]
        assert client.last("conversation.item.done")["item"] == item
        assert client.last("response.output_item.done")["item"] == item


@on_virtual_time
async def test_13_the_audio_is_24_khz_pcm_and_as_long_as_the_speech():
    async with stage(answers="It closes at four.") as client:
        await respond(client)
        pcm = np.frombuffer(client.heard_pcm(), "<i2")  # an odd number of bytes would fail here
        # The voice is a sine of 220 Hz that takes 60 ms a letter, in frames of 20 ms.
        seconds = len("It closes at four.") * 0.06
        assert seconds * 24_000 <= len(pcm) <= (seconds + 0.021) * 24_000
        second = pcm[:24_000].astype(float)
        assert np.argmax(np.abs(np.fft.rfft(second))) == 220
        assert 0.19 * 32768 < np.abs(second).max() < 0.21 * 32768


@on_virtual_time
async def test_13_no_audio_is_sent_long_before_it_sounds():
    async with stage(answers=LONG, tts=FakeTextToSpeech()) as client:
        await respond(client)
        started_s, sent_ms = client.at_s(AUDIO), 0.0
        for event, at_s in zip(client.events, client.transport.sent_at_s, strict=True):
            if event["type"] == AUDIO:
                sent_ms += len(base64.b64decode(event["delta"])) / 48
                assert sent_ms - (at_s - started_s) * 1000 <= 160 + 20 + 0.1


@on_virtual_time
async def test_18_a_cancelled_response_closes_what_was_open():
    async with stage(answers=LONG) as client:
        await client.send("response.create")
        await client.until(AUDIO, 20)
        await client.send("response.cancel")
        await client.be_silent(3000)
        assert [e["type"] for e in after(client, client.last(AUDIO))] == SPOKEN_END
        assert len(client.of_type(AUDIO)) <= 21
        done = client.last("response.done")["response"]
        assert done["status"] == "cancelled"
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        (item,) = done["output"]
        assert item["status"] == "incomplete"
        sent = "".join(event["delta"] for event in client.of_type(TRANSCRIPT))
        assert item["content"][0]["transcript"] == sent
        assert (await respond(client))[-1]["response"]["status"] == "completed"


@on_virtual_time
async def test_18_a_response_can_be_cancelled_by_name_and_before_its_first_item():
    async with stage(llm=FakeLanguageModel(LONG, delay_s=2)) as client:
        await client.send("response.create")
        created = await client.until("response.created")
        wrong = await error_of(client, "response.cancel", response_id="resp_other")
        assert wrong["code"] == "response_cancel_not_active"
        assert not client.of_type("response.done")
        await client.send("response.cancel", response_id=created["response"]["id"])
        done = (await client.until("response.done", limit_ms=200))["response"]
        assert (done["status"], done["output"]) == ("cancelled", [])
        assert client.types()[-2:] == ["error", "response.done"]


@on_virtual_time
async def test_19_there_may_be_nothing_to_cancel():
    async with stage() as client:
        error = await error_of(client, "response.cancel")
        assert error == refusal(
            "Cancellation failed: no active response found", "response_cancel_not_active"
        )
        assert (await ask(client))["status"] == "completed"
        error = await error_of(client, "response.cancel")
        assert error["code"] == "response_cancel_not_active"


@on_virtual_time
async def test_20_a_second_response_is_refused_and_the_first_goes_on():
    async with stage(answers=ANSWER) as client:
        await client.send("response.create", event_id="first")
        running = (await client.until("response.created"))["response"]["id"]
        await client.until(AUDIO, 5)
        error = await error_of(client, "response.create")
        assert error == refusal(
            "Conversation already has an active response in progress: "
            f"{running}. Wait until the response is finished before creating a new one.",
            "conversation_already_has_active_response",
        )
        done = (await client.until("response.done"))["response"]
        assert (done["id"], done["status"]) == (running, "completed")
        assert done["output"][0]["content"][0]["transcript"] == ANSWER
        assert len(client.of_type("response.created")) == 1
        assert (await respond(client))[-1]["response"]["status"] == "completed"


@on_virtual_time
async def test_20_two_creates_in_one_breath_make_one_response():
    """Even while the text of the last turn is not known yet."""
    async with stage() as client:
        await client.send("response.create", event_id="first")
        await client.send("response.create", event_id="second")
        error = (await client.until("error"))["error"]
        assert error["event_id"] == "second"
        assert error["code"] == "conversation_already_has_active_response"
        await client.until("response.done")
        assert len(client.of_type("response.created")) == 1


@on_virtual_time
async def test_24_usage_counts_in_integers_and_leaves_nothing_out():
    async with stage(settings={"instructions": "Be brief."}) as client:
        done = await ask(client)
        usage = done["usage"]
        assert set(usage) == {
            "total_tokens",
            "input_tokens",
            "output_tokens",
            "input_token_details",
            "output_token_details",
        }
        kinds_in = {"text_tokens", "audio_tokens", "image_tokens"}
        details = usage["input_token_details"]
        assert set(details) == kinds_in | {"cached_tokens", "cached_tokens_details"}
        assert set(details["cached_tokens_details"]) == kinds_in
        assert set(usage["output_token_details"]) == {"text_tokens", "audio_tokens"}
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert usage["output_tokens"] == 4
        assert usage["input_tokens"] == sum(details[kind] for kind in kinds_in)
        # "Be brief." and "And what about in winter?"
        assert usage["input_tokens"] == 2 + 5


@on_virtual_time
async def test_25_metadata_comes_back_at_both_ends():
    async with stage() as client:
        metadata = {"client_event_id": "evt_1", "topic": "hours"}
        events = await respond(client, metadata=metadata)
        assert events[0]["response"]["metadata"] == metadata
        assert events[-1]["response"]["metadata"] == metadata
        assert (await respond(client))[-1]["response"]["metadata"] is None
        many = {f"key{number}": "v" for number in range(17)}
        error = await error_of(client, "response.create", response={"metadata": many})
        assert (error["code"], error["param"]) == ("invalid_value", "response.metadata")


WRITTEN = [
    *BEGUN,
    "response.output_text.delta",
    "response.output_text.done",
    *SPOKEN_END[2:],
]


@pytest.mark.parametrize("whose", ["session", "response"])
@on_virtual_time
async def test_52_a_written_answer_has_no_audio_events(whose):
    async with stage(answers=ANSWER) as client:
        asked = {"output_modalities": ["text"]}
        if whose == "session":
            await client.update(**asked)
            asked = {}
        events = await respond(client, **asked)
        assert kinds(events) == WRITTEN
        assert not client.tts.texts
        text = "".join(event["delta"] for event in client.of_type("response.output_text.delta"))
        assert text == ANSWER == client.last("response.output_text.done")["text"]
        assert client.last("response.content_part.done")["part"] == {"type": "text", "text": text}
        response = events[-1]["response"]
        assert response["output_modalities"] == ["text"]
        assert response["output"][0]["content"] == [{"type": "output_text", "text": text}]
        spoken = kinds(await respond(client, output_modalities=["audio"]))
        assert (spoken[:4], spoken[-6:]) == (BEGUN, SPOKEN_END)


@on_virtual_time
async def test_59_a_response_out_of_band_leaves_no_trace():
    async with stage(answers=ANSWER) as client:
        await client.send("conversation.item.create", item=text_item("What colour?", id="item_a"))
        await client.send("conversation.item.create", item=text_item("What time?", id="item_b"))
        await client.send("response.create")
        default = (await client.until("response.created"))["response"]
        await client.until(AUDIO, 5)
        items = len(client.of_type("conversation.item.added"))
        references = [{"type": "item_reference", "id": "item_a"}, text_item("Be short.", "system")]
        asked = {
            "conversation": "none",
            "input": references,
            "output_modalities": ["text"],
            "metadata": {"purpose": "side"},
        }
        await client.send("response.create", response=asked)
        side = (await client.until("response.created", 2))["response"]
        assert side["conversation_id"] is None
        assert default["conversation_id"] is not None
        first, second = (
            await client.until("response.done"),
            await client.until("response.done", 2),
        )
        assert [first["response"]["id"], second["response"]["id"]] == [side["id"], default["id"]]
        assert first["response"]["conversation_id"] is None
        assert first["response"]["metadata"] == {"purpose": "side"}
        assert len(client.of_type("conversation.item.added")) == items
        prompt = client.llm.prompts[-1]
        said = [message.content for message in prompt.messages if message.role != "system"]
        assert said == ["What colour?"]
        assert prompt.messages[-1].content == "Be short."
        await respond(client)
        context = [message.content for message in client.llm.prompts[-1].messages]
        assert "Be short." not in context
        assert context.count(ANSWER) == 1


@on_virtual_time
async def test_59_an_empty_input_is_an_empty_context():
    async with stage(settings={"instructions": ""}) as client:
        await client.send("conversation.item.create", item=text_item("What time?"))
        await respond(client, conversation="none", input=[])
        assert client.llm.prompts[-1].messages == ()
        unknown = [{"type": "item_reference", "id": "item_none"}]
        error = await error_of(
            client, "response.create", response={"conversation": "none", "input": unknown}
        )
        assert (error["code"], error["param"]) == ("invalid_value", "response.input[0].id")


@on_virtual_time
async def test_60_what_one_response_asks_for_does_not_last():
    async with stage(settings={"instructions": "Be kind.", "max_output_tokens": 50}) as client:
        asked = {
            "instructions": "Be rude.",
            "tools": [FUNCTION],
            "tool_choice": "required",
            "max_output_tokens": 7,
        }
        events = await respond(client, **asked)
        assert events[0]["response"]["max_output_tokens"] == 7
        prompt = client.llm.prompts[-1]
        assert prompt.messages[0].content == "Be rude."
        assert [tool.name for tool in prompt.tools] == ["weather"]
        assert (prompt.tool_choice, prompt.max_tokens) == ("required", 7)
        await respond(client)
        prompt = client.llm.prompts[-1]
        assert prompt.messages[0].content == "Be kind."
        assert (prompt.tools, prompt.tool_choice, prompt.max_tokens) == ((), "auto", 50)
        assert not client.of_type("session.updated")[1:]


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "name": "weather"}, "weather"),
    ],
)
@on_virtual_time
async def test_61_the_model_is_told_which_tools_to_use(choice, told):
    async with stage(settings={"tools": [FUNCTION], "tool_choice": choice}) as client:
        await respond(client)
        assert client.llm.prompts[-1].tool_choice == told
        assert client.last("session.updated")["session"]["tool_choice"] == choice


@on_virtual_time
async def test_62_an_answer_that_hits_its_limit_is_incomplete():
    async with stage(answers=LONG) as client:
        done = (await respond(client, max_output_tokens=16))[-1]["response"]
        assert done["status"] == "incomplete"
        assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert done["usage"]["output_tokens"] == 16
        (item,) = done["output"]
        assert item["status"] == "incomplete"
        assert len(item["content"][0]["transcript"].split()) == 16
        for wrong in (0, 4097, "16"):
            error = await error_of(client, "response.create", response={"max_output_tokens": wrong})
            assert (error["code"], error["param"]) == (
                "invalid_value",
                "response.max_output_tokens",
            )


@on_virtual_time
async def test_10_typing_while_an_answer_is_spoken_waits_its_turn():
    """An item made during a response does not disturb it and is there for the next."""
    async with stage(answers=LONG) as client:
        await say(client, recorded("winter"))
        await client.until(AUDIO, 10)
        await client.send("conversation.item.create", item=text_item("And on Sunday?"))
        await asyncio.sleep(0.001)
        assert (
            client.last("conversation.item.done")["item"]["content"][0]["text"] == "And on Sunday?"
        )
        assert (await client.until("response.done"))["response"]["status"] == "completed"
        await respond(client)
        roles = [message.role for message in client.llm.prompts[-1].messages]
        assert roles == ["user", "assistant", "user"]
