import msgspec
import pytest

from tests.realtime.talk import invalid
from voice.realtime.errors import WireError
from voice.realtime.settings import (
    Audio,
    FunctionTool,
    NoiseReduction,
    Pcm,
    Pcma,
    Pcmu,
    PromptReference,
    SemanticVad,
    ServerVad,
    Tracing,
    Transcription,
)
from voice.realtime.validation import convert


def wire(setting: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(setting))


def nested(depth: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for level in range(depth):
        value = {"a": [value]} if level % 2 else {"a": value}
    return value


def test_the_defaults_are_those_of_the_reference():
    assert wire(Audio()) == {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 500,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "voice": "alloy",
            "speed": 1.0,
        },
    }
    assert wire(SemanticVad()) == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


def test_formats_know_their_rate_and_size():
    sizes = {kind.type: (kind.rate_hz, kind.bytes_per_ms) for kind in (Pcm, Pcmu, Pcma)}
    assert sizes == {
        "audio/pcm": (24_000, 48),
        "audio/pcmu": (8_000, 8),
        "audio/pcma": (8_000, 8),
    }
    assert wire(Pcmu()) == {"type": "audio/pcmu"}


def test_only_what_was_set_is_shown_of_a_transcription():
    """Clients with strict types fail on keys that they did not send."""
    assert wire(Transcription()) == {}
    assert wire(Transcription(model="whisper-1", keywords=("Ada",))) == {
        "model": "whisper-1",
        "keywords": ["Ada"],
    }


def test_the_strength_of_noise_reduction_is_shown_when_it_is_not_the_full_one():
    assert wire(NoiseReduction(type="near_field")) == {"type": "near_field"}
    assert wire(NoiseReduction(type="far_field", strength=0.5)) == {
        "type": "far_field",
        "strength": 0.5,
    }


def test_a_tool_is_shown_whole_and_without_nulls():
    tool = convert({"name": "f", "strict": True, "description": None}, FunctionTool, "tool")
    assert tool.to_wire() == {"type": "function", "name": "f", "description": "", "parameters": {}}


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (ServerVad, {"type": "server_vad", "threshold": 1.1}, "threshold': expected number <= 1.0"),
        (ServerVad, {"type": "server_vad", "threshold": -1}, "threshold': expected number >= 0.0"),
        (
            ServerVad,
            {"type": "server_vad", "idle_timeout_ms": 4999},
            "idle_timeout_ms': expected integer >= 5000",
        ),
        (
            ServerVad,
            {"type": "server_vad", "idle_timeout_ms": 30001},
            "idle_timeout_ms': expected integer <= 30000",
        ),
        (
            ServerVad,
            {"type": "server_vad", "silence_duration_ms": 0.5},
            "silence_duration_ms': expected integer, got number",
        ),
        (FunctionTool, {"name": ""}, "name': expected string of length >= 1"),
    ],
)
def test_numbers_outside_their_range_are_refused(kind, value, message):
    with pytest.raises(WireError) as caught:
        convert(value, kind, "x")
    assert caught.value.message == f"Invalid value for 'x.{message}."


@pytest.mark.parametrize(
    ("kind", "known", "free"),
    [
        (FunctionTool, {"name": "f"}, "parameters"),
        (Tracing, {}, "metadata"),
        (PromptReference, {"id": "p"}, "variables"),
    ],
)
def test_free_form_json_may_not_nest_without_end(kind, known, free):
    """What was read must be able to be sent back from deeper in the program."""
    assert convert(known | {free: nested(20)}, kind, "x")
    with pytest.raises(WireError) as caught:
        convert(known | {free: nested(60)}, kind, "x")
    assert vars(caught.value) | {"event_id": None} == {
        **invalid(f"Invalid value for 'x': {free} nests more than 64 levels deep.", "x"),
        "event_id": None,
    }
