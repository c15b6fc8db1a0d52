"""Checklist: the items of a conversation, made, moved, shown and dropped (9, 46-49, 69)."""

import base64

import pytest

from tests.conformance.stage import (
    AUDIO,
    HEARD,
    TRANSCRIBED,
    after,
    ask,
    error_of,
    on_virtual_time,
    refusal,
    stage,
    text_item,
)
from voice.engines.fakes import FakeTextToSpeech

PIXEL = "data:image/png;base64,iVBORw0KGgo="


async def create(client, item: dict, **fields) -> dict:
    """Make an item; gives its `added` event after asserting that `done` says the same."""
    before = len(client.events)
    await client.send("conversation.item.create", item=item, **fields)
    await client.be_silent(20)
    added, done = client.events[before:]
    assert added["type"] == "conversation.item.added"
    assert done["type"] == "conversation.item.done"
    place = {"item": added["item"], "previous_item_id": added["previous_item_id"]}
    assert {name: done[name] for name in place} == place
    return added


async def order(client) -> list[str]:
    """The texts of the conversation as the model is told them."""
    await client.send("response.create", response={"output_modalities": ["text"]})
    count = len(client.of_type("response.done")) + 1
    await client.until("response.done", count)
    return [message.content for message in client.llm.prompts[-1].messages]


@on_virtual_time
async def test_09_an_item_is_added_and_done_and_not_answered():
    async with stage() as client:
        added = await create(client, text_item("Hello."))
        item = added["item"]
        assert added["previous_item_id"] is None
        assert item == text_item("Hello.") | {
            "id": item["id"],
            "object": "realtime.item",
            "status": "completed",
        }
        assert item["id"].startswith("item_")
        await client.be_silent(3000)
        assert not client.of_type("response.created")
        assert not client.llm.prompts


@on_virtual_time
async def test_46_items_are_retrieved_with_their_words_and_audio():
    async with stage(settings=TRANSCRIBED) as client:
        await ask(client)
        user = client.last("input_audio_buffer.committed")["item_id"]
        answer = client.last("response.done")["response"]["output"][0]["id"]
        for number, (item_id, kind) in enumerate([(user, "input_audio"), (answer, "output_audio")]):
            await client.send("conversation.item.retrieve", item_id=item_id)
            retrieved = await client.until("conversation.item.retrieved", number + 1, 100)
            (part,) = retrieved["item"]["content"]
            assert (retrieved["item"]["id"], part["type"]) == (item_id, kind)
            assert part["transcript"] == (HEARD if number == 0 else "It closes at four.")
            audio = base64.b64decode(part["audio"])
            assert len(audio) > 48 * 1000
            if kind == "output_audio":
                assert audio == client.heard_pcm()


@on_virtual_time
async def test_46_an_item_with_much_audio_still_fits_a_frame():
    """More than 16 s of speech would not fit the 1 MiB that some clients take."""
    tts = FakeTextToSpeech(seconds_per_character=1.0)
    async with stage(tts=tts) as client:
        answer = await ask(client)
        assert len(client.heard_pcm()) > 17 * 48_000
        await client.send("conversation.item.retrieve", item_id=answer["output"][0]["id"])
        retrieved = await client.until("conversation.item.retrieved")
        assert retrieved["item"]["content"][0]["transcript"] == "It closes at four."
        assert len(str(retrieved)) < 2**20


@on_virtual_time
async def test_46_an_unknown_item_is_an_error_that_names_the_question():
    async with stage() as client:
        error = await error_of(client, "conversation.item.retrieve", item_id="item_none")
        assert error["code"] == "item_retrieve_invalid_item_id"
        assert error["type"] == "invalid_request_error"


@on_virtual_time
async def test_47_a_deleted_item_is_gone_from_the_chain_and_from_the_context():
    async with stage() as client:
        for name in ("a", "b", "c"):
            await create(client, text_item(name, id=name))
        for name in ("b", "c"):
            await client.send("conversation.item.delete", item_id=name)
        await client.until("conversation.item.deleted", 2)
        assert [e["item_id"] for e in client.of_type("conversation.item.deleted")] == ["b", "c"]
        assert (await create(client, text_item("d", id="d")))["previous_item_id"] == "a"
        error = await error_of(client, "conversation.item.delete", item_id="b")
        assert error == refusal(
            "Error deleting item: the item with id 'b' does not exist.",
            "item_delete_invalid_item_id",
            "item_id",
        )
        assert await order(client) == ["a", "d"]


