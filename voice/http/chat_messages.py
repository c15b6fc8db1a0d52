"""The messages of a chat, as OpenAI documents them, and what others add to them."""

from typing import Any, Literal

import msgspec

Json = dict[str, Any]


class _Struct(msgspec.Struct, kw_only=True, frozen=True):
    pass


class _Part(_Struct, frozen=True, kw_only=True):
    """What any part may carry: hints to caches, of OpenAI's and of Anthropic's."""

    prompt_cache_breakpoint: Json | None = None
    cache_control: Json | None = None


class TextPart(_Part, frozen=True, kw_only=True, tag_field="type", tag="text"):
    text: str


class RefusalPart(_Part, frozen=True, kw_only=True, tag_field="type", tag="refusal"):
    refusal: str


class ImageUrl(_Struct, frozen=True, kw_only=True):
    url: str
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(_Part, frozen=True, kw_only=True, tag_field="type", tag="image_url"):
    image_url: ImageUrl


class InputAudio(_Struct, frozen=True, kw_only=True):
    data: str
    format: Literal["wav", "mp3"]


class AudioPart(_Part, frozen=True, kw_only=True, tag_field="type", tag="input_audio"):
    input_audio: InputAudio


class FilePart(_Part, frozen=True, kw_only=True, tag_field="type", tag="file"):
    file: Json


Part = TextPart | RefusalPart | ImagePart | AudioPart | FilePart
Content = str | list[Part]


class CalledFunction(_Struct, frozen=True, kw_only=True):
    name: str
    arguments: str


class FunctionCall(_Struct, frozen=True, kw_only=True, tag_field="type", tag="function"):
    id: str
    function: CalledFunction
    index: int | None = None
    """Left in by clients that put streamed calls together."""


class CustomInput(_Struct, frozen=True, kw_only=True):
    name: str
    input: str


class CustomCall(_Struct, frozen=True, kw_only=True, tag_field="type", tag="custom"):
    id: str
    custom: CustomInput
    index: int | None = None


class EarlierAudio(_Struct, frozen=True, kw_only=True):
    """A spoken answer; clients may send back all that they got of it."""

    id: str
    expires_at: int | None = None
    data: str | None = None
    transcript: str | None = None


class _Message(_Struct, frozen=True, kw_only=True):
    name: str | None = None
    cache_control: Json | None = None


class DeveloperMessage(_Message, frozen=True, kw_only=True, tag_field="role", tag="developer"):
    content: Content


class SystemMessage(_Message, frozen=True, kw_only=True, tag_field="role", tag="system"):
    content: Content


class UserMessage(_Message, frozen=True, kw_only=True, tag_field="role", tag="user"):
    content: Content


class AssistantMessage(_Message, frozen=True, kw_only=True, tag_field="role", tag="assistant"):
    """An earlier answer, as it was given or as its client remembers it."""

    content: Content | None = None
    refusal: str | None = None
    audio: EarlierAudio | None = None
    tool_calls: list[FunctionCall | CustomCall] | None = None
    function_call: CalledFunction | None = None
    annotations: list[Json] | None = None
    reasoning_content: str | None = None
    """What it thought, which models do not read again; servers have two names for it."""
    reasoning: str | None = None


class ToolMessage(_Message, frozen=True, kw_only=True, tag_field="role", tag="tool"):
    content: Content
    tool_call_id: str


class FunctionMessage(_Message, frozen=True, kw_only=True, tag_field="role", tag="function"):
    """What came of a `function_call`, before there were tools."""

    name: str
    content: str | None


Message = (
    DeveloperMessage
    | SystemMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)
