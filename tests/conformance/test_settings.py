"""Checklist: what a client may set, and what it is told of it (4-8, 52, 54, 55, 70, 71)."""

import pytest

from tests.conformance.stage import (
    ask,
    error_of,
    on_virtual_time,
    refusal,
    stage,
)

SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}


def detection(client) -> dict | None:
    return client.last("session.updated")["session"]["audio"]["input"]["turn_detection"]


@on_virtual_time
async def test_04_an_update_is_answered_once_with_the_whole_session():
    async with stage() as client:
        created = client.events[0]["session"]
        await client.update(
            instructions="Be brief.", audio={"output": {"voice": "marin", "speed": 1.2}}
        )
        await client.be_silent(200)
        assert client.types() == ["session.created", "session.updated"]
        expected = created | {"instructions": "Be brief."}
        expected["audio"]["output"] |= {"voice": "marin", "speed": 1.2}
        assert client.last("session.updated")["session"] == expected


@on_virtual_time
async def test_05_what_an_update_leaves_out_keeps_its_value():
    tool = {"type": "function", "name": "f", "description": "", "parameters": {}}
    first = {
        "instructions": "Be brief.",
        "tools": [tool],
        "tool_choice": "none",
        "max_output_tokens": 99,
        "audio": {
            "input": {"transcription": {"model": "whisper-1", "language": "en"}},
            "output": {"voice": "cedar"},
        },
    }
    async with stage(settings=first) as client:
        before = client.last("session.updated")["session"]
        await client.update(instructions="Be long.")
        assert client.last("session.updated")["session"] == before | {"instructions": "Be long."}
        await client.update(audio={"input": {"turn_detection": {"silence_duration_ms": 300}}})
        session = client.last("session.updated")["session"]
        assert session["audio"]["input"]["turn_detection"] == SERVER_VAD | {
            "silence_duration_ms": 300
        }
        assert session["audio"]["input"]["transcription"] == {
            "model": "whisper-1",
            "language": "en",
        }
        await client.update(tools=[], instructions="")
        session = client.last("session.updated")["session"]
        assert (session["tools"], session["instructions"]) == ([], "")
        assert session["max_output_tokens"] == 99


@on_virtual_time
async def test_06_null_switches_turn_detection_off_and_nothing_else_does():
    async with stage() as client:
        await client.update(audio={"input": {"turn_detection": None}})
        assert detection(client) is None
        await client.speak(1000)
        await client.be_silent(2000)
        assert client.types() == ["session.created", "session.updated"]
        await client.update(instructions="x", audio={"input": {}})
        assert detection(client) is None
        await client.update(audio={"input": {"turn_detection": {"type": "server_vad"}}})
        assert detection(client) == SERVER_VAD
        assert (await ask(client))["status"] == "completed"


@on_virtual_time
async def test_07_semantic_vad_is_echoed_with_its_defaults():
    async with stage() as client:
        await client.update(audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
        assert detection(client) == {
            "type": "semantic_vad",
            "eagerness": "auto",
            "create_response": True,
            "interrupt_response": True,
        }
        await client.update(
            audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}
        )
        assert detection(client) == SERVER_VAD | {"idle_timeout_ms": 5000}


@on_virtual_time
async def test_08_a_model_and_tracing_are_no_errors():
    async with stage() as client:
        model = client.events[0]["session"]["model"]
        await client.update(model="gpt-realtime-2.1", tracing="auto")
        await client.update(tracing={"workflow_name": "w", "group_id": "g", "metadata": {}})
        await client.update(tracing=None)
        assert client.types() == ["session.created", "session.updated"] + ["session.updated"] * 2
        echoed = [event["session"]["tracing"] for event in client.of_type("session.updated")]
        assert echoed == ["auto", {"workflow_name": "w", "group_id": "g", "metadata": {}}, None]
        if model:
            assert client.last("session.updated")["session"]["model"] == model


