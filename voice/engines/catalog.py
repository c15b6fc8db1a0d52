"""What can be pulled, by the name of the engine that will use it."""

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from voice.engines.hub import File, HubError
from voice.engines.weights import (
    KOKORO_REPO,
    MINILM_REPO,
    WHISPER_ALIASES,
    WHISPER_REPOS,
    part_of,
    preferred_gguf,
)

Engine = Literal["whisper", "llama", "kokoro", "minilm"]

EXAMPLES = "whisper:base, llama:Qwen/Qwen2.5-0.5B-Instruct-GGUF, kokoro, minilm"

# What each engine reads of a repository, and of these what it cannot do without.
FILES: dict[Engine, tuple[str, ...]] = {
    "whisper": (
        "config.json",
        "preprocessor_config.json",
        "model.bin",
        "tokenizer.json",
        "vocabulary.*",
    ),
    "llama": ("*.gguf",),
    "kokoro": ("config.json", "*.pth", "voices/*.pt"),
    # The small ones are not for us, but for others who share the cache.
    "minilm": (
        "config.json",
        "config_sentence_transformers.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
        "1_Pooling/config.json",
    ),
}
ESSENTIAL: dict[Engine, str] = {
    "whisper": "model.bin",
    "llama": "*.gguf",
    "kokoro": "*.pth",
    "minilm": "model.safetensors",
}


class Wanted(NamedTuple):
    """A model that somebody asked for: which files of which repository, for which engine."""

    engine: Engine
    repo: str
    file: str = ""
    """The one file wanted of a GGUF repository; empty leaves the choice to us."""

    @property
    def name(self) -> str:
        """How the engine is called once the model is here."""
        if self.engine == "kokoro":
            return "kokoro" if self.repo == KOKORO_REPO else f"kokoro:{self.repo}"
        if self.engine == "minilm":
            return "minilm" if self.repo == MINILM_REPO else f"minilm:{self.repo}"
        if self.engine == "whisper":
            sizes = {repo: size for size, repo in WHISPER_REPOS.items()}
            return f"whisper:{sizes.get(self.repo, self.repo)}"
        return f"llama:{self.repo}" + (f":{self.file}" if self.file else "")


def wanted(name: str) -> Wanted:
    """Understand a name: that of an engine, a size of Whisper, or a repository of GGUF files.

    Raises `ValueError` that says what there is.
    """
    kind, _, model = name.partition(":")
    if kind == "kokoro":
        return Wanted("kokoro", repository(model or KOKORO_REPO, name))
    if kind == "minilm":
        return Wanted("minilm", repository(model or MINILM_REPO, name))
    if kind == "whisper" or name in WHISPER_REPOS or name in WHISPER_ALIASES:
        return _whisper(model if kind == "whisper" else name)
    if kind == "llama" or "gguf" in name.lower():
        repo, _, file = (model if kind == "llama" else name).partition(":")
        return Wanted("llama", repository(repo, name), file)
    raise ValueError(f"{name!r} is nothing to pull; name an engine and its model, like {EXAMPLES}")


def _whisper(model: str) -> Wanted:
    size = WHISPER_ALIASES.get(model, model)
    if size in WHISPER_REPOS:
        return Wanted("whisper", WHISPER_REPOS[size])
    if "/" not in model:
        sizes = ", ".join(WHISPER_REPOS)
        raise ValueError(f"Whisper has no size {model!r}; there is {sizes}")
    return Wanted("whisper", repository(model, model))


def repository(text: str, name: str) -> str:
    """Check that a text is `owner/name`."""
    owner, slash, repo = text.partition("/")
    if not (owner and slash and repo) or "/" in repo or ".." in text:
        raise ValueError(f"{name!r} names no repository; one looks like owner/name")
    return text


def files_of(want: Wanted, listed: Iterable[File]) -> list[File]:
    """The files of a repository that make the model. Raises `HubError` when it has none."""
    files = [
        file
        for file in listed
        if any(fnmatch(file.path, pattern) for pattern in FILES[want.engine])
    ]
    if not any(fnmatch(file.path, ESSENTIAL[want.engine]) for file in files):
        kind = {
            "whisper": "Whisper model for CTranslate2",
            "llama": "GGUF model",
            "kokoro": "Kokoro model",
            "minilm": "sentence encoder",
        }
        raise HubError(f"{want.repo} is no {kind[want.engine]}: it has no {ESSENTIAL[want.engine]}")
    return _parts_of_gguf(want, files) if want.engine == "llama" else files


def _parts_of_gguf(want: Wanted, files: list[File]) -> list[File]:
    paths = {PurePosixPath(file.path): file for file in files}
    chosen = PurePosixPath(want.file) if want.file else preferred_gguf(paths)
    if chosen not in paths:
        names = ", ".join(sorted(map(str, paths)))
        raise HubError(f"{want.repo} has no file {want.file!r}; it has {names}")
    return [file for path, file in paths.items() if path == chosen or part_of(path, chosen)]