@on_virtual_time
async def test_48_an_item_goes_first_or_after_another():
    async with stage() as client:
        await create(client, text_item("b", id="b"))
        first = await create(client, text_item("a", id="a"), previous_item_id="root")
        assert first["previous_item_id"] is None
        third = await create(client, text_item("d", id="d"))
        assert third["previous_item_id"] == "b"
        between = await create(client, text_item("c", id="c"), previous_item_id="b")
        assert between["previous_item_id"] == "b"
        lost = text_item("lost", id="lost")
        error = await error_of(
            client, "conversation.item.create", item=lost, previous_item_id="nobody"
        )
        assert (error["code"], error["param"]) == ("invalid_value", "previous_item_id")
        assert "nobody" in error["message"]
        error = await error_of(client, "conversation.item.retrieve", item_id="lost")
        assert error["code"] == "item_retrieve_invalid_item_id"
        assert await order(client) == ["a", "b", "c", "d"]


@on_virtual_time
async def test_49_ids_of_the_client_are_kept_and_cannot_be_used_twice():
    async with stage() as client:
        for item_id in ("0123456789abcdef0123456789abcdef", "item_AbCdEf", "call-7"):
            assert (await create(client, text_item("x", id=item_id)))["item"]["id"] == item_id
        error = await error_of(
            client, "conversation.item.create", item=text_item("y", id="item_AbCdEf")
        )
        assert error == refusal(
            "Error adding item: an item with id 'item_AbCdEf' already exists.",
            "item_create_duplicate_item_id",
            "item.id",
        )
        assert await order(client) == ["x", "x", "x"]


@on_virtual_time
async def test_69_messages_of_every_role_reach_the_model():
    async with stage(settings={"instructions": ""}) as client:
        for role in ("system", "user", "assistant"):
            added = await create(client, text_item(f"I am the {role}.", role))
            assert added["item"]["role"] == role
        # Some clients write the assistant's history as if a user had typed it.
        replayed = {"type": "message", "role": "assistant"}
        part = {"type": "input_text", "text": "I said that."}
        added = await create(client, replayed | {"content": [part]})
        assert added["item"]["content"] == [{"type": "output_text", "text": "I said that."}]
        await client.send("response.create")
        await client.until("response.done")
        said = [(message.role, message.content) for message in client.llm.prompts[-1].messages]
        assert said == [
            ("system", "I am the system."),
            ("user", "I am the user."),
            ("assistant", "I am the assistant."),
            ("assistant", "I said that."),
        ]


@on_virtual_time
async def test_69_a_picture_reaches_the_model():
    async with stage() as client:
        text = {"type": "input_text", "text": "What is this?"}
        image = {"type": "input_image", "image_url": PIXEL}
        await create(client, {"type": "message", "role": "user", "content": [text, image]})
        await client.send("response.create")
        await client.until("response.done")
        message = client.llm.prompts[-1].messages[-1]
        assert (message.content, message.images) == ("What is this?", (PIXEL,))


@pytest.mark.parametrize(
    ("role", "part", "param"),
    [
        ("user", {"type": "input_image", "image_url": "file:///etc/passwd"}, "image_url"),
        ("user", {"type": "output_text", "text": "x"}, "type"),
        ("system", {"type": "input_audio", "audio": ""}, "type"),
        ("assistant", {"type": "input_audio", "audio": ""}, "type"),
    ],
)
@on_virtual_time
async def test_69_content_that_does_not_belong_is_refused(role, part, param):
    async with stage() as client:
        item = {"type": "message", "role": role, "content": [part]}
        error = await error_of(client, "conversation.item.create", item=item)
        assert (error["code"], error["param"]) == ("invalid_value", f"item.content[0].{param}")
        assert not client.of_type("conversation.item.added")
        assert not client.of_type(AUDIO)
        assert after(client, client.last("error")) == []
