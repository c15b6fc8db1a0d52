import pytest

from tests.realtime.talk import invalid, on_wire
from voice.realtime.config import SessionConfig
from voice.realtime.errors import WireError
from voice.realtime.settings import (
    FunctionChoice,
    FunctionTool,
    NoiseReduction,
    Pcmu,
    Reasoning,
    RetentionRatio,
    SemanticVad,
    ServerVad,
    Tracing,
    Transcription,
)

BASE = SessionConfig(model="m", instructions="Be kind.")
LISTENING = SessionConfig(type="transcription")


def update(config: SessionConfig = BASE, **patch: object) -> SessionConfig:
    return config.updated({"type": config.type, **patch})


def hearing(config: SessionConfig = BASE, **patch: object) -> SessionConfig:
    return update(config, audio={"input": patch})


def refusal(patch: dict[str, object], config: SessionConfig = BASE) -> dict[str, object]:
    with pytest.raises(WireError) as caught:
        config.updated(patch)
    detail = caught.value.to_event()["error"]
    assert isinstance(detail, dict)
    del detail["event_id"]
    return detail


# ---------------------------------------------------------------- merging


def test_what_an_update_does_not_name_keeps_its_value():
    config = hearing(transcription={"model": "whisper-1"})
    config = update(config, instructions="Be brief.", audio={"output": {"speed": 1.2}})
    assert config.instructions == "Be brief."
    assert config.audio.output.speed == 1.2
    assert config.audio.input.transcription == Transcription(model="whisper-1")
    assert config.audio.input.turn_detection == ServerVad()
    assert config.model == "m"


def test_an_update_of_nothing_changes_nothing():
    assert update() == BASE
    assert update(audio={}) == update(audio={"input": {}, "output": {}}) == BASE


@pytest.mark.parametrize("field", ["turn_detection", "transcription", "noise_reduction"])
def test_null_switches_off_what_absence_leaves_on(field):
    on = {
        "turn_detection": {"type": "semantic_vad"},
        "transcription": {"model": "whisper-1"},
        "noise_reduction": {"type": "near_field"},
    }
    config = hearing(**on)
    assert getattr(hearing(config).audio.input, field) is not None
    assert getattr(hearing(config, **{field: None}).audio.input, field) is None


def test_empty_values_clear():
    config = update(tools=[{"type": "function", "name": "f"}], tracing="auto")
    config = update(config, tools=[], instructions="", tracing=None)
    assert (config.tools, config.instructions, config.tracing) == ((), "", None)


@pytest.mark.parametrize(
    "patch",
    [
        {"instructions": None},
        {"tools": None, "tool_choice": None, "max_output_tokens": None, "truncation": None},
        {"output_modalities": None, "model": None},
        {"audio": None},
        {"audio": {"input": None, "output": None}},
        {"audio": {"input": {"format": None}, "output": {"voice": None, "speed": None}}},
        {"audio": {"input": {"turn_detection": {"threshold": None, "create_response": None}}}},
    ],
)
def test_null_means_unset_where_there_is_nothing_to_clear(patch):
    """An agent without instructions sends them as null."""
    assert update(**patch) == BASE


def test_the_same_kind_of_turn_detection_is_merged():
    config = hearing(turn_detection={"type": "server_vad", "silence_duration_ms": 200})
    config = hearing(config, turn_detection={"threshold": 0.7})
    config = hearing(config, turn_detection={"type": "server_vad", "create_response": False})
    assert config.audio.input.turn_detection == ServerVad(
        silence_duration_ms=200, threshold=0.7, create_response=False
    )


def test_another_kind_of_turn_detection_starts_from_its_own_defaults():
    config = hearing(turn_detection={"type": "server_vad", "create_response": False})
    config = hearing(config, turn_detection={"type": "semantic_vad", "eagerness": "low"})
    assert config.audio.input.turn_detection == SemanticVad(eagerness="low")
    config = hearing(config, turn_detection={"type": "server_vad", "threshold": None})
    assert config.audio.input.turn_detection == ServerVad()


