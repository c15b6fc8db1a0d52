"""What Anthropic's Messages API answers, whole and streamed, in OpenAI's shapes.

Pure: the time of the answer is an argument.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from voice.engines.sse import EventStream, EventTooLongError, StreamEvent
from voice.providers.answers import DONE, UNREADABLE, BadAnswerError, InBandError, event_of
from voice.providers.protocol import Operation
from voice.providers.reasoning import ReasoningField

Json = dict[str, object]

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

WRAPPED = "Anthropic has no text completions: the prompt was sent as a message of the user."
"""Told with every text completion, as one of its `warnings`."""


@dataclass(frozen=True)
class Form:
    """What an answer is to look like."""

    operation: Operation
    created: int
    """Seconds since 1970."""
    reasoning: ReasoningField = "reasoning_content"
    wants_usage: bool = False
    """Whether a stream ends with the totals."""

    @property
    def is_chat(self) -> bool:
        return self.operation == "chat/completions"


# ---------------------------------------------------------------- the wire


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    content: list[_Block] | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None
    type: str = ""


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: Any = None


# ---------------------------------------------------------------- in one piece


def completion(body: bytes, form: Form) -> bytes:
    """An answer in one piece. Raises `BadAnswerError` and `InBandError`."""
    if not body.strip():
        raise BadAnswerError("sent an empty answer")
    try:
        message = msgspec.json.decode(body, type=_Message)
    except UNREADABLE as error:
        raise BadAnswerError(f"sent no message in JSON ({error})") from error
    if message.type == "error":
        raise InBandError(body)
    if message.content is None:
        raise BadAnswerError("sent an answer without any content")
    choice: Json = {"index": 0, "logprobs": None, "finish_reason": _reason(message.stop_reason)}
    if form.is_chat:
        choice["message"] = _spoken(message.content, form)
    else:
        choice["text"] = _joined(message.content) or ""
    whole = _head(form, message, streamed=False) | {"choices": [choice]}
    return msgspec.json.encode(whole | {"usage": _usage(message.usage or _Usage())})


def _spoken(blocks: list[_Block], form: Form) -> Json:
    said: Json = {"role": "assistant", "content": _joined(blocks), "refusal": None}
    if thoughts := "".join(block.thinking for block in blocks if block.type == "thinking"):
        said[form.reasoning] = thoughts
    uses = [block for block in blocks if block.type == "tool_use"]
    if uses:
        said["tool_calls"] = [_call(block, bytes(block.input).decode()) for block in uses]
    return said


def _joined(blocks: list[_Block]) -> str | None:
    texts = [block.text for block in blocks if block.type == "text"]
    return "".join(texts) if texts else None


def _call(block: _Block, arguments: str) -> Json:
    function = {"name": block.name, "arguments": arguments}
    return {"id": block.id, "type": "function", "function": function}


def _head(form: Form, message: _Message, *, streamed: bool) -> Json:
    kind = "text_completion"
    if form.is_chat:
        kind = "chat.completion.chunk" if streamed else "chat.completion"
    head: Json = {"id": message.id, "object": kind, "created": form.created, "model": message.model}
    return head if form.is_chat else head | {"warnings": [WRAPPED]}


def _reason(stop_reason: str | None) -> str:
    return FINISH_REASONS.get(stop_reason or "", "stop")


def _usage(usage: _Usage) -> Json:
    """Anthropic counts what it read from its cache, and wrote to it, beside the input."""
    written = usage.cache_creation_input_tokens or 0
    read = usage.cache_read_input_tokens or 0
    prompt = (usage.input_tokens or 0) + written + read
    answer = usage.output_tokens or 0
    totals: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
    }
    details = usage.output_tokens_details
    if details is not None and details.thinking_tokens is not None:
        totals["completion_tokens_details"] = {"reasoning_tokens": details.thinking_tokens}
    return totals


# ---------------------------------------------------------------- as a stream


class MessageStream:
    """Implements `StreamReader`: events of a message in, chunks of a completion out.

    The announcement of the answer is held back until it says something.
    """

    def __init__(self, form: Form) -> None:
        self.done = False
        self._form = form
        self._events = EventStream()
        self._message: _Message | None = None
        self._usage = _Usage()
        self._stop_reason: str | None = None
        self._begun = False
        self._calls = 0
        self._lacks_arguments = False

    def feed(self, data: bytes) -> bytes:
        try:
            return self._chunks(self._events.feed(data))
        except EventTooLongError as error:
            raise BadAnswerError(f"sent too much at once: {error}") from error

    def finish(self) -> bytes:
        block = self._chunks(self._events.finish())
        if self.done:
            return block
        if self._message is None:
            raise BadAnswerError("sent an empty answer")
        if self._stop_reason is None:
            raise BadAnswerError("broke off in the middle of its answer")
        return block + self._end()

    def _chunks(self, events: list[StreamEvent]) -> bytes:
        return b"".join([self._event(event) for event in events if not self.done])

    def _event(self, sent: StreamEvent) -> bytes:
        try:
            event = msgspec.json.decode(sent.data, type=_Event)
        except UNREADABLE as error:
            raise BadAnswerError(f"sent no event of a message ({error})") from error
        match event:
            case _Event(type="error"):
                raise InBandError(sent.data.encode())
            case _Event(type="message_start", message=_Message() as message):
                self._message = message
                self._count(message.usage)
            case _Event(type="content_block_start", content_block=_Block() as block):
                return self._start(block)
            case _Event(type="content_block_delta", delta=_Delta() as delta):
                return self._delta(delta)
            case _Event(type="content_block_stop"):
                return self._arguments("{}") if self._lacks_arguments else b""
            case _Event(type="message_delta"):
                if event.delta is not None:
                    self._stop_reason = event.delta.stop_reason or self._stop_reason
                self._count(event.usage)
            case _Event(type="message_stop"):
                return self._end()
        return b""

    def _start(self, block: _Block) -> bytes:
        if block.type != "tool_use" or not self._form.is_chat:
            return self._text(block.text) + self._thought(block.thinking)
        index, self._calls = self._calls, self._calls + 1
        self._lacks_arguments = True
        return self._chunk({"tool_calls": [{"index": index, **_call(block, "")}]})

    def _delta(self, delta: _Delta) -> bytes:
        match delta.type:
            case "text_delta":
                return self._text(delta.text)
            case "thinking_delta":
                return self._thought(delta.thinking)
            case "input_json_delta":
                return self._arguments(delta.partial_json)
        return b""

    def _text(self, text: str) -> bytes:
        return self._chunk({"content": text}) if text else b""

    def _thought(self, text: str) -> bytes:
        return self._chunk({self._form.reasoning: text}) if text and self._form.is_chat else b""

    def _arguments(self, part: str) -> bytes:
        if not part or not self._calls:
            return b""
        self._lacks_arguments = False
        call = {"index": self._calls - 1, "function": {"arguments": part}}
        return self._chunk({"tool_calls": [call]})

    def _end(self) -> bytes:
        if self._message is None or self._stop_reason is None:
            raise BadAnswerError("sent an answer without any content")
        self.done = True
        last = self._chunk({}, _reason(self._stop_reason))
        if self._form.wants_usage:
            totals = {"choices": [], "usage": _usage(self._usage)}
            last += event_of(_head(self._form, self._message, streamed=True) | totals)
        return last + DONE

    def _count(self, usage: _Usage | None) -> None:
        """Later counts are totals, of those that are named."""
        for name in _Usage.__struct_fields__:
            told = getattr(usage, name, None)
            if told is not None:
                setattr(self._usage, name, told)

    def _chunk(self, delta: Json, reason: str | None = None) -> bytes:
        if self._message is None:
            raise BadAnswerError("sent content without the start of a message")
        choice: Json = {"index": 0, "logprobs": None, "finish_reason": reason}
        announced = b""
        if not self._form.is_chat:
            choice["text"] = delta.get("content", "")
        else:
            choice["delta"] = delta
            if not self._begun:
                self._begun = True
                announced = self._chunk({"role": "assistant", "content": ""})
        chunk = _head(self._form, self._message, streamed=True) | {"choices": [choice]}
        return announced + event_of(chunk | ({"usage": None} if self._form.wants_usage else {}))
