"""The models that are on this machine: in the Hugging Face cache and in a folder of one's own.

It looks at files only: no network, and no library that would take a second to import.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeVar

from voice.config import Settings

WHISPER_REPOS = {
    "tiny": "Systran/faster-whisper-tiny",
    "tiny.en": "Systran/faster-whisper-tiny.en",
    "base": "Systran/faster-whisper-base",
    "base.en": "Systran/faster-whisper-base.en",
    "small": "Systran/faster-whisper-small",
    "small.en": "Systran/faster-whisper-small.en",
    "medium": "Systran/faster-whisper-medium",
    "medium.en": "Systran/faster-whisper-medium.en",
    "large-v2": "Systran/faster-whisper-large-v2",
    "large-v3": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
}
WHISPER_ALIASES = {"large": "large-v3", "turbo": "large-v3-turbo"}
KOKORO_REPO = "hexgrad/Kokoro-82M"
MINILM_REPO = "sentence-transformers/all-MiniLM-L6-v2"

_WHISPER_FILES = ("config.json", "model.bin", "tokenizer.json")
_MINILM_FILES = ("config.json", "model.safetensors", "tokenizer.json")
_KOKORO_FILES = ("config.json", "*.pth", "voices/*.pt")
_PART = re.compile(r"-(\d+)-of-\d+\.gguf$")
# The usual choice between quality and speed first.
_QUANTIZATIONS = ("q4_k_m", "q4_0", "q4_k", "q5_k_m", "q8_0")


P = TypeVar("P", bound=PurePath)


@dataclass(frozen=True, slots=True)
class Model:
    """A model on this machine: what to call it, and the file or folder it is."""

    name: str
    path: Path
    size_bytes: int


class Weights:
    """What lies in a Hugging Face cache (`hub`) and in other places that hold models."""

    def __init__(self, hub: Path, folders: Iterable[Path]) -> None:
        self._hub = hub
        self._folders = tuple(folders)

    def models(self) -> Iterator[Model]:
        yield from self.whispers()
        yield from self.ggufs()
        yield from self.kokoros()
        yield from self.minilms()

    def whispers(self) -> Iterator[Model]:
        sizes = {repo: size for size, repo in WHISPER_REPOS.items()}
        for repo, folder in self._snapshots():
            if has_files(folder, _WHISPER_FILES):
                yield Model(f"whisper:{sizes.get(repo, repo)}", folder, size_of(folder))
        for folder in self._own("model.bin"):
            if has_files(folder.parent, _WHISPER_FILES):
                yield Model(f"whisper:{folder.parent}", folder.parent, size_of(folder.parent))

    def ggufs(self) -> Iterator[Model]:
        for repo, folder in self._snapshots():
            for path in language_models(folder.rglob("*.gguf")):
                name = f"llama:{repo}:{path.relative_to(folder)}"
                yield Model(name, path, size_of(path))
        for path in language_models(self._own("*.gguf")):
            yield Model(f"llama:{path}", path, size_of(path))

    def kokoros(self) -> Iterator[Model]:
        for repo, folder in self._snapshots():
            if has_files(folder, _KOKORO_FILES):
                name = "kokoro" if repo == KOKORO_REPO else f"kokoro:{repo}"
                yield Model(name, folder, size_of(folder))
        for path in self._own("kokoro*.pth"):
            if has_files(path.parent, _KOKORO_FILES):
                yield Model(f"kokoro:{path.parent}", path.parent, size_of(path.parent))

    def minilms(self) -> Iterator[Model]:
        snapshot = self._snapshot(MINILM_REPO)
        if snapshot and has_files(snapshot, _MINILM_FILES):
            yield Model("minilm", snapshot, size_of(snapshot))
        for path in self._own("all-MiniLM-*/model.safetensors"):
            if has_files(path.parent, _MINILM_FILES):
                yield Model(f"minilm:{path.parent}", path.parent, size_of(path.parent))

    def whisper(self, model: str) -> Path | None:
        """The folder of a Whisper model, given its size, repository or path."""
        model = WHISPER_ALIASES.get(model, model)
        return self._folder(WHISPER_REPOS.get(model, model), _WHISPER_FILES)

    def kokoro(self, model: str) -> Path | None:
        return self._folder(model or KOKORO_REPO, _KOKORO_FILES)

    def minilm(self, model: str) -> Path | None:
        return self._folder(model or MINILM_REPO, _MINILM_FILES)

    def gguf(self, model: str) -> Path | None:
        """The file of a language model: a path, `repository[:file]`, or a file in our folders."""
        path = Path(model).expanduser()
        if path.is_file():
            return path
        if path.is_dir():
            return preferred_gguf(path.rglob("*.gguf"))
        repo, _, file = model.partition(":")
        snapshot = self._snapshot(repo)
        if snapshot and file:
            return snapshot / file if (snapshot / file).is_file() else None
        if snapshot:
            return preferred_gguf(snapshot.rglob("*.gguf"))
        return next(
            (folder / model for folder in self._folders if (folder / model).is_file()), None
        )

    def _folder(self, model: str, files: Iterable[str]) -> Path | None:
        places = [Path(model).expanduser(), *(folder / model for folder in self._folders)]
        if snapshot := self._snapshot(model):
            places.append(snapshot)
        return next((place for place in places if has_files(place, files)), None)

    def _snapshots(self) -> Iterator[tuple[str, Path]]:
        for folder in sorted(self._hub.glob("models--*--*")):
            repo = folder.name.removeprefix("models--").replace("--", "/", 1)
            if snapshot := self._snapshot(repo):
                yield repo, snapshot

    def _snapshot(self, repo: str) -> Path | None:
        """The newest version of a repository that was downloaded."""
        folder = repo_folder(self._hub, repo)
        try:
            commit = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
        except OSError:
            return None
        snapshot = folder / "snapshots" / commit
        return snapshot if snapshot.is_dir() else None

    def _own(self, pattern: str) -> Iterator[Path]:
        for folder in self._folders:
            if folder.is_file() and folder.match(pattern):
                yield folder
            yield from sorted(folder.rglob(pattern))


def weights_of(settings: Settings) -> Weights:
    """Where these settings let models be."""
    folders = [settings.local.model_dir]
    if settings.llm_model_path:
        folders.insert(0, settings.llm_model_path)
    return Weights(hub_folder(settings), folders)


def hub_folder(settings: Settings) -> Path:
    """The cache that all users of Hugging Face share, unless the settings or environment move it."""
    if settings.hf_home:
        return settings.hf_home / "hub"
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(base).expanduser() / "huggingface" / "hub"


def repo_folder(hub: Path, repo: str) -> Path:
    return hub / f"models--{repo.replace('/', '--')}"


def has_files(folder: Path, patterns: Iterable[str]) -> bool:
    return folder.is_dir() and all(any(folder.glob(pattern)) for pattern in patterns)


def language_models(paths: Iterable[P]) -> Iterator[P]:
    """Leave out projectors, and the later parts of models in several files."""
    for path in paths:
        part = _PART.search(path.name)
        if "mmproj" not in path.name.lower() and (part is None or int(part[1]) == 1):
            yield path


def preferred_gguf(paths: Iterable[P]) -> P | None:
    """Of several quantizations of a model the usual one."""
    return min(language_models(paths), key=lambda path: (_rank(path.name), path), default=None)


def _rank(name: str) -> int:
    lower = name.lower()
    ranks = (rank for rank, kind in enumerate(_QUANTIZATIONS) if kind in lower)
    return next(ranks, len(_QUANTIZATIONS))


def part_of(path: PurePath, first: PurePath) -> bool:
    """Whether a file is a further part of the model that begins with another."""
    return bool(
        path.parent == first.parent
        and _PART.search(first.name)
        and _PART.sub("", path.name) == _PART.sub("", first.name)
    )


def size_of(path: Path) -> int:
    """The bytes of a folder, or of a model file with all its parts."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    parts = [file for file in path.parent.glob("*.gguf") if part_of(file, path)]
    return sum(file.stat().st_size for file in parts or [path])
