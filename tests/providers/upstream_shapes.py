"""What stand-ins for upstream servers say: the same script in the words of each kind of server."""

import struct
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import msgspec

Json = dict[str, object]

Fault = Literal[
    "hang",  # before the headers
    "hang_silent",  # after the headers, before the first event
    "hang_within",  # after the first word
    "die",
    "die_silent",
    "die_within",
    "page",  # a web page
    "empty",  # a body of nothing
    "garbage",
    "garbage_within",
    "error",  # an error in band, under the status of success
    "error_within",
    "no_choices",
    "no_done",  # finished, but the last mark is missing
    "cut",  # neither finished nor marked
]


@dataclass(frozen=True)
class Script:
    """How a stand-in answers, and where it fails; with a `status` of 400 and more it refuses."""

    words: tuple[str, ...] = ("Hello", " there", ".")
    thinking: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    """Names and arguments of tool calls."""
    finish: str = "stop"
    fault: Fault | None = None
    interval_s: float = 0.0
    """Between two events."""
    status: int = 200
    error: str = "something went wrong"
    error_type: str = "server_error"
    error_code: str | int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Asked(NamedTuple):
    path: str
    body: Json


class Parts(NamedTuple):
    """The events of an answer, but for the mark of its end."""

    opening: list[bytes]
    words: list[bytes]
    ending: list[bytes]


class Shape(Protocol):
    paths: Sequence[str]
    garbage: bytes
    last: bytes
    """The mark of the end of a stream."""

    def error(self, script: Script) -> Json: ...

    def in_band(self, script: Script) -> bytes: ...

    def whole(self, script: Script, asked: Asked) -> Json: ...

    def stream(self, script: Script, asked: Asked) -> Parts: ...

    def nothing(self) -> bytes:
        """A stream that ends well without having said anything."""


def event(data: object, name: str = "") -> bytes:
    prefix = f"event: {name}\n".encode() if name else b""
    return prefix + b"data: " + msgspec.json.encode(data) + b"\n\n"


class OpenAIShape:
    """A server like OpenAI's own."""

    paths: Sequence[str] = ("chat/completions", "completions", "embeddings")
    garbage = b"data: {nonsense\n\n"
    last = b"data: [DONE]\n\n"
    thinking_field = "reasoning_content"
    usage: Json = {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}  # noqa: RUF012

    def error(self, script: Script) -> Json:
        fields = {"message": script.error, "type": script.error_type, "code": script.error_code}
        return {"error": {**fields, "param": None}}

    def whole(self, script: Script, asked: Asked) -> Json:
        path = asked.path
        if path == "embeddings":
            return _embeddings(asked.body)
        text = "".join(script.words)
        if path == "completions":
            choice: Json = {"text": text, "logprobs": None}
        else:
            message: Json = {"role": "assistant", "content": text}
            if script.thinking:
                message[self.thinking_field] = script.thinking
            if script.calls:
                message["tool_calls"] = [_call(*each) for each in enumerate(script.calls)]
            choice = {"message": message}
        choice |= {"index": 0, "finish_reason": script.finish}
        choices = [] if script.fault == "no_choices" else [choice]
        kind = "text_completion" if path == "completions" else "chat.completion"
        return _head(kind) | {"choices": choices, "usage": self.usage}

    def stream(self, script: Script, asked: Asked) -> Parts:
        path = asked.path
        if path == "completions":
            words = [self._chunk(path, {"text": word}) for word in script.words]
            return Parts([], words, [self._chunk(path, {"text": ""}, script.finish)])
        opening = [self._chunk(path, {"delta": {"role": "assistant", "content": ""}})]
        if script.thinking:
            opening.append(self._chunk(path, {"delta": {self.thinking_field: script.thinking}}))
        words = [self._chunk(path, {"delta": {"content": word}}) for word in script.words]
        ending = [*self._calls(script), self._chunk(path, {"delta": {}}, script.finish)]
        options = asked.body.get("stream_options")
        if isinstance(options, dict) and options.get("include_usage"):
            ending.append(event(_head(_CHUNKS[path]) | {"choices": [], "usage": self.usage}))
        return Parts(opening, words, ending)

    def _calls(self, script: Script) -> Iterator[bytes]:
        for index, (name, arguments) in enumerate(script.calls):
            call = _call(index, (name, "")) | {"index": index}
            yield self._chunk("chat/completions", {"delta": {"tool_calls": [call]}})
            more = {"index": index, "function": {"arguments": arguments}}
            yield self._chunk("chat/completions", {"delta": {"tool_calls": [more]}})

    def in_band(self, script: Script) -> bytes:
        return event(self.error(script))

    def nothing(self) -> bytes:
        return event(_head("chat.completion.chunk") | {"choices": []}) + self.last

    def _chunk(self, path: str, said: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, **said, "finish_reason": finish}
        return event(_head(_CHUNKS[path]) | {"choices": [choice]})


