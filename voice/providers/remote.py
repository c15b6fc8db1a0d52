"""Makes the providers that are servers elsewhere."""

from collections.abc import Mapping

from voice.providers.anthropic import AnthropicProvider
from voice.providers.config import ProviderConfig, ProviderFactory
from voice.providers.dialects import DIALECTS
from voice.providers.kinds import ProviderKind
from voice.providers.openai import OpenAIProvider


def openai(config: ProviderConfig) -> OpenAIProvider:
    """OpenAI itself, or whoever is like it: the host tells."""
    return OpenAIProvider(
        config.name,
        config.base_url,
        config.api_key,
        dialect=None if config.kind == "openai" else DIALECTS[config.kind],
        timeout_s=config.timeout_s,
        connections=config.max_connections,
    )


def anthropic(config: ProviderConfig) -> AnthropicProvider:
    return AnthropicProvider(
        config.name,
        config.base_url,
        config.api_key,
        timeout_s=config.timeout_s,
        connections=config.max_connections,
    )


REMOTE: Mapping[ProviderKind, ProviderFactory] = {
    "openai": openai,
    "vllm": openai,
    "llama.cpp": openai,
    "ollama": openai,
    "anthropic": anthropic,
}
