"""The wire of `/chat/completions`: a prompt as its request body, its chunks as pieces.

Pure: knows no connection. Lenient in what it reads, since every compatible server differs a
little, and strict in what it writes, since some reject what they do not know.
"""

from collections.abc import Iterator
from typing import Literal
from uuid import uuid4

import msgspec

from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    Finished,
    Message,
    Piece,
    Prompt,
    TextDelta,
    Tool,
)

Json = dict[str, object]

REQUEST_FIELDS = frozenset(
    {"images", "tools", "tool_choice", "temperature", "top_p", "seed", "json_schema"}
)
"""The optional fields of a prompt that `request_body` sends."""


# ---------------------------------------------------------------- the request


def request_body(prompt: Prompt, model: str) -> Json:
    """The JSON body; what the prompt leaves open is not sent at all."""
    body: Json = {
        "model": model,
        "messages": [_message(message) for message in prompt.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    optional: Json = {
        "max_tokens": prompt.max_tokens,
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "seed": prompt.seed,
        "stop": list(prompt.stop) or None,
        "tools": [_tool(tool) for tool in prompt.tools] or None,
        "tool_choice": _tool_choice(prompt),
        "response_format": _response_format(prompt.json_schema),
    }
    return body | {key: value for key, value in optional.items() if value is not None}


def _message(message: Message) -> Json:
    if message.role == "tool":
        return {
            "role": "tool",
            "tool_call_id": message.tool_call_id,
            "content": message.content,
        }
    if message.tool_calls:
        calls = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
        return {"role": message.role, "content": message.content or None, "tool_calls": calls}
    if message.images:
        text = [{"type": "text", "text": message.content}] if message.content else []
        images = [{"type": "image_url", "image_url": {"url": url}} for url in message.images]
        return {"role": message.role, "content": [*text, *images]}
    return {"role": message.role, "content": message.content}


def _tool(tool: Tool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = tool.parameters
    return {"type": "function", "function": function}


def _tool_choice(prompt: Prompt) -> object:
    # Without tools any choice is an error, and `auto` is what a server does unasked.
    if not prompt.tools or prompt.tool_choice == "auto":
        return None
    if prompt.tool_choice in {"none", "required"}:
        return prompt.tool_choice
    return {"type": "function", "function": {"name": prompt.tool_choice}}


def _response_format(schema: Json | None) -> Json | None:
    if schema is None:
        return None
    if schema == {"type": "object"}:
        return {"type": "json_object"}
    # `strict` demands closed objects, and is an error for schemas that leave them open.
    strict = {"strict": True} if schema.get("additionalProperties") is False else {}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **strict}}


# ---------------------------------------------------------------- the answer


class BadCompletionError(Exception):
    """A server sent what makes no completion; the message completes "the server ..."."""


class _Part(msgspec.Struct):
    text: str | None = None


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | Json | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Delta(msgspec.Struct):
    content: str | list[_Part] | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    """Instead of `delta` where a server answered in one piece."""
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: object = None


class CompletionReader:
    """Turns the chunks of one streamed completion into pieces."""

    def __init__(self) -> None:
        self._reason = ""
        self._usage = _Usage()
        self._said_something = False
        self._calls = 0
        self._call_id: str | None = None
        self._call_index: int | None = None
        self._has_arguments = True

    @property
    def ended(self) -> bool:
        """Whether the server said why it stopped; without that the stream broke off."""
        return bool(self._reason)

    def feed(self, chunk: Chunk) -> Iterator[Piece]:
        """The pieces of one chunk; raises `BadCompletionError` for calls that interleave."""
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices or ():
            delta = choice.delta or choice.message or _Delta()
            text = _text(delta.content)
            if text:
                self._said_something = True
                yield TextDelta(text)
            for call in delta.tool_calls or ():
                yield from self._call(call)
            self._reason = choice.finish_reason or self._reason

    def finish(self) -> Iterator[Piece]:
        """The pieces due when the stream is over; raises `BadCompletionError` for a withheld answer."""
        yield from self._end_call()
        if self._reason == "content_filter" and not self._said_something:
            raise BadCompletionError("withheld the answer: its content filter objected")
        reason: Literal["stop", "length", "tool_calls"] = "stop"
        if self._reason == "length":
            reason = "length"
        elif self._calls:
            # Servers say `stop` after calls too, some always, some when the tool was named.
            reason = "tool_calls"
        yield Finished(reason, self._usage.prompt_tokens, self._usage.completion_tokens)

    def _call(self, call: _Call) -> Iterator[Piece]:
        if self._is_new(call):
            yield from self._end_call()
            if not call.function.name:
                raise BadCompletionError("streamed a tool call without a name, or mixed two calls")
            self._calls += 1
            self._call_id, self._call_index = call.id or f"call_{uuid4().hex}", call.index
            self._has_arguments = False
            yield CallStarted(self._call_id, call.function.name)
        arguments = call.function.arguments
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        if arguments:
            self._has_arguments = True
            yield CallDelta(arguments)

    def _is_new(self, call: _Call) -> bool:
        """A call goes on while its index stays and no other id comes; many servers omit one."""
        if not self._calls:
            return True
        other_id = bool(call.id) and call.id != self._call_id
        return other_id or call.index != self._call_index

    def _end_call(self) -> Iterator[Piece]:
        if not self._has_arguments:
            self._has_arguments = True
            yield CallDelta("{}")


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text or "" for part in content)
    return content or ""
