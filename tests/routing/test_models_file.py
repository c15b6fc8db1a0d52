"""A file of models is taken as it is meant, or refused with words that name the place."""

from pathlib import Path

import pytest

from voice.routing.models_file import ModelsError, provider_config, read_models_file

WHOLE = """
[providers.fast]
kind = "vllm"
base_url = "http://gpu:8001/v1/"
api_key_env = "GPU_KEY"
timeout_s = 5

[providers.claude]
kind = "anthropic"
api_key = "sk-ant"

[models.assistant]
targets = ["fast:qwen", { model = "claude:opus", weight = 2, order = 2, context_tokens = 200_000 }]
aliases = ["gpt-4o", "org/assistant"]

[models.assistant.fallbacks]
context = ["claude:opus"]
any = ["reader"]
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "models.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_a_file_is_read_with_everything_in_it(written):
    file = read_models_file(written(WHOLE))
    first, second = file.models["assistant"].targets
    assert (first.model, first.weight, first.order) == ("fast:qwen", 1.0, 1)
    assert (second.model, second.weight, second.order) == ("claude:opus", 2.0, 2)
    assert second.context_tokens == 200_000
    fallbacks = file.models["assistant"].fallbacks.lists()
    assert fallbacks == {"context": ["claude:opus"], "any": ["reader"]}


def test_what_a_provider_leaves_open_comes_from_the_settings(written):
    file = read_models_file(written(WHOLE))
    common = {"timeout_s": 60.0, "max_connections": 100}
    fast = provider_config("fast", file.providers["fast"], {"GPU_KEY": "k"}, **common)
    assert (fast.base_url, fast.api_key) == ("http://gpu:8001/v1", "k")
    assert (fast.timeout_s, fast.max_connections) == (5.0, 100)
    assert "'k'" not in repr(fast)
    claude = provider_config("claude", file.providers["claude"], {}, **common)
    assert (claude.base_url, claude.timeout_s) == ("https://api.anthropic.com/v1", 60.0)
    with pytest.raises(ModelsError, match=r"providers\.fast\.api_key_env: the variable GPU_KEY"):
        provider_config("fast", file.providers["fast"], {}, **common)


TROUBLES = "unavailable, timeout, rate_limit, quota, auth, context, content, any"
KEYS = "kind, base_url, api_key, api_key_env, timeout_s, max_connections"
PROVIDER = '[providers.p]\nkind = "openai"\n'
MODEL = '[models.m]\ntargets = ["p:x"]\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[provider.p]", "provider is no key; allowed are providers, models"),
        (
            PROVIDER + 'url = "x"',
            f"providers.p.url is no key; allowed are {KEYS}",
        ),
        (
            '[providers.p]\nkind = "opnai"',
            "providers.p.kind: input should be 'openai', 'vllm', 'llama.cpp', 'ollama' or 'anthropic'",
        ),
        ("[providers.p]\n", "providers.p.kind is missing"),
        (
            '[providers.p]\nkind = "vllm"',
            "providers.p: a provider of kind 'vllm' needs a base_url",
        ),
        (
            PROVIDER + 'base_url = "gpu:1"',
            "providers.p.base_url: 'gpu:1' must be an address like http://localhost:8001/v1",
        ),
        (
            PROVIDER + 'base_url = "http://me:secret@gpu/v1"',
            "providers.p.base_url: holds a password; give it as api_key instead",
        ),
        (
            PROVIDER + 'api_key = "a"\napi_key_env = "B"',
            "providers.p: api_key and api_key_env exclude each other",
        ),
        (PROVIDER + "timeout_s = 0", "providers.p.timeout_s: input should be greater than 0"),
        (PROVIDER + 'timeout_s = "5"', "providers.p.timeout_s: input should be a valid number"),
        ("[models.m]\n", "models.m.targets is missing"),
        ('[models.m]\ntargets = "p:x"', "models.m.targets: input should be a valid list"),
        (
            '[models.m]\ntargets = [{model = "p:x", wieght = 1}]',
            (
                "models.m.targets.0.wieght is no key; allowed are model, weight, order, "
                "context_tokens, voices"
            ),
        ),
        (
            '[models.m]\ntargets = [{model = "p:x", weight = 0}]',
            "models.m.targets.0.weight: input should be greater than 0",
        ),
        (
            MODEL + 'fallbacks = {context_window = ["b"]}',
            f"models.m.fallbacks.context_window is no key; allowed are {TROUBLES}",
        ),
        (
            MODEL + 'fallbacks = {request = ["b"]}',
            f"models.m.fallbacks.request is no key; allowed are {TROUBLES}",
        ),
        (
            '[models."two words"]\ntargets = ["p:x"]',
            "models.two words: 'two words' must be a name without spaces",
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(written, text, told):
    path = written(text)
    with pytest.raises(ModelsError) as caught:
        read_models_file(path)
    assert str(caught.value).splitlines() == [f"{path}: {told}"]


def test_no_secret_is_shown(written):
    with pytest.raises(ModelsError) as caught:
        read_models_file(written(PROVIDER + 'api_key = ["hunter2"]'))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ModelsError) as caught:
        read_models_file(written(PROVIDER + 'base_url = "https://me:hunter2@gpu/v1"'))
    assert "hunter2" not in str(caught.value)


def test_a_table_that_stands_twice_is_refused(written):
    with pytest.raises(ModelsError, match=r"is no TOML: .*models.*m"):
        read_models_file(written(MODEL + MODEL))


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path):
    with pytest.raises(ModelsError, match=r"nothing\.toml cannot be read"):
        read_models_file(tmp_path / "nothing.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelsError, match=r"bytes\.toml cannot be read"):
        read_models_file(tmp_path / "bytes.toml")


def test_all_troubles_are_told_at_once(written):
    with pytest.raises(ModelsError) as caught:
        read_models_file(written("[providers.p]\n[models.m]\n"))
    assert len(str(caught.value).splitlines()) == 2
