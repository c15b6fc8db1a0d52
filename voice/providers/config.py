"""What a remote provider is made from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from voice.providers.protocol import Provider

ProviderKind = Literal["openai", "vllm", "llama.cpp", "ollama", "anthropic"]
"""Whose dialect of the wire a server speaks."""

PROVIDER_KINDS: tuple[ProviderKind, ...] = get_args(ProviderKind)

OPENAI_URL = "https://api.openai.com/v1"

USUAL_URLS: dict[ProviderKind, str] = {
    "openai": OPENAI_URL,
    "anthropic": "https://api.anthropic.com/v1",
    "ollama": "http://localhost:11434/v1",
}
"""Where the kinds are found that have a usual address."""


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """A remote server, and how to talk to it."""

    name: str
    kind: ProviderKind
    base_url: str
    """Without a slash at its end."""
    api_key: str = field(default="", repr=False)
    timeout_s: float = 60.0
    """The longest silence."""
    max_connections: int = 100


ProviderFactory = Callable[[ProviderConfig], Provider]
