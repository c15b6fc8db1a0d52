"""What one response may have otherwise than its session, and where answers look."""

import pytest

from tests.realtime.test_config import BASE, update
from voice.realtime.config import ResponseParams
from voice.realtime.errors import WireError
from voice.realtime.settings import (
    FunctionTool,
    Pcmu,
    Reasoning,
)
from voice.realtime.validation import convert


def params(**fields: object) -> ResponseParams:
    return convert(fields, ResponseParams, "response")


def test_a_response_takes_from_the_session_what_it_does_not_bring():
    assert BASE.for_response(None) == BASE.for_response(params()) == BASE
    assert BASE.for_response(params(audio={"output": {}})) == BASE


def test_what_a_response_brings_holds_for_it_alone():
    config = BASE.for_response(
        params(
            instructions="",
            output_modalities=["text"],
            tools=[{"type": "function", "name": "f"}],
            tool_choice="required",
            max_output_tokens=16,
            parallel_tool_calls=False,
            reasoning={"effort": "low"},
            prompt={"id": "p"},
        )
    )
    assert (config.instructions, config.output_modalities) == ("", ("text",))
    assert (config.tool_choice, config.max_output_tokens) == ("required", 16)
    assert config.tools == (FunctionTool(name="f"),)
    assert (config.parallel_tool_calls, config.reasoning) == (False, Reasoning(effort="low"))
    assert config.model == "m"
    assert BASE.instructions == "Be kind."


def test_a_response_can_have_its_own_voice_and_format():
    output = {"voice": {"id": "ash"}, "format": {"type": "audio/pcmu"}}
    config = BASE.for_response(params(audio={"output": output}))
    assert (config.audio.output.voice, config.audio.output.format) == ("ash", Pcmu())
    assert config.audio.output.speed == 1.0
    assert config.audio.input == BASE.audio.input


def test_a_response_must_choose_between_audio_and_text():
    with pytest.raises(WireError) as caught:
        BASE.for_response(params(output_modalities=["text", "audio"]))
    assert caught.value.param == "response.output_modalities"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"metadata": {str(n): "x" for n in range(17)}}, "response.metadata"),
        ({"metadata": {"k" * 65: "x"}}, "response.metadata"),
        ({"metadata": {"k": "x" * 513}}, "response.metadata[...]"),
        ({"metadata": {"k": 5}}, "response.metadata[...]"),
        ({"conversation": "mine"}, "response.conversation"),
        ({"input": [{"type": "item_reference"}]}, "response.input[0].id"),
        ({"max_output_tokens": 4097}, "response.max_output_tokens"),
    ],
)
def test_bad_parameters_of_a_response_are_refused(fields, param):
    with pytest.raises(WireError) as caught:
        params(**fields)
    assert caught.value.param == param


def test_the_largest_metadata_is_taken():
    metadata = {f"{n:064}": "x" * 512 for n in range(16)}
    assert params(metadata=metadata).metadata == metadata


def test_where_to_look_is_shown_only_if_it_was_said():
    assert "retrieval" not in BASE.to_wire("sess_1")
    somewhere = update(retrieval={"vector_store_ids": ["vs_1"]})
    assert somewhere.to_wire("sess_1")["retrieval"] == {
        "vector_store_ids": ("vs_1",),
        "max_num_results": 4,
        "mode": "before",
    }
    assert update(somewhere, retrieval=None).to_wire("sess_1")["retrieval"] is None
    by_tool = update(retrieval={"mode": "tool"}).to_wire("sess_1")["retrieval"]
    assert by_tool["vector_store_ids"] == ("vs_documents",)


def test_a_place_to_look_names_a_store():
    with pytest.raises(WireError) as caught:
        update(retrieval={"vector_store_ids": []})
    assert caught.value.param == "session.retrieval.vector_store_ids"
