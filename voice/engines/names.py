"""How engines are called: `kind` or `kind:model`, and the OpenAI names that mean our default."""

import re
from difflib import get_close_matches
from typing import Literal, NamedTuple

Role = Literal["stt", "llm", "tts", "embed"]
ModelNeed = Literal["none", "optional", "required"]

ROLES: dict[Role, str] = {
    "stt": "speech-to-text",
    "llm": "language model",
    "tts": "text-to-speech",
    "embed": "embeddings",
}

AUTO = "auto"
NONE = "none"
"""In place of an engine that one can do without."""

# Each kind of a role, whether it wants a model behind the colon, and what that looks like.
KINDS: dict[Role, dict[str, tuple[ModelNeed, str]]] = {
    "stt": {
        "sphinx": ("none", "sphinx"),
        "whisper": ("required", "whisper:base"),
        "openai": ("required", "openai:whisper-1"),
        "fake": ("none", "fake"),
    },
    "llm": {
        "reader": ("none", "reader"),
        "llama": ("required", "llama:models/qwen3-4b-q4_k_m.gguf"),
        "openai": ("required", "openai:gpt-4o-mini"),
        "fake": ("none", "fake"),
    },
    "tts": {
        "espeak": ("none", "espeak"),
        "kokoro": ("optional", "kokoro"),
        "openai": ("required", "openai:gpt-4o-mini-tts"),
        "fake": ("none", "fake"),
    },
    "embed": {
        "minilm": ("optional", "minilm"),
        "llama": ("required", "llama:models/nomic-embed-text-v1.5.q8_0.gguf"),
        "openai": ("required", "openai:text-embedding-3-small"),
        "none": ("none", "none"),
        "fake": ("none", "fake"),
    },
}

_OPENAI_NAME = re.compile(
    r"(gpt|chatgpt|o\d|tts|whisper|text-embedding|davinci|babbage|computer-use)-?[\w.-]*"
)


class EngineName(NamedTuple):
    kind: str
    model: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.model}" if self.model else self.kind


def parse_name(role: Role, text: str) -> EngineName:
    """Read the name of an engine. Raises `ValueError` that says what there is."""
    kind, _, model = text.strip().partition(":")
    if kind == AUTO and not model:
        return EngineName(AUTO)
    if kind not in KINDS[role]:
        raise ValueError(f"{text!r} is no {ROLES[role]} engine{_suggestion(role, kind)}")
    need, example = KINDS[role][kind]
    if need == "required" and not model:
        raise ValueError(f"{kind!r} needs a model, like {example!r}")
    if need == "none" and model:
        raise ValueError(f"{kind!r} takes no model: write {kind!r} alone")
    return EngineName(kind, model)


def is_openai_name(name: str) -> bool:
    """Whether this is how OpenAI calls a model: bare, and in one of its families."""
    return _OPENAI_NAME.fullmatch(name) is not None


def resolve_alias(name: str, default: str) -> str:
    """Clients of OpenAI ask for its models by name; they get the configured engine."""
    return default if not name or name == AUTO or is_openai_name(name) else name


def _suggestion(role: Role, kind: str) -> str:
    examples = [example for _, example in KINDS[role].values()]
    known = f"; there is {', '.join([AUTO, *examples])}"
    others = [other for other in ROLES if other != role and kind in KINDS[other]]
    if others:
        return f" but a {ROLES[others[0]]}{known}"
    near = get_close_matches(kind, KINDS[role], n=1)
    return f"; did you mean {KINDS[role][near[0]][1]!r}?" if near else known
