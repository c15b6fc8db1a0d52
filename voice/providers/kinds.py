"""The kinds of remote providers, and where they are found; imports nothing, for settings name them."""

from typing import Literal, get_args

ProviderKind = Literal["openai", "vllm", "llama.cpp", "ollama", "anthropic"]
"""Whose dialect of the wire a server speaks."""

PROVIDER_KINDS: tuple[ProviderKind, ...] = get_args(ProviderKind)

OPENAI_URL = "https://api.openai.com/v1"

USUAL_URLS: dict[ProviderKind, str] = {
    "openai": OPENAI_URL,
    "anthropic": "https://api.anthropic.com/v1",
    "ollama": "http://localhost:11434/v1",
}
"""Of the kinds that have a usual address."""
