"""The request of `/v1/chat/completions`, as OpenAI documents it, and the names others added.

Unset and null mean the same: nothing is asked for.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Json = dict[str, Any]

Penalty = Annotated[float, Meta(ge=-2, le=2)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Tokens = Annotated[int, Meta(ge=1, le=2_000_000)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
TopK = Annotated[int, Meta(ge=-1, le=2**31 - 1)]
Stop = str | Annotated[list[str], Meta(max_length=4)]
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[a-zA-Z0-9_.-]+$")]
AudioFormat = Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"]


class _Struct(msgspec.Struct, kw_only=True, frozen=True):
    pass


# ---------------------------------------------------------------- messages


class TextPart(_Struct, frozen=True, kw_only=True, tag_field="type", tag="text"):
    text: str


class RefusalPart(_Struct, frozen=True, kw_only=True, tag_field="type", tag="refusal"):
    refusal: str


class ImageUrl(_Struct, frozen=True, kw_only=True):
    url: str
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(_Struct, frozen=True, kw_only=True, tag_field="type", tag="image_url"):
    image_url: ImageUrl


class InputAudio(_Struct, frozen=True, kw_only=True):
    data: str
    format: Literal["wav", "mp3"]


class AudioPart(_Struct, frozen=True, kw_only=True, tag_field="type", tag="input_audio"):
    input_audio: InputAudio


class FilePart(_Struct, frozen=True, kw_only=True, tag_field="type", tag="file"):
    file: Json


Part = TextPart | RefusalPart | ImagePart | AudioPart | FilePart


class CalledFunction(_Struct, frozen=True, kw_only=True):
    name: str
    arguments: str


class MadeCall(_Struct, frozen=True, kw_only=True):
    id: str
    function: CalledFunction
    type: Literal["function"] = "function"


class EarlierAudio(_Struct, frozen=True, kw_only=True):
    id: str


class ChatMessage(_Struct, frozen=True, kw_only=True):
    role: Literal["developer", "system", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[MadeCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    audio: EarlierAudio | None = None


# ---------------------------------------------------------------- options


class Function(_Struct, frozen=True, kw_only=True):
    name: Name
    description: str | None = None
    parameters: Json | None = None
    strict: bool | None = None


class FunctionTool(_Struct, frozen=True, kw_only=True):
    function: Function
    type: Literal["function"] = "function"


class NamedFunction(_Struct, frozen=True, kw_only=True):
    name: str


class NamedTool(_Struct, frozen=True, kw_only=True):
    function: NamedFunction
    type: Literal["function"] = "function"


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
    max_tokens: Tokens | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    seed: Seed | None = None
    stop: Stop | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    user: str | None = None

    # Not OpenAI's, but those of vLLM and llama.cpp.
    top_k: TopK | None = None
    min_p: Probability | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=2)] | None = None
    guided_json: Json | str | None = None
    guided_regex: str | None = None
    guided_choice: Annotated[list[str], Meta(min_length=1)] | None = None
    guided_grammar: str | None = None


class ChatRequest(Sampling, frozen=True, kw_only=True):
    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    max_completion_tokens: Tokens | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    audio: SpokenAnswer | None = None


Prompts = str | list[str] | list[int] | list[list[int]]


class CompletionRequest(Sampling, frozen=True, kw_only=True):
    """The request of `/v1/completions`."""

    prompt: Any = None
    """`Prompts`, or null for a document that is yet to begin."""
    suffix: str | None = None
    echo: bool | None = None
    best_of: Annotated[int, Meta(ge=1, le=20)] | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
