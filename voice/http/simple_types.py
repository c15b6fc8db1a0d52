"""The requests of the plain doors: a prompt or messages of text, and how to answer them.

What is not set is decided by whoever answers; unknown fields are errors.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from voice.http.chat_types import Probability, Seed, Stop, Tokens, TopK

Json = dict[str, Any]


class _Struct(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    pass


class Params(_Struct, frozen=True, kw_only=True):
    """How to answer."""

    max_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Probability | None = None
    top_k: TopK | None = None
    stop: Stop | None = None
    seed: Seed | None = None


class TextMessage(_Struct, frozen=True, kw_only=True):
    role: Literal["system", "developer", "user", "assistant"]
    content: str


class GenerateRequest(Params, frozen=True, kw_only=True):
    prompt: Annotated[str, Meta(min_length=1)]
    model: str | None = None
    """The server's own where it is not set."""
    system: str | None = None

    def chat(self) -> Json:
        """The same as the fields of a chat."""
        return prompt_chat(self.model, self.prompt, self.system, self)


class MessagesRequest(Params, frozen=True, kw_only=True):
    messages: Annotated[list[TextMessage], Meta(min_length=1)]
    model: str | None = None
    system: str | None = None
    """Goes before all messages."""

    def chat(self) -> Json:
        """The same as the fields of a chat."""
        messages = [{"role": each.role, "content": each.content} for each in self.messages]
        return _chat(self.model, messages, self.system, self)


def prompt_chat(model: str | None, prompt: str, system: str | None, params: Params) -> Json:
    """A chat of one message."""
    return _chat(model, [{"role": "user", "content": prompt}], system, params)


def _chat(model: str | None, messages: list[Json], system: str | None, params: Params) -> Json:
    before = [{"role": "system", "content": system}] if system else []
    given = ((name, getattr(params, name)) for name in Params.__struct_fields__)
    return {
        "model": model or "",
        "messages": before + messages,
        **{name: value for name, value in given if value is not None},
    }
