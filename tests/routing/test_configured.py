"""Providers and models come from variables and from a file, and what is wrong stops the server."""

from pathlib import Path

import pytest

from voice.config import SettingsError, load_settings
from voice.engines.protocols import EngineError
from voice.routing.configured import foreseen, policy_of, registry_of, usual_routes

NO_FILE = Path("/nowhere/.env")
FILE = """
[providers.gpu]
kind = "vllm"
base_url = "http://gpu:8001/v1"
api_key_env = "GPU_KEY"

[models.assistant]
targets = ["gpu:qwen", { model = "reader", order = 2 }]
"""


def registry(environment: dict[str, str]):
    return registry_of(load_settings(environment=environment, env_file=NO_FILE), environment)


def usual(environment: dict[str, str]):
    settings = load_settings(environment=environment, env_file=NO_FILE)
    return usual_routes(settings, registry_of(settings, environment))


def complaint(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment=environment, env_file=NO_FILE)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(FILE)
    return path


def test_nothing_set_makes_no_provider():
    found = registry({})
    assert (dict(found.providers), found.names()) == ({}, {})
    assert usual({}) == {}
    assert found.allows("anything")


def test_keys_make_providers_by_themselves():
    found = registry({"OPENAI__API_KEY": "sk-1", "ANTHROPIC__API_KEY": "sk-2"})
    urls = {name: (each.base_url, each.api_key) for name, each in found.providers.items()}
    assert urls == {
        "openai": ("https://api.openai.com/v1", "sk-1"),
        "anthropic": ("https://api.anthropic.com/v1", "sk-2"),
    }


def test_a_server_is_called_by_its_kind_and_gets_its_own_key_only():
    variables = {
        "INFERENCE_BASE_URL": "http://gpu/v1",
        "INFERENCE_API_KEY": "mine",
        "INFERENCE_PROVIDER_TYPE": "vllm",
        "INFERENCE_TIMEOUT": "7",
        "INFERENCE_MAX_CONNECTIONS": "9",
    }
    gpu = registry(variables | {"OPENAI__API_KEY": "sk-1"}).providers["vllm"]
    assert (gpu.kind, gpu.api_key, gpu.timeout_s, gpu.max_connections) == ("vllm", "mine", 7.0, 9)
    assert registry(variables | {"OPENAI__API_KEY": "sk-1"}).providers["openai"].api_key == "sk-1"
    # By the name that language models of remote servers have had from the beginning.
    assert registry(variables).providers["openai"].base_url == "http://gpu/v1"
    elsewhere = {"INFERENCE_BASE_URL": "http://gpu/v1", "OPENAI__API_KEY": "sk-1"}
    assert registry(elsewhere).providers["openai"].api_key == ""


def test_a_file_adds_to_the_variables_and_its_keys_come_from_the_environment(file):
    variables = {"MODELS_FILE": str(file), "GPU_KEY": "secret", "OPENAI__API_KEY": "sk-1"}
    found = registry(variables)
    assert set(found.providers) == {"openai", "gpu"}
    assert found.providers["gpu"].api_key == "secret"
    assert found.names() == {"assistant": "chat"}


def test_the_keys_may_stand_in_the_env_file(file, tmp_path, monkeypatch):
    (tmp_path / ".env").write_text(f"MODELS_FILE={file}\nGPU_KEY=secret\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPU_KEY", raising=False)
    assert registry_of(load_settings()).providers["gpu"].api_key == "secret"