class VLLMShape(OpenAIShape):
    """A server like vLLM: another name for thoughts, other errors, and old names it ignores."""

    thinking_field = "reasoning"

    def error(self, script: Script) -> Json:
        status = script.status if script.status >= 400 else 500
        fields = {"message": script.error, "type": script.error_type, "code": status}
        return {"object": "error", **fields, "param": None}

    def whole(self, script: Script, asked: Asked) -> Json:
        return super().whole(self._constrained(script, asked.body), asked)

    def _constrained(self, script: Script, body: Json) -> Script:
        outputs = body.get("structured_outputs")
        choices = outputs.get("choice") if isinstance(outputs, dict) else None
        return Script(words=(choices[0],)) if choices else script


class AnthropicShape:
    """A server like Anthropic's, which has but one path."""

    paths: Sequence[str] = ("messages",)
    garbage = b"event: content_block_delta\ndata: {nonsense\n\n"
    last = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    usage: Json = {  # noqa: RUF012
        "input_tokens": 4,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 100,
        "output_tokens": 3,
    }

    def error(self, script: Script) -> Json:
        return {"type": "error", "error": {"type": script.error_type, "message": script.error}}

    def whole(self, script: Script, asked: Asked) -> Json:
        blocks: list[Json] = []
        if script.thinking:
            blocks.append({"type": "thinking", "thinking": script.thinking, "signature": "s"})
        if script.words:
            blocks.append({"type": "text", "text": "".join(script.words)})
        for index, (name, arguments) in enumerate(script.calls):
            given = msgspec.json.decode(arguments or "{}")
            blocks.append(
                {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": given}
            )
        if script.fault == "no_choices":
            return {"type": "message"}
        return self._message(asked.body) | {"content": blocks, "stop_reason": script.finish}

    def stream(self, script: Script, asked: Asked) -> Parts:
        opening = [
            event({"type": "message_start", "message": self._message(asked.body)}, "message_start"),
            event({"type": "ping"}, "ping"),
        ]
        if script.thinking:
            thought = {"type": "thinking_delta", "thinking": script.thinking}
            signature = {"type": "signature_delta", "signature": "c2ln"}
            block = {"type": "thinking", "thinking": "", "signature": ""}
            opening += self._block(0, block, thought, signature)
        words: list[bytes] = []
        ending: list[bytes] = []
        if script.words:
            texts = [{"type": "text_delta", "text": word} for word in script.words]
            start, *words, stop = self._block(1, {"type": "text", "text": ""}, *texts)
            opening.append(start)
            ending.append(stop)
        return Parts(opening, words, [*ending, *self._calls(script), self._stop(script)])

    def _calls(self, script: Script) -> Iterator[bytes]:
        for index, (name, arguments) in enumerate(script.calls):
            block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
            half = len(arguments) // 2
            parts = ["", arguments[:half], arguments[half:]] if arguments else [""]
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
            yield from self._block(index + 2, block, *deltas)

    def _stop(self, script: Script) -> bytes:
        delta = {"stop_reason": script.finish, "stop_sequence": None}
        usage = {"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 1}}
        data = {"type": "message_delta", "delta": delta, "usage": usage}
        return event(data, "message_delta")

    def in_band(self, script: Script) -> bytes:
        return event(self.error(script), "error")

    def nothing(self) -> bytes:
        return event({"type": "message_start", "message": self._message({})}) + self.last

    def _message(self, body: Json) -> Json:
        head: Json = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
        return head | {"model": body.get("model"), "stop_reason": None, "usage": self.usage}

    def _block(self, index: int, block: object, *deltas: object) -> Iterator[bytes]:
        start = {"type": "content_block_start", "index": index, "content_block": block}
        yield event(start, "content_block_start")
        for delta in deltas:
            data = {"type": "content_block_delta", "index": index, "delta": delta}
            yield event(data, "content_block_delta")
        yield event({"type": "content_block_stop", "index": index}, "content_block_stop")


SHAPES: Mapping[str, Shape] = {
    "openai": OpenAIShape(),
    "vllm": VLLMShape(),
    "anthropic": AnthropicShape(),
}

_CHUNKS = {"chat/completions": "chat.completion.chunk", "completions": "text_completion"}


def _head(kind: str) -> Json:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "tiny-served"}


def _call(index: int, call: tuple[str, str]) -> Json:
    function = {"name": call[0], "arguments": call[1]}
    return {"id": f"call_{index}", "type": "function", "function": function}


def _embeddings(body: Json) -> Json:
    """A vector of two per input: its place, and how many dimensions were asked for."""
    given = body["input"]
    several = isinstance(given, list) and given and not isinstance(given[0], int)
    data: list[Json] = []
    for index in range(len(given) if several else 1):  # type: ignore[arg-type] # it is a list
        vector = [float(index), 1.0]
        packed = b64encode(struct.pack("<2f", *vector)).decode()
        encoded = packed if body.get("encoding_format") == "base64" else vector
        data.append({"object": "embedding", "index": index, "embedding": encoded})
    usage = {"prompt_tokens": 2 * len(data), "total_tokens": 2 * len(data)}
    return {"object": "list", "model": "tiny-served", "data": data, "usage": usage}
