from pathlib import Path

import pytest

from tests.engines.cached import KOKORO, MINILM, WHISPER, cache
from voice.config import Settings
from voice.engines.weights import Weights, hub_folder, preferred_gguf, weights_of


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "hub"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The user's own folder of models."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def weights(hub: Path, own: Path) -> Weights:
    return Weights(hub, [own])


def test_nothing_is_found_where_nothing_is(weights):
    assert list(weights.models()) == []
    assert weights.whisper("base") is None
    assert weights.gguf("Qwen/Some-GGUF") is None
    assert weights.kokoro("") is None


def test_a_cached_whisper_is_found_by_size_alias_and_repository(weights, hub):
    base = cache(hub, "Systran/faster-whisper-base", WHISPER)
    turbo = cache(hub, "mobiuslabsgmbh/faster-whisper-large-v3-turbo", WHISPER)
    other = cache(hub, "someone/whisper-ct2", WHISPER)
    assert weights.whisper("base") == base
    assert weights.whisper("turbo") == turbo
    assert weights.whisper("someone/whisper-ct2") == other
    names = {model.name: model.size_bytes for model in weights.whispers()}
    assert names == {
        "whisper:base": 28,
        "whisper:large-v3-turbo": 28,
        "whisper:someone/whisper-ct2": 28,
    }


def test_a_half_downloaded_model_is_not_there(weights, hub):
    cache(hub, "Systran/faster-whisper-base", ("config.json", "tokenizer.json"))
    assert weights.whisper("base") is None
    assert list(weights.models()) == []


def test_the_version_that_the_cache_points_at_counts(weights, hub):
    cache(hub, "Systran/faster-whisper-base", WHISPER, commit="old")
    new = cache(hub, "Systran/faster-whisper-base", WHISPER, commit="new")
    assert weights.whisper("base") == new


def test_a_folder_of_ones_own_works_as_a_model(weights, own):
    for file in WHISPER:
        (own / "mine").mkdir(exist_ok=True)
        (own / "mine" / file).write_bytes(b"1")
    assert weights.whisper(str(own / "mine")) == own / "mine"
    assert weights.whisper("mine") == own / "mine"
    assert [model.name for model in weights.models()] == [f"whisper:{own / 'mine'}"]


def test_a_language_model_is_found_by_path_file_name_and_repository(weights, hub, own):
    (own / "mine.gguf").write_bytes(b"12345")
    snapshot = cache(hub, "Qwen/Some-GGUF", ("some-q8_0.gguf", "some-q4_k_m.gguf"))
    assert weights.gguf(str(own / "mine.gguf")) == own / "mine.gguf"
    assert weights.gguf("mine.gguf") == own / "mine.gguf"
    assert weights.gguf(str(own)) == own / "mine.gguf"
    assert weights.gguf("Qwen/Some-GGUF") == snapshot / "some-q4_k_m.gguf"
    assert weights.gguf("Qwen/Some-GGUF:some-q8_0.gguf") == snapshot / "some-q8_0.gguf"
    assert weights.gguf("Qwen/Some-GGUF:other.gguf") is None
    assert {(model.name, model.size_bytes) for model in weights.ggufs()} == {
        ("llama:Qwen/Some-GGUF:some-q4_k_m.gguf", 7),
        ("llama:Qwen/Some-GGUF:some-q8_0.gguf", 7),
        (f"llama:{own / 'mine.gguf'}", 5),
    }


def test_a_model_in_parts_is_one_model(weights, own):
    for number in (1, 2, 3):
        (own / f"big-q4-0000{number}-of-00003.gguf").write_bytes(b"1234")
    (own / "mmproj-big.gguf").write_bytes(b"1")
    (model,) = weights.ggufs()
    assert (model.path.name, model.size_bytes) == ("big-q4-00001-of-00003.gguf", 12)


def test_kokoro_is_found_by_its_name_alone(weights, hub):
    folder = cache(hub, "hexgrad/Kokoro-82M", KOKORO)
    assert weights.kokoro("") == folder
    assert [model.name for model in weights.kokoros()] == ["kokoro"]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-Q2_K.gguf"], "m-Q4_K_M.gguf"),
        (["m-Q2_K.gguf", "m-Q8_0.gguf"], "m-Q8_0.gguf"),
        (["m-f16.gguf"], "m-f16.gguf"),
        (["mmproj-m-Q4_K_M.gguf"], None),
    ],
)
def test_the_usual_quantization_is_preferred(names, chosen):
    assert preferred_gguf(map(Path, names)) == (chosen and Path(chosen))


def test_the_settings_say_where_models_are(own, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    (own / "a.gguf").touch()
    settings = Settings(llm_model_path=own / "a.gguf", hf_home=tmp_path / "hf")
    assert hub_folder(settings) == tmp_path / "hf" / "hub"
    assert [model.path.name for model in weights_of(settings).models()] == ["a.gguf"]
    monkeypatch.setenv("HF_HUB_CACHE", "/elsewhere")
    assert hub_folder(Settings()) == Path("/elsewhere")
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert hub_folder(Settings()) == Path("/cache/huggingface/hub")


def test_a_sentence_encoder_is_found_in_the_cache_by_folder_and_by_path(
    weights, hub, own, tmp_path
):
    assert weights.minilm("") is None
    cached = cache(hub, "sentence-transformers/all-MiniLM-L6-v2", MINILM)
    cache(hub, "someone/other-encoder", MINILM)
    mine = own / "all-MiniLM-L12-v2"
    mine.mkdir()
    for file in MINILM:
        (mine / file).write_bytes(b"weights")
    assert weights.minilm("") == cached
    assert weights.minilm("all-MiniLM-L12-v2") == mine
    assert weights.minilm(str(mine)) == mine
    names = [model.name for model in weights.minilms()]
    assert names == ["minilm", f"minilm:{mine}"]
    (mine / "tokenizer.json").unlink()
    assert weights.minilm(str(mine)) is None
