"""The request of `/v1/chat/completions`, as OpenAI documents it, and the names others added.

Unset and null mean the same: nothing is asked for.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from voice.http.chat_messages import Content, Message

Json = dict[str, Any]

Penalty = Annotated[float, Meta(ge=-2, le=2)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Tokens = Annotated[int, Meta(ge=1, le=2_000_000)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
TopK = Annotated[int, Meta(ge=-1, le=2**31 - 1)]
Stop = str | Annotated[list[str], Meta(max_length=4)]
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-zA-Z0-9_.-]+$")]
AudioFormat = Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"]
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16),
]

LABEL = Meta(description="Labels the request. Accepted, and passed on to providers that know it.")
HINT = Meta(description="Hints how to serve it. Accepted, and without effect on local models.")


class _Struct(msgspec.Struct, kw_only=True, frozen=True):
    pass


# ---------------------------------------------------------------- options


class Function(_Struct, frozen=True, kw_only=True):
    name: Name
    description: str | None = None
    parameters: Json | None = None
    strict: bool | None = None


class FunctionTool(_Struct, frozen=True, kw_only=True, tag_field="type", tag="function"):
    function: Function
    cache_control: Json | None = None


class Custom(_Struct, frozen=True, kw_only=True):
    name: Name
    description: str | None = None
    format: Json | None = None


class CustomTool(_Struct, frozen=True, kw_only=True, tag_field="type", tag="custom"):
    """A tool that takes text instead of JSON."""

    custom: Custom


Tool = FunctionTool | CustomTool


class Named(_Struct, frozen=True, kw_only=True):
    name: str


class NamedTool(_Struct, frozen=True, kw_only=True, tag_field="type", tag="function"):
    function: Named


class NamedCustomTool(_Struct, frozen=True, kw_only=True, tag_field="type", tag="custom"):
    custom: Named


class AllowedTools(_Struct, frozen=True, kw_only=True):
    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedTool | NamedCustomTool], Meta(min_length=1)]


class AllowedToolsChoice(_Struct, frozen=True, kw_only=True, tag_field="type", tag="allowed_tools"):
    """Some of the tools, the rest of which is sent for the sake of caches."""

    allowed_tools: AllowedTools


ToolChoice = Literal["none", "auto", "required"] | NamedTool | NamedCustomTool | AllowedToolsChoice


class JsonSchema(_Struct, frozen=True, kw_only=True):
    name: Name
    schema: Json | None = None
    strict: bool | None = None
    description: str | None = None


class TextFormat(_Struct, frozen=True, kw_only=True, tag_field="type", tag="text"):
    pass


class JsonObjectFormat(_Struct, frozen=True, kw_only=True, tag_field="type", tag="json_object"):
    pass


class JsonSchemaFormat(_Struct, frozen=True, kw_only=True, tag_field="type", tag="json_schema"):
    json_schema: JsonSchema


class StreamOptions(_Struct, frozen=True, kw_only=True):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class SpokenAnswer(_Struct, frozen=True, kw_only=True):
    format: AudioFormat
    voice: str | Json


class Sampling(_Struct, frozen=True, kw_only=True):
    """What the chat and the text endpoint have in common."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Probability | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    seed: Seed | None = None
    stop: Stop | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    user: Annotated[str, LABEL] | None = None

    # Not OpenAI's, but those of vLLM and llama.cpp.
    top_k: TopK | None = None
    min_p: Probability | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=2)] | None = None
    guided_json: Json | str | None = None
    guided_regex: str | None = None
    guided_choice: Annotated[list[str], Meta(min_length=1)] | None = None
    guided_grammar: str | None = None


class Prediction(_Struct, frozen=True, kw_only=True):
    """Most of the answer. Accepted, and without effect on local models."""

    type: Literal["content"]
    content: Content


class ChatRequest(Sampling, frozen=True, kw_only=True):
    messages: Annotated[list[Message], Meta(min_length=1)]
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    """What `max_completion_tokens` was called before."""
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: list[Function] | None = None
    """What `tools` were called before."""
    function_call: Literal["none", "auto"] | Named | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    audio: SpokenAnswer | None = None
    reasoning_effort: str | None = None
    web_search_options: Json | None = None
    moderation: Json | None = None

    # What no answer depends on.
    metadata: Annotated[Metadata, LABEL] | None = None
    store: Annotated[bool, LABEL] | None = None
    safety_identifier: Annotated[str, LABEL] | None = None
    service_tier: Annotated[str, HINT] | None = None
    prediction: Prediction | None = None
    verbosity: Annotated[str, HINT] | None = None
    prompt_cache_key: Annotated[str, HINT] | None = None
    prompt_cache_retention: Annotated[str, HINT] | None = None
    prompt_cache_options: Annotated[Json, HINT] | None = None


Prompts = str | list[str] | list[int] | list[list[int]]


class CompletionRequest(Sampling, frozen=True, kw_only=True):
    """The request of `/v1/completions`."""

    prompt: Any = None
    """`Prompts`, or null for a document that is yet to begin."""
    max_tokens: Annotated[int, Meta(ge=0, le=2_000_000)] | None = None
    """0 asks for nothing but the prompt."""
    suffix: str | None = None
    echo: bool | None = None
    best_of: Annotated[int, Meta(ge=1, le=20)] | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
