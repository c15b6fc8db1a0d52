"""Answers in OpenAI's shapes: whether one is an answer at all, and a whole one as a stream."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from voice.providers.protocol import Call

DONE = b"data: [DONE]\n\n"

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the JSON of strangers may raise; the last where it is nested without an end."""

Rewrite = Callable[[bytes], bytes]
"""The JSON of a completion, or of a chunk of one, as it is to be passed on."""


class BadAnswerError(Exception):
    """What came is no answer; the message completes "the server ..."."""


class InBandError(Exception):
    """The server wrote an error where its answer was due; `body` is its JSON."""

    def __init__(self, body: bytes) -> None:
        super().__init__("an error in band")
        self.body = body


class StreamReader(Protocol):
    """Makes blocks of whole events of the bytes of an answer.

    Both methods may give nothing, and raise `BadAnswerError` and `InBandError`.
    """

    done: bool
    """Whether the last block has been given."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes:
        """What is still due when the bytes have ended; asked for only while it is not `done`."""


class _Message(msgspec.Struct):
    tool_calls: list[dict[str, msgspec.Raw]] | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] | None = None
    data: list[msgspec.Raw] | None = None
    error: Any = None
    object: str = ""


def check_answer(call: Call, body: bytes) -> None:
    """Raises `BadAnswerError` and `InBandError` for what is no answer to the call."""
    if not body.strip():
        raise BadAnswerError("sent an empty answer")
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except UNREADABLE as error:
        raise BadAnswerError(f"sent no answer in JSON ({error})") from error
    if answer.error or answer.object == "error":
        raise InBandError(body)
    if call.operation == "embeddings":
        if not answer.data:
            raise BadAnswerError("sent an answer without any embedding")
    elif not answer.choices:
        raise BadAnswerError("sent an answer without any choice")
    elif call.operation == "chat/completions" and not all(c.message for c in answer.choices):
        raise BadAnswerError("sent a choice without a message")


def as_stream(call: Call, body: bytes) -> bytes:
    """A checked completion in one piece, as the stream that was asked for."""
    answer = msgspec.json.decode(body)
    if call.operation == "chat/completions":
        answer["object"] = "chat.completion.chunk"
    for choice in answer["choices"]:
        if message := choice.pop("message", None):
            choice["delta"] = message
            for index, tool_call in enumerate(message.get("tool_calls") or ()):
                tool_call["index"] = index
    usage = answer.pop("usage", None)
    events = [answer]
    if wants_usage(call):
        events = [answer | {"usage": None}, answer | {"choices": [], "usage": usage}]
    return b"".join(map(event_of, events)) + DONE


def event_of(chunk: object) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def wants_usage(call: Call) -> bool:
    options = call.body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
