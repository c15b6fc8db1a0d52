import pytest

from voice.gateway.errors import ApiError
from voice.http.opening import INSTRUCTIONS, opening_config, requested_config
from voice.realtime.config import SessionConfig

VOICES = frozenset({"alloy", "marin"})
PIRATE = {"type": "realtime", "instructions": "Speak like a pirate."}


def refused(query=None, **parts) -> ApiError:
    with pytest.raises(ApiError) as error:
        opening_config(query or {}, VOICES, **parts)
    assert error.value.status == 400
    return error.value


def secret_of(**session) -> SessionConfig:
    return requested_config({"type": "realtime", **session}, VOICES)


def test_nothing_said_gives_a_spoken_conversation_with_the_usual_instructions():
    config = opening_config({}, VOICES)
    assert (config.type, config.model, config.instructions) == (
        "realtime", "gpt-realtime", INSTRUCTIONS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "secret", "session", "model"),
    [
        ({"model": "a"}, None, None, "a"),
        ({"model": ""}, None, None, "gpt-realtime"),
        ({}, None, {"model": "b"}, "b"),
        ({"model": "a"}, None, {"model": "b"}, "b"),
        ({"model": "a"}, {"model": "c"}, {"model": "b"}, "c"),
        ({"model": "a"}, {}, None, "a"),
        ({}, {}, {"model": "b"}, "b"),
        ({}, {}, None, "gpt-realtime"),
    ],
)
def test_the_model_is_that_of_the_secret_else_of_the_call_else_of_the_address(
    query, secret, session, model
):
    config = opening_config(
        query,
        VOICES,
        secret=None if secret is None else secret_of(**secret),
        session=None if session is None else {"type": "realtime", **session},
    )
    assert config.model == model


def test_a_call_changes_what_it_names_and_keeps_the_rest_of_the_secret():
    secret = secret_of(instructions="Speak like a pirate.", audio={"output": {"voice": "marin"}})
    session = {"type": "realtime", "audio": {"output": {"speed": 1.2}}}
    config = opening_config({}, VOICES, secret=secret, session=session)
    assert config.instructions == "Speak like a pirate."
    assert (config.audio.output.voice, config.audio.output.speed) == ("marin", 1.2)


@pytest.mark.parametrize(
    ("query", "secret", "model"),
    [
        ({}, None, "before"),
        ({"model": "now"}, None, "now"),
        ({"model": "now"}, {}, "now"),
        ({}, {}, "before"),
        ({"model": "now"}, {"model": "pinned"}, "pinned"),
    ],
)
def test_what_goes_on_keeps_its_configuration_but_for_the_model_that_is_named_now(
    query, secret, model
):
    before = SessionConfig(model="before", instructions="Speak like a pirate.")
    given = None if secret is None else secret_of(instructions="Be dull.", **secret)
    config = opening_config(query, VOICES, secret=given, resumed=before)
    assert (config.model, config.instructions) == (model, "Speak like a pirate.")


@pytest.mark.parametrize(
    "parts",
    [
        {"query": {"intent": "transcription"}},
        {"session": {"type": "transcription"}},
        {"secret": SessionConfig(type="transcription")},
        {"query": {"intent": "transcription"}, "secret": SessionConfig(type="transcription")},
        {"secret": SessionConfig(type="transcription"), "session": {"type": "transcription"}},
    ],
)
def test_transcription_is_asked_for_by_the_intent_the_call_or_the_secret(parts):
    query = parts.pop("query", {})
    config = opening_config(query, VOICES, **parts)
    assert (config.type, config.model) == ("transcription", "")
    with_model = {"model": "gpt-realtime", **query}
    assert refused(with_model, **parts).param == "model"


@pytest.mark.parametrize(
    ("query", "parts", "param"),
    [
        ({"intent": "transcription"}, {"secret": SessionConfig()}, "intent"),
        ({"intent": "transcription"}, {"session": PIRATE}, "session.type"),
        ({}, {"secret": SessionConfig(type="transcription"), "session": PIRATE}, "session.type"),
        ({}, {"session": {}}, "session.type"),
        ({}, {"session": {"type": "chat"}}, "session.type"),
        ({}, {"session": {**PIRATE, "colour": "red"}}, "session.colour"),
        ({}, {"session": {**PIRATE, "audio": {"output": {"speed": 9}}}},
         "session.audio.output.speed"),
        ({}, {"session": {**PIRATE, "audio": {"output": {"voice": "bob"}}}},
         "session.audio.output.voice"),
        ({}, {"session": {**PIRATE, "output_modalities": ["text", "audio"]}},
         "session.output_modalities"),
        ({}, {"session": {"type": "transcription", "model": "x"}}, "session.model"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(query, parts, param):
    assert refused(query, **parts).param == param
