import pytest

from voice.engines.names import (
    KINDS,
    EngineName,
    Role,
    is_openai_name,
    parse_name,
    resolve_alias,
)


@pytest.mark.parametrize(
    ("role", "text", "name"),
    [
        ("stt", "auto", EngineName("auto")),
        ("stt", "sphinx", EngineName("sphinx")),
        ("stt", "whisper:someone/some-model", EngineName("whisper", "someone/some-model")),
        ("llm", "llama:repo:file.gguf", EngineName("llama", "repo:file.gguf")),
        ("tts", "kokoro", EngineName("kokoro")),
        ("tts", "kokoro:/models/kokoro", EngineName("kokoro", "/models/kokoro")),
    ],
)
def test_a_name_is_a_kind_and_perhaps_a_model(role, text, name):
    assert parse_name(role, text) == name
    assert str(name) == text


@pytest.mark.parametrize("role", list(KINDS))
def test_every_example_is_a_name(role: Role):
    for kind, (_, example) in KINDS[role].items():
        assert parse_name(role, example).kind == kind


@pytest.mark.parametrize(
    ("role", "text", "message"),
    [
        ("tts", "sphinx", "'sphinx' is no text-to-speech engine but a speech-to-text"),
        ("tts", "espaek", "'espaek' is no text-to-speech engine; did you mean 'espeak'?"),
        ("stt", "", "there is auto, sphinx, whisper:base, openai:whisper-1, fake"),
        ("stt", "whisper:", "'whisper' needs a model, like 'whisper:base'"),
        ("llm", "reader:x", "'reader' takes no model: write 'reader' alone"),
        ("llm", "auto:x", "'auto:x' is no language model engine"),
    ],
)
def test_a_wrong_name_is_told_what_would_be_right(role, text, message):
    with pytest.raises(ValueError) as caught:
        parse_name(role, text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "name", ["whisper-1", "gpt-4o-mini-tts", "gpt-realtime", "tts-1-hd", "o3", "gpt-4o", "", "auto"]
)
def test_openai_names_mean_the_configured_engine(name):
    assert resolve_alias(name, "espeak") == "espeak"


@pytest.mark.parametrize("name", ["whisper:base", "openai:gpt-4o", "llama:x.gguf", "sphinx"])
def test_names_of_engines_mean_themselves(name):
    assert resolve_alias(name, "espeak") == name
    assert not is_openai_name(name)
