"""Checklist: an interrupted answer is remembered as far as it was heard (21-23)."""

import pytest

from tests.conformance.stage import (
    AUDIO,
    HEARD,
    ask,
    error_of,
    on_virtual_time,
    recording,
    refusal,
    say,
    stage,
    text_item,
)
from tests.conformance.stage import words as words_of

LONG = "one two three four five six seven eight nine ten " * 6
MS_PER_CHARACTER = 60
"""How fast the fake voice speaks."""
A_WORD = 6
"""In characters; one that had begun may count as heard or not."""


async def truncate(client, item_id: str, audio_end_ms: int) -> dict:
    count = len(client.of_type("conversation.item.truncated")) + 1
    fields = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
    await client.send("conversation.item.truncate", **fields)
    return await client.until("conversation.item.truncated", count, limit_ms=100)


async def remembered(client) -> str:
    """What the model is told that it said."""
    count = len(client.of_type("response.done")) + 1
    await client.send("response.create", response={"output_modalities": ["text"]})
    await client.until("response.done", count)
    messages = client.llm.prompts[-1].messages
    return next((m.content for m in messages if m.role == "assistant"), "")


async def retrieved_text(client, item_id: str) -> str:
    count = len(client.of_type("conversation.item.retrieved")) + 1
    await client.send("conversation.item.retrieve", item_id=item_id)
    event = await client.until("conversation.item.retrieved", count, limit_ms=100)
    return event["item"]["content"][0]["transcript"]


@on_virtual_time
async def test_21_a_truncation_is_confirmed_with_its_own_words():
    async with stage() as client:
        item_id = (await ask(client))["output"][0]["id"]
        event = await truncate(client, item_id, 400)
        assert {name: event[name] for name in event if name != "event_id"} == {
            "type": "conversation.item.truncated",
            "item_id": item_id,
            "content_index": 0,
            "audio_end_ms": 400,
        }


@on_virtual_time
async def test_21_an_answer_can_be_truncated_before_its_response_is_done():
    """Clients truncate the moment they notice speech, whatever the server has sent by then."""
    async with stage(answers=LONG) as client:
        await client.send("response.create")
        await client.until(AUDIO, 100)
        item_id = client.last("response.output_item.added")["item"]["id"]
        await truncate(client, item_id, 1000)
        assert not client.of_type("response.done")
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        assert not client.of_type("error")
        assert 0 < len(await retrieved_text(client, item_id)) <= 1000 / MS_PER_CHARACTER + A_WORD


@on_virtual_time
async def test_21_an_answer_can_be_truncated_right_after_it_was_interrupted():
    async with stage([HEARD, words_of("interrupt")], LONG) as client:
        await say(client, recording("winter"))
        await client.until(AUDIO, 100)
        await say(client, recording("interrupt"))
        item_id = client.last("response.done")["response"]["output"][0]["id"]
        await truncate(client, item_id, 700)
        await client.until("response.created", 2)
        said = [m for m in client.llm.prompts[-1].messages if m.role == "assistant"]
        assert 0 < len(said[0].content) <= 700 / MS_PER_CHARACTER + A_WORD
        assert not client.of_type("error")


@pytest.mark.parametrize("heard_ms", [0, 300, 1500, 3000])
@on_virtual_time
async def test_22_the_model_knows_what_was_heard_and_no_more(heard_ms):
    async with stage(answers=LONG) as client:
        await client.send("conversation.item.create", item=text_item("Count."))
        await client.send("response.create")
        item_id = (await client.until("response.done"))["response"]["output"][0]["id"]
        await truncate(client, item_id, heard_ms)
        shown = await retrieved_text(client, item_id)
        said = await remembered(client)
        assert said == shown
        assert LONG.startswith(said)
        assert abs(len(said) - heard_ms / MS_PER_CHARACTER) <= A_WORD
        assert (said == "") == (heard_ms == 0)


@on_virtual_time
async def test_22_a_second_truncation_never_brings_words_back():
    async with stage(answers=LONG) as client:
        item_id = (await ask(client))["output"][0]["id"]
        await truncate(client, item_id, 1000)
        short = await retrieved_text(client, item_id)
        await truncate(client, item_id, 5000)
        assert await retrieved_text(client, item_id) == short
        await truncate(client, item_id, 300)
        assert len(await retrieved_text(client, item_id)) < len(short)


@on_virtual_time
async def test_22_without_a_word_from_the_client_the_server_keeps_what_sounded():
    async with stage([HEARD, words_of("interrupt")], LONG) as client:
        await say(client, recording("winter"))
        await client.until(AUDIO, 100)
        started_s = client.at_s(AUDIO)
        await say(client, recording("interrupt"))
        await client.until("response.created", 2)
        said = next(m.content for m in client.llm.prompts[-1].messages if m.role == "assistant")
        last_s = max(
            at
            for event, at in zip(client.events, client.transport.sent_at_s, strict=True)
            if event["type"] == AUDIO and at < client.at_s("input_audio_buffer.speech_started", 1)
        )
        heard_ms = (last_s - started_s) * 1000
        assert abs(len(said) - heard_ms / MS_PER_CHARACTER) <= A_WORD


@on_virtual_time
async def test_23_a_truncation_beyond_the_end_breaks_nothing():
    async with stage() as client:
        item_id = (await ask(client))["output"][0]["id"]
        event = await truncate(client, item_id, 3_600_000)
        assert event["audio_end_ms"] == 3_600_000
        assert await retrieved_text(client, item_id) == "It closes at four."
        assert (await ask(client))["status"] == "completed"


@on_virtual_time
async def test_23_what_cannot_be_truncated_is_refused():
    async with stage() as client:
        answer = (await ask(client))["output"][0]["id"]
        user = client.last("input_audio_buffer.committed")["item_id"]
        fields = {"content_index": 0, "audio_end_ms": 100}
        error = await error_of(client, "conversation.item.truncate", item_id=user, **fields)
        assert error == refusal("Only model output audio messages can be truncated", None)
        error = await error_of(client, "conversation.item.truncate", item_id="nope", **fields)
        assert error["code"] == "item_truncate_invalid_item_id"
        fields = {"item_id": answer, "content_index": 0}
        error = await error_of(client, "conversation.item.truncate", **fields, audio_end_ms=1.5)
        assert (error["code"], error["param"]) == ("invalid_value", "audio_end_ms")
        error = await error_of(client, "conversation.item.truncate", **fields)
        assert error["code"] == "missing_required_parameter"
        assert await retrieved_text(client, answer) == "It closes at four."