@on_virtual_time
async def test_52_text_and_audio_at_once_are_refused():
    async with stage() as client:
        wrong = {"type": "realtime", "output_modalities": ["text", "audio"], "instructions": "no"}
        error = await error_of(client, "session.update", session=wrong)
        assert (error["code"], error["param"]) == ("invalid_value", "session.output_modalities")
        error = await error_of(
            client, "response.create", response={"output_modalities": ["audio", "text"]}
        )
        assert (error["code"], error["param"]) == ("invalid_value", "response.output_modalities")
        await client.update()
        session = client.last("session.updated")["session"]
        assert session["output_modalities"] == ["audio"]
        assert session["instructions"] != "no"
        assert not client.of_type("response.created")


@on_virtual_time
async def test_54_the_voice_is_locked_once_it_was_heard():
    async with stage() as client:
        await client.update(audio={"output": {"voice": "ash"}})
        await ask(client)
        wrong = {"type": "realtime", "instructions": "no", "audio": {"output": {"voice": "echo"}}}
        error = await error_of(client, "session.update", session=wrong)
        assert error == refusal(
            "Cannot update a conversation's voice if assistant audio is present.",
            "cannot_update_voice",
            "session.audio.output.voice",
        )
        assert len(client.of_type("session.updated")) == 1
        await client.update(instructions="yes", audio={"output": {"voice": "ash"}})
        session = client.last("session.updated")["session"]
        assert (session["audio"]["output"]["voice"], session["instructions"]) == ("ash", "yes")


@on_virtual_time
async def test_55_what_is_missing_or_unknown_in_an_update_is_named():
    async with stage() as client:
        error = await error_of(client, "session.update", session={"instructions": "no"})
        assert error == refusal(
            "Missing required parameter: 'session.type'.",
            "missing_required_parameter",
            "session.type",
        )
        wrong = {"type": "realtime", "voice": "alloy", "instructions": "no"}
        error = await error_of(client, "session.update", session=wrong)
        assert error == refusal(
            "Unknown parameter: 'session.voice'.", "unknown_parameter", "session.voice"
        )
        deep = {"type": "realtime", "audio": {"input": {"turn_detection": {"silence_ms": 1}}}}
        error = await error_of(client, "session.update", session=deep)
        path = "session.audio.input.turn_detection.silence_ms"
        assert error == refusal(f"Unknown parameter: '{path}'.", "unknown_parameter", path)
        error = await error_of(client, "session.update")
        assert (error["code"], error["param"]) == ("missing_required_parameter", "session")
        await client.update()
        assert client.last("session.updated")["session"] == client.events[0]["session"]


@on_virtual_time
async def test_70_speed_changes_how_long_the_answer_lasts():
    async with stage() as client:
        lengths = {}
        for speed in (1.0, 0.5, 1.5):
            await client.update(audio={"output": {"speed": speed}})
            before = len(client.heard_pcm())
            await ask(client)
            lengths[speed] = len(client.heard_pcm()) - before
        assert lengths[0.5] == pytest.approx(2 * lengths[1.0], rel=0.03)
        assert lengths[1.5] == pytest.approx(lengths[1.0] / 1.5, rel=0.03)


@pytest.mark.parametrize("speed", [0.24, 1.51, "fast"])
@on_virtual_time
async def test_70_a_speed_out_of_range_is_refused(speed):
    async with stage() as client:
        wrong = {"type": "realtime", "audio": {"output": {"speed": speed}}}
        error = await error_of(client, "session.update", session=wrong)
        assert (error["code"], error["param"]) == ("invalid_value", "session.audio.output.speed")


@on_virtual_time
async def test_71_noise_reduction_is_taken_and_echoed():
    async with stage() as client:
        for wanted in ({"type": "near_field"}, {"type": "far_field"}, None):
            await client.update(audio={"input": {"noise_reduction": wanted}})
            echoed = client.last("session.updated")["session"]["audio"]["input"]["noise_reduction"]
            assert (echoed and {"type": echoed["type"]}) == wanted
            assert (await ask(client))["status"] == "completed"
        wrong = {"type": "realtime", "audio": {"input": {"noise_reduction": {"type": "far"}}}}
        error = await error_of(client, "session.update", session=wrong)
        assert error["param"] == "session.audio.input.noise_reduction.type"