def test_turn_detection_that_is_off_comes_back_only_with_a_type():
    off = hearing(turn_detection=None)
    assert hearing(off, turn_detection={"type": "server_vad"}).audio.input == BASE.audio.input
    error = refusal(
        {"type": "realtime", "audio": {"input": {"turn_detection": {"threshold": 0.1}}}}, off
    )
    assert error["code"] == "missing_required_parameter"
    assert error["param"] == "session.audio.input.turn_detection.type"


def test_an_idle_timeout_can_be_cleared():
    config = hearing(turn_detection={"idle_timeout_ms": 6000})
    assert config.audio.input.turn_detection == ServerVad(idle_timeout_ms=6000)
    assert hearing(config, turn_detection={"idle_timeout_ms": None}) == BASE


def test_transcription_is_merged_and_its_parts_can_be_cleared():
    config = hearing(transcription={"model": "whisper-1", "language": "de"})
    config = hearing(config, transcription={"prompt": "names", "language": None})
    assert config.audio.input.transcription == Transcription(model="whisper-1", prompt="names")


def test_noise_reduction_keeps_its_strength_when_its_kind_changes():
    config = hearing(noise_reduction={"type": "near_field", "strength": 0.4})
    config = hearing(config, noise_reduction={"type": "far_field"})
    assert config.audio.input.noise_reduction == NoiseReduction(type="far_field", strength=0.4)


def test_a_format_is_replaced_whole():
    config = hearing(format={"type": "audio/pcmu"})
    assert config.audio.input.format == Pcmu()
    assert config.audio.output.format == BASE.audio.output.format
    assert hearing(config, format={"type": "audio/pcm", "rate": 24000}) == BASE


def test_read_only_keys_are_ignored_and_the_model_stays():
    seen = {"id": "sess_x", "object": "realtime.session", "expires_at": 7, "model": "other"}
    assert update(**seen) == BASE
    assert update(SessionConfig(), model="chosen").model == "chosen"


def test_every_field_of_the_model_can_be_set():
    config = update(
        output_modalities=["text"],
        tools=[{"type": "function", "name": "f", "parameters": {"$schema": "x"}, "strict": True}],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=True,
        max_output_tokens=4096,
        reasoning={"effort": "low"},
        tracing={"workflow_name": "w", "metadata": {"a": 1}},
        truncation={"type": "retention_ratio", "retention_ratio": 0.8},
        prompt={"id": "p", "version": None},
        include=["item.input_audio_transcription.logprobs", "response.timings"],
    )
    assert config.output_modalities == ("text",)
    assert config.tools == (FunctionTool(name="f", parameters={"$schema": "x"}),)
    assert config.tool_choice == FunctionChoice(name="f")
    assert config.max_output_tokens == 4096
    assert config.reasoning == Reasoning(effort="low")
    assert config.tracing == Tracing(workflow_name="w", metadata={"a": 1})
    assert config.truncation == RetentionRatio(retention_ratio=0.8)
    assert config.include == ("item.input_audio_transcription.logprobs", "response.timings")


def test_a_voice_may_be_named_in_an_object():
    assert update(audio={"output": {"voice": {"id": "voice_7"}}}).audio.output.voice == "voice_7"


# ---------------------------------------------------------------- refusals


def test_an_update_must_say_which_session_it_is_for():
    missing = {
        "type": "invalid_request_error",
        "code": "missing_required_parameter",
        "message": "Missing required parameter: 'session.type'.",
        "param": "session.type",
    }
    assert refusal({}) == refusal({"type": None, "instructions": "x"}) == missing


