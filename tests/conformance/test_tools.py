"""Checklist: the model calls functions of the client (26, 27, 51, 61)."""

import json

from tests.conformance.stage import (
    AUDIO,
    BEGUN,
    HEARD,
    ask,
    kinds,
    on_virtual_time,
    recording,
    say,
    stage,
)
from voice.engines.fakes import FakeLanguageModel, calling
from voice.engines.protocols import CallDelta, CallStarted, Finished, TextDelta

WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "What the weather is like.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALLED = [
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "conversation.item.done",
]


def forecaster(prompt):
    """Look at the weather, then tell it."""
    last = prompt.messages[-1]
    if last.role == "tool":
        return f"It is {last.content} there."
    return calling("weather", {"city": "Zürich"}, "call_weather_1")


@on_virtual_time
async def test_26_a_function_call_has_the_events_of_order_f():
    async with stage(answers=forecaster, settings={"tools": [WEATHER]}) as client:
        done = await ask(client)
        start = client.events.index(client.last("response.created"))
        call = client.events[start:]
        assert kinds(call) == ["response.created", *CALLED, "response.done"]
        added, item = call[1]["item"], call[-2]["item"]
        assert (added["arguments"], added["status"]) == ("", "in_progress")
        assert (added["name"], added["call_id"]) == ("weather", "call_weather_1")
        assert call[2]["item"] == added
        deltas = [event["delta"] for event in call if event["type"].endswith("arguments.delta")]
        finished = client.last("response.function_call_arguments.done")
        assert "".join(deltas) == finished["arguments"] == item["arguments"]
        assert json.loads(finished["arguments"]) == {"city": "Zürich"}
        assert finished["name"] == "weather"
        assert item["status"] == "completed"
        assert (done["output"], done["status"]) == ([item], "completed")
        ids = {e["call_id"] for e in call if "call_id" in e} | {added["call_id"], item["call_id"]}
        assert ids == {"call_weather_1"}
        assert len({e["item_id"] for e in call if "item_id" in e} | {added["id"]}) == 1
        assert not client.of_type(AUDIO)


@on_virtual_time
async def test_26_words_may_come_before_the_calls():
    pieces = [
        TextDelta(text="Let me see."),
        CallStarted(call_id="call_1", name="weather"),
        CallDelta(arguments='{"city": '),
        CallDelta(arguments='"Rome"}'),
        CallStarted(call_id="call_2", name="weather"),
        CallDelta(arguments='{"city": "Oslo"}'),
        Finished(reason="tool_calls"),
    ]
    async with stage(llm=FakeLanguageModel(pieces), settings={"tools": [WEATHER]}) as client:
        done = await ask(client)
        assert [item["type"] for item in done["output"]] == [
            "message",
            "function_call",
            "function_call",
        ]
        indexes = [event["output_index"] for event in client.of_type("response.output_item.added")]
        assert indexes == [0, 1, 2]
        begun = client.types().index("response.created")
        assert client.types()[begun : begun + 4] == BEGUN
        arguments = client.of_type("response.function_call_arguments.done")
        assert [json.loads(event["arguments"])["city"] for event in arguments] == ["Rome", "Oslo"]
        assert [event["call_id"] for event in arguments] == ["call_1", "call_2"]


@on_virtual_time
async def test_26_a_call_without_arguments_has_an_empty_object():
    pieces = [CallStarted(call_id="call_1", name="weather"), Finished(reason="tool_calls")]
    async with stage(llm=FakeLanguageModel(pieces), settings={"tools": [WEATHER]}) as client:
        await ask(client)
        assert client.last("response.function_call_arguments.done")["arguments"] == "{}"


@on_virtual_time
async def test_27_the_output_of_a_function_is_answered():
    async with stage(answers=forecaster, settings={"tools": [WEATHER]}) as client:
        await ask(client)
        call = client.last("response.output_item.done")["item"]
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        await client.send("conversation.item.create", item=output)
        added = await client.until("conversation.item.added", 3)
        assert added["previous_item_id"] == call["id"]
        assert added["item"]["type"] == "function_call_output"
        await client.be_silent(1000)
        assert len(client.of_type("response.created")) == 1
        await client.send("response.create")
        done = (await client.until("response.done", 2))["response"]
        assert done["output"][0]["content"][0]["transcript"] == "It is sunny there."
        roles = [message.role for message in client.llm.prompts[-1].messages]
        assert roles == ["user", "assistant", "tool"]
        user, asked, told = client.llm.prompts[-1].messages
        assert user.content == HEARD
        assert [(c.call_id, c.name, c.arguments) for c in asked.tool_calls] == [
            ("call_weather_1", "weather", call["arguments"])
        ]
        assert (told.tool_call_id, told.content) == ("call_weather_1", "sunny")


@on_virtual_time
async def test_51_the_call_is_in_the_conversation_before_its_arguments_are_done():
    async with stage(answers=forecaster, settings={"tools": [WEATHER]}) as client:
        await ask(client)
        added = next(
            number
            for number, event in enumerate(client.events)
            if event["type"] == "conversation.item.added"
            and event["item"]["type"] == "function_call"
        )
        done = client.events.index(client.last("response.function_call_arguments.done"))
        assert added < done
        assert client.events[added]["item"]["call_id"] == client.events[done]["call_id"]


@on_virtual_time
async def test_27_speech_between_a_call_and_its_output_is_heard():
    """The user need not wait for a slow function, and the output still finds its call."""
    async with stage([HEARD, "Hello?"], forecaster, settings={"tools": [WEATHER]}) as client:
        await ask(client)
        call = client.last("response.output_item.done")["item"]
        await say(client, recording("winter"))
        await client.until("response.done", 2)
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        await client.send("conversation.item.create", item=output)
        await client.send("response.create")
        done = (await client.until("response.done", 3))["response"]
        assert done["status"] == "completed"
        assert not client.of_type("error")
