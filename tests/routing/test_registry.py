"""Each name leads to its targets, and a file whose names lead nowhere is no registry."""

import pytest

from tests.routing.worlds import config, models
from voice.routing.models_file import ModelsError, ModelsFile
from voice.routing.registry import Registry, is_openai, near
from voice.routing.targets import LOCAL, Target


def registry(*providers: str, file: ModelsFile | None = None, **options: object) -> Registry:
    return Registry([config(name) for name in providers], file or ModelsFile(), **options)


def targets(registry: Registry, name: str) -> list[tuple[str, str]]:
    route = registry.find(name)
    return [target.key for target in route.targets] if route else []


def test_a_model_is_found_by_its_name_and_its_aliases():
    file = models(m={"targets": ["a:x", "reader"], "aliases": ["gpt-4o", "org/m"]})
    found = registry("a", file=file)
    for name in ("m", "gpt-4o", "org/m"):
        assert targets(found, name) == [("a", "x"), (LOCAL, "reader")]
    assert list(found.names()) == ["m", "gpt-4o", "org/m"]
    assert found.local_models("chat") == ["reader"]


def test_a_provider_is_found_by_its_name_and_by_its_kind_while_it_is_the_only_one():
    assert targets(registry("a"), "a:org/x:4b") == [("a", "org/x:4b")]
    assert targets(registry("a"), "openai:x") == [("a", "x")]
    assert targets(registry("a", "b"), "openai:x") == []
    assert targets(registry("a"), "a:") == []
    assert targets(registry("a"), "c:x") == []


def test_a_model_of_the_file_goes_before_a_provider():
    file = models(**{"a:x": {"targets": ["b:y"]}})
    assert targets(registry("a", "b", file=file), "a:x") == [("b", "y")]


def test_engines_are_found_by_their_own_names():
    kinds = {
        "reader": "chat",
        "llama:tiny.gguf": None,
        "minilm": "embedding",
        "whisper:base": "transcription",
        "espeak": "speech",
    }
    for name, kind in kinds.items():
        assert targets(registry(), name) == [(LOCAL, name)]
        assert registry().find(name).kind == kind
    for name in ("none", "auto", "readers"):
        assert targets(registry(), name) == []


def test_the_smallest_context_is_what_all_targets_hold():
    big, small = ({"model": f"a:{size}", "context_tokens": size} for size in (9000, 4000))
    file = models(both={"targets": [big, small, "a:unknown"]}, unknown={"targets": ["a:unknown"]})
    found = registry("a", file=file)
    assert found.context_tokens("both") == 4000
    assert found.context_tokens("unknown") is None


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (
            {"m": {"targets": ["b:x"]}},
            (
                "models.m.targets.0: 'b:x' leads nowhere; there is a:MODEL, reader, llama:MODEL, minilm, whisper:MODEL, sphinx, kokoro, espeak"
            ),
        ),
        (
            {"m": {"targets": ["a:x"], "aliases": ["n"]}, "n": {"targets": ["a:y"]}},
            "models.m.aliases: 'n' is a name of models.n already",
        ),
        (
            {
                "m": {"targets": ["a:x"], "aliases": ["o"]},
                "n": {"targets": ["a:y"], "aliases": ["o"]},
            },
            "models.n.aliases: 'o' is a name of models.m already",
        ),
        (
            {"m": {"targets": ["a:x"], "fallbacks": {"any": ["large"]}}},
            "models.m.fallbacks.any: there is no model 'large'; there is m",
        ),
        (
            {"m": {"targets": ["a:x"], "aliases": ["o"], "fallbacks": {"context": ["o"]}}},
            "models.m.fallbacks.context: 'o' is the model itself",
        ),
    ],
)
def test_names_that_lead_nowhere_or_stand_twice_are_refused(tables, told):
    with pytest.raises(ModelsError) as caught:
        registry("a", file=models(**tables))
    assert str(caught.value) == told


@pytest.mark.parametrize("name", ["reader", "llama:tiny", "auto", "local"])
def test_a_model_cannot_take_the_name_of_an_engine(name):
    told = f"models.{name}: '{name}' is what an engine is called; choose another name"
    with pytest.raises(ModelsError, match=told):
        registry("a", file=models(**{name: {"targets": ["a:x"]}}))
    with pytest.raises(ModelsError, match=r"models\.m: "):
        registry("a", file=models(m={"targets": ["a:x"], "aliases": [name]}))


@pytest.mark.parametrize("name", ["reader", "llama", "local", "auto", "a:b", "sphinx"])
def test_a_provider_cannot_take_the_name_of_an_engine(name):
    table = {"kind": "openai", "base_url": "http://gpu/v1"}
    with pytest.raises(ModelsError, match="choose another"):
        Registry([], ModelsFile.model_validate({"providers": {name: table}}))


def test_names_are_allowed_by_themselves_by_a_pattern_or_by_what_they_stand_for():
    file = models(m={"targets": ["a:x"], "aliases": ["n"]}, o={"targets": ["a:y"]})
    found = registry("a", file=file, allowed=("m", "a:small-*"))
    assert [found.allows(name) for name in ("m", "n", "o", "a:small-1", "a:x")] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert list(found.names()) == ["m", "n"]


def test_what_a_model_does_is_said_or_told_by_the_engines_among_its_targets():
    file = models(
        ears={"targets": ["a:x", "sphinx"], "aliases": ["whisper-1"]},
        mouth={"targets": [{"model": "a:y", "voices": ["v"]}], "kind": "speech"},
        vectors={"targets": ["minilm"]},
        mind={"targets": ["a:z"]},
    )
    found = registry("a", file=file, allowed=("nothing",))
    assert found.names() == {
        "ears": "transcription",
        "mouth": "speech",
        "whisper-1": "transcription",
    }
    assert [found.find(name).kind for name in ("vectors", "mind")] == ["embedding", None]
    assert found.local_models("transcription") == ["sphinx"]
    assert found.local_models("chat") == found.local_models("speech") == []
    assert found.find("mouth").voices == ("v",)


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (
            {"m": {"targets": ["espeak"], "kind": "chat"}},
            "models.m: 'espeak' is no engine for chat",
        ),
        (
            {"m": {"targets": ["sphinx", "reader"]}},
            "models.m: 'reader' is no engine for transcription",
        ),
        (
            {"m": {"targets": ["a:x"], "kind": "speech", "fallbacks": {"any": ["sphinx"]}}},
            "models.m.fallbacks.any: 'sphinx' is for transcription, not for speech",
        ),
        (
            {"m": {"targets": ["a:x"], "fallbacks": {"any": ["espeak"]}}},
            "models.m.fallbacks.any: 'espeak' is for speech, not for chat",
        ),
    ],
)
def test_a_model_does_one_thing(tables, told):
    with pytest.raises(ModelsError) as caught:
        registry("a", file=models(**tables))
    assert str(caught.value) == told


def test_only_openais_own_server_is_openai():
    assert is_openai(config("a", "https://api.openai.com/v1"))
    assert is_openai(config("a", "https://eu.api.openai.com/v1"))
    assert not is_openai(config("a", "https://notopenai.com/v1"))
    own = Registry([config("a", "https://api.openai.com/v1")])
    assert own.at_openai("gpt-4o").targets == (Target("a", "gpt-4o"),)
    assert registry("a").at_openai("gpt-4o") is None


def test_the_nearest_names_are_told_whatever_their_case():
    known = ["Assistant", "assistants", "reader"]
    assert near("asistant", known) == "; did you mean 'Assistant' or 'assistants'?"
    assert near("zzz", known) == ""