def test_an_update_for_the_other_kind_of_session_is_refused():
    assert refusal({"type": "transcription"}) == invalid(
        "Passing a transcription session update event to a realtime session is not allowed.",
        "session.type",
    )
    assert refusal({"type": "realtime"}, LISTENING) == invalid(
        "Passing a realtime session update event to a transcription session is not allowed.",
        "session.type",
    )
    assert refusal({"type": "nap"}) == invalid(
        "Invalid value: 'nap'. Supported values are: 'realtime' and 'transcription'.",
        "session.type",
    )


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"voice": "alloy"}, "voice"),
        ({"turn_detection": {"type": "server_vad"}}, "turn_detection"),
        ({"audio": {"voice": "ash"}}, "audio.voice"),
        ({"audio": {"input": {"speed": 1}}}, "audio.input.speed"),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 1}}}},
            "audio.input.turn_detection.threshold",
        ),
        ({"audio": {"input": {"transcription": {"beam": 1}}}}, "audio.input.transcription.beam"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcmu", "rate": 8000}}}},
            "audio.input.format.rate",
        ),
    ],
)
def test_a_key_that_is_unknown_is_named_with_its_path(patch, path):
    assert refusal({"type": "realtime", **patch}) == {
        "type": "invalid_request_error",
        "code": "unknown_parameter",
        "message": f"Unknown parameter: 'session.{path}'.",
        "param": f"session.{path}",
    }


def test_audio_and_text_cannot_be_had_together():
    for modalities in (["text", "audio"], ["audio", "audio"], []):
        assert refusal({"type": "realtime", "output_modalities": modalities}) == invalid(
            f"Invalid modalities: {modalities}. Supported combinations are: ['text'] and "
            "['audio'].",
            "session.output_modalities",
        )


@pytest.mark.parametrize(
    ("patch", "message", "param"),
    [
        (
            {"audio": {"output": {"speed": 0.2}}},
            "Invalid value for 'session.audio.output.speed': expected number >= 0.25.",
            "audio.output.speed",
        ),
        (
            {"audio": {"output": {"speed": 1.6}}},
            "Invalid value for 'session.audio.output.speed': expected number <= 1.5.",
            "audio.output.speed",
        ),
        (
            {"max_output_tokens": 0},
            "Invalid value for 'session.max_output_tokens': expected integer >= 1.",
            "max_output_tokens",
        ),
        (
            {"max_output_tokens": 4097},
            "Invalid value for 'session.max_output_tokens': expected integer <= 4096.",
            "max_output_tokens",
        ),
        (
            {"max_output_tokens": "many"},
            "Invalid value: 'many'. Supported values are: 'inf'.",
            "max_output_tokens",
        ),
        (
            {"audio": {"input": {"turn_detection": {"idle_timeout_ms": 1000}}}},
            (
                "Invalid value for 'session.audio.input.turn_detection.idle_timeout_ms': "
                "expected integer >= 5000."
            ),
            "audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "psychic"}}}},
            "Invalid value: 'psychic'. Supported values are: 'server_vad' and 'semantic_vad'.",
            "audio.input.turn_detection.type",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "Invalid value: 16000. Supported values are: '24000'.",
            "audio.input.format.rate",
        ),
        (
            {"audio": {"output": {"format": "pcm16"}}},
            "Invalid value for 'session.audio.output.format': expected object, got string.",
            "audio.output.format",
        ),
        (
            {"audio": []},
            "Invalid value for 'session.audio': expected object, got array.",
            "audio",
        ),
        (
            {"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://x"}]},
            "Invalid value: 'mcp'. Supported values are: 'function'.",
            "tools[0].type",
        ),
        (
            {"tool_choice": {"type": "mcp", "server_label": "x"}},
            "Invalid value: 'mcp'. Supported values are: 'function'.",
            "tool_choice.type",
        ),
        (
            {"tool_choice": "always"},
            "Invalid value: 'always'. Supported values are: 'auto', 'none' and 'required'.",
            "tool_choice",
        ),
        (
            {"include": ["everything"]},
            (
                "Invalid value: 'everything'. Supported values are: "
                "'item.input_audio_transcription.logprobs', 'response.citations' and "
                "'response.timings'."
            ),
            "include[0]",
        ),
        (
            {"truncation": {"type": "retention_ratio", "retention_ratio": 2}},
            "Invalid value for 'session.truncation.retention_ratio': expected number <= 1.0.",
            "truncation.retention_ratio",
        ),
        (
            {"audio": {"output": {"voice": {"name": "x"}}}},
            "Invalid value for 'session.audio.output.voice': expected string, got object.",
            "audio.output.voice",
        ),
    ],
)
def test_a_bad_value_is_refused_with_what_would_be_right(patch, message, param):
    assert refusal({"type": "realtime", **patch}) == invalid(message, f"session.{param}")