def test_a_file_in_the_working_folder_needs_no_setting(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert list(registry({"GPU_KEY": "secret"}).names()) == ["assistant"]
    assert (
        complaint({}) == "models.toml: providers.gpu.api_key_env: the variable GPU_KEY is not set"
    )


def test_a_file_that_was_named_must_be_there():
    assert "/nowhere/models.toml cannot be read" in complaint(
        {"MODELS_FILE": "/nowhere/models.toml"}
    )


def test_a_file_that_leads_nowhere_is_named(file):
    file.write_text('[models.m]\ntargets = ["gone:x"]\n')
    assert complaint({"MODELS_FILE": str(file)}).startswith(
        f"{file}: models.m.targets.0: 'gone:x' leads nowhere; there is "
    )


def test_a_model_of_the_file_can_be_the_language_model(file):
    variables = {"MODELS_FILE": str(file), "GPU_KEY": "x", "ENGINES__LLM": "assistant"}
    assert usual(variables)["chat"].name == "assistant"


@pytest.mark.parametrize("name", ["anthropic:claude-opus-4", "openai:gpt-4o"])
def test_a_model_of_a_provider_can_be_the_language_model(name):
    variables = {"ENGINES__LLM": name, "ANTHROPIC__API_KEY": "sk", "OPENAI__API_KEY": "sk"}
    assert usual(variables)["chat"].name == name


def test_a_language_model_that_nobody_has_is_refused():
    assert complaint({"ENGINES__LLM": "anthropic:claude"}).startswith(
        "ENGINES__LLM: 'anthropic:claude' is no language model engine"
    )
    assert "did you mean 'reader'" in complaint({"ENGINES__LLM": "readr"})


def test_the_limits_of_attempts_are_settings():
    settings = load_settings(
        environment={"INFERENCE_MAX_RETRIES": "5", "INFERENCE_DEADLINE": "20"}, env_file=NO_FILE
    )
    assert (policy_of(settings).attempts, policy_of(settings).deadline_s) == (5, 20.0)


def test_a_kind_of_server_without_its_address_is_refused():
    assert "INFERENCE_BASE_URL" in complaint({"INFERENCE_PROVIDER_TYPE": "ollama"})


def test_allowed_models_stand_between_commas():
    found = registry({"LLM_ALLOWED_MODELS": "reader, openai:*"})
    assert [found.allows(name) for name in ("reader", "openai:x", "llama:x")] == [
        True,
        True,
        False,
    ]


def test_what_would_talk_is_told_with_its_targets(file):
    variables = {"MODELS_FILE": str(file), "GPU_KEY": "x", "ENGINES__LLM": "assistant"}
    route = usual(variables)["chat"]
    assert [target.key for target in route.targets] == [("gpu", "qwen"), ("local", "reader")]


def of(environment: dict[str, str], role: str) -> tuple[str, str]:
    settings = load_settings(environment=environment, env_file=NO_FILE)
    choice = foreseen(settings, role)
    return choice.name, choice.reason


def test_an_engine_is_not_routed():
    assert usual({"ENGINES__LLM": "reader", "ENGINES__STT": "sphinx"}) == {}
    assert of({"ENGINES__LLM": "reader"}, "llm")[0] == "reader"


AT_OPENAI = "served at https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("variables", "name", "reason"),
    [
        ({"OPENAI__API_KEY": "sk"}, "openai:gpt-4o-mini", AT_OPENAI),
        ({"OPENAI__API_KEY": "sk", "ENGINES__LLM": "openai:gpt-4o"}, "openai:gpt-4o", AT_OPENAI),
        (
            {"INFERENCE_BASE_URL": "http://gpu:8001/v1"},
            "openai:default-model",
            "served at http://gpu:8001/v1",
        ),
        (
            {
                "INFERENCE_BASE_URL": "http://gpu:8001/v1",
                "INFERENCE_PROVIDER_TYPE": "vllm",
                "INFERENCE_MODEL": "qwen",
            },
            "vllm:qwen",
            "served at http://gpu:8001/v1",
        ),
        (
            {"ENGINES__LLM": "anthropic:claude", "ANTHROPIC__API_KEY": "sk"},
            "anthropic:claude",
            "served at https://api.anthropic.com/v1",
        ),
    ],
)
def test_a_remote_model_talks_through_the_router(variables, name, reason):
    assert usual(variables)["chat"].name == name
    assert of(variables, "llm") == (name, reason)


def test_a_server_for_speech_or_transcripts_goes_before_that_of_the_language_model():
    variables = {
        "INFERENCE_BASE_URL": "http://one/v1",
        "INFERENCE_API_KEY": "sk-one",
        "SPEECH__BASE_URL": "http://two/v1",
        "SPEECH__VOICES": "serena, ryan",
        "ENGINES__TTS": "openai:tts-1",
        "ENGINES__STT": "openai:whisper-1",
    }
    found = usual(variables)
    assert found["speech"].targets[0].key == ("speech", "tts-1")
    assert found["speech"].voices == ("serena", "ryan")
    assert found["transcription"].targets[0].key == ("openai", "whisper-1")
    assert registry(variables).providers["speech"].api_key == ""
    assert of(variables, "tts") == ("openai:tts-1", "served at http://two/v1")
    assert of(variables, "stt") == ("openai:whisper-1", "served at http://one/v1")


@pytest.mark.parametrize(
    ("role", "name", "remedy"),
    [
        ("stt", "openai:whisper-1", "TRANSCRIPTION__BASE_URL"),
        ("llm", "openai:x", "INFERENCE_BASE_URL"),
        ("tts", "openai:tts-1", "SPEECH__BASE_URL"),
    ],
)
def test_a_remote_model_wants_an_address_or_a_key(role, name, remedy):
    others = {"stt": "SPEECH", "llm": "SPEECH", "tts": "TRANSCRIPTION"}
    variables = {f"ENGINES__{role.upper()}": name, f"{others[role]}__BASE_URL": "http://two/v1"}
    with pytest.raises(EngineError, match=f"set {remedy} or OPENAI__API_KEY"):
        of(variables, role)


SPOKEN = """
[providers.gpu]
kind = "openai"
base_url = "http://gpu:8001/v1"

[models.ears]
targets = ["gpu:whisper-large", { model = "sphinx", order = 2 }]

[models.mouth]
kind = "speech"
targets = [{ model = "gpu:kokoro", voices = ["af_heart", "af_alloy"] }]
"""


def test_models_of_the_file_can_listen_and_speak(tmp_path):
    path = tmp_path / "models.toml"
    path.write_text(SPOKEN)
    file = {"MODELS_FILE": str(path)}
    assert registry(file).names() == {"ears": "transcription", "mouth": "speech"}
    found = usual(file | {"ENGINES__STT": "ears", "ENGINES__TTS": "mouth"})
    assert [target.key for target in found["transcription"].targets] == [
        ("gpu", "whisper-large"),
        ("local", "sphinx"),
    ]
    assert found["speech"].voices == ("af_heart", "af_alloy")
    assert of(file | {"ENGINES__STT": "ears"}, "stt")[1] == (
        "routed to gpu:whisper-large or local:sphinx"
    )
    told = complaint(file | {"ENGINES__STT": "mouth", "ENGINES__TTS": "muoth"})
    assert "ENGINES__STT: 'mouth' is no speech-to-text engine" in told
    assert "ENGINES__TTS: 'muoth' is no text-to-speech engine" in told
