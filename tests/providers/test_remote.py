"""Every kind of remote provider can be made from its settings."""

import pytest

from voice.providers.anthropic import AnthropicProvider
from voice.providers.config import ProviderConfig
from voice.providers.dialects import COMPATIBLE, DIALECTS, OPENAI
from voice.providers.kinds import PROVIDER_KINDS, ProviderKind
from voice.providers.openai import OpenAIProvider
from voice.providers.remote import REMOTE


def config(kind: ProviderKind, base_url: str = "http://box:8000/v1") -> ProviderConfig:
    return ProviderConfig("box", kind, base_url, "key")


@pytest.mark.parametrize("kind", PROVIDER_KINDS)
def test_every_kind_is_made(kind: ProviderKind):
    assert REMOTE[kind](config(kind)).name == "box"


@pytest.mark.parametrize("kind", ["vllm", "llama.cpp", "ollama"])
def test_the_kind_is_the_dialect(kind: ProviderKind):
    provider = REMOTE[kind](config(kind))
    assert isinstance(provider, OpenAIProvider)
    assert provider.dialect is DIALECTS[kind]


def test_the_kind_openai_covers_those_who_are_like_it():
    """Only its own host is strict."""
    for url, dialect in (("https://api.openai.com/v1", OPENAI), ("http://box/v1", COMPATIBLE)):
        provider = REMOTE["openai"](config("openai", url))
        assert isinstance(provider, OpenAIProvider)
        assert provider.dialect is dialect


def test_anthropic_has_a_wire_of_its_own():
    assert isinstance(REMOTE["anthropic"](config("anthropic")), AnthropicProvider)


def test_an_address_that_cannot_be_one_is_refused():
    with pytest.raises(ValueError, match="base_url must be like"):
        REMOTE["vllm"](config("vllm", "box:8000"))