def test_a_refused_update_leaves_the_configuration_as_it_was():
    config = update(instructions="Before.")
    with pytest.raises(WireError):
        update(config, instructions="After.", audio={"output": {"speed": 9}})
    assert config.instructions == "Before."


# ---------------------------------------------------------------- on the wire


def test_the_whole_effective_session_is_shown():
    config = hearing(transcription={"model": "whisper-1"}, turn_detection={"type": "semantic_vad"})
    assert on_wire(config.to_wire("sess_1", 99)) == {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_1",
        "model": "m",
        "output_modalities": ["audio"],
        "instructions": "Be kind.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": 99,
        "include": None,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "whisper-1"},
                "noise_reduction": None,
                "turn_detection": {
                    "type": "semantic_vad",
                    "eagerness": "auto",
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "voice": "alloy",
                "speed": 1.0,
            },
        },
    }


def test_what_only_some_models_know_is_shown_when_it_was_set():
    plain = BASE.to_wire("s")
    assert not {"reasoning", "parallel_tool_calls", "expires_at"} & plain.keys()
    wire = update(reasoning={"effort": "high"}, parallel_tool_calls=False).to_wire("s")
    assert (wire["reasoning"], wire["parallel_tool_calls"]) == ({"effort": "high"}, False)


def test_what_is_shown_can_be_sent_back():
    """Clients read the session, change a key and return all of it."""
    config = update(
        tools=[{"type": "function", "name": "f"}],
        tool_choice={"type": "function", "name": "f"},
        truncation={"type": "retention_ratio", "retention_ratio": 0.5},
        audio={"input": {"transcription": {"language": "de"}}, "output": {"speed": 0.5}},
    )
    shown = on_wire(config.to_wire("s", 1))
    assert config.updated(shown).to_wire("s", 1) == config.to_wire("s", 1)
    listening = hearing(LISTENING, transcription={})
    shown = on_wire(listening.to_wire("s", 1))
    assert listening.updated(shown) == listening


# ---------------------------------------------------------------- transcription sessions


def test_a_transcription_session_shows_only_what_it_has():
    config = hearing(LISTENING, transcription={"model": "whisper-1"}, turn_detection=None)
    assert on_wire(config.to_wire("sess_1", 9)) == {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": "sess_1",
        "expires_at": 9,
        "include": None,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "whisper-1"},
                "noise_reduction": None,
                "turn_detection": None,
            }
        },
    }


@pytest.mark.parametrize(
    "patch",
    [{"instructions": "x"}, {"model": "x"}, {"tools": []}, {"audio": {"output": {"speed": 1}}}],
)
def test_a_transcription_session_knows_nothing_of_answers(patch):
    assert refusal({"type": "transcription", **patch}, LISTENING)["code"] == "unknown_parameter"


def test_a_transcription_session_is_updated_like_any_other():
    include = ["item.input_audio_transcription.logprobs"]
    config = update(LISTENING, include=include, audio={"input": {"turn_detection": None}})
    assert config.include == tuple(include)
    assert config.audio.input.turn_detection is None
    bad = {"type": "transcription", "audio": {"input": {"transcription": {"delay": "long"}}}}
    assert refusal(bad, config)["param"] == "session.audio.input.transcription.delay"
