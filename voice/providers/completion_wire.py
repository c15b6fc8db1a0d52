"""Answers in OpenAI's JSON, made of the pieces of a local model. Pure.

An answer is written twice over: as the chunks of a stream while the pieces come, and as the choice
of a whole answer when they have come.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal
from uuid import uuid4

import msgspec

from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    Finished,
    Piece,
    TextDelta,
    TokenLogprob,
)

Json = dict[str, Any]
DONE = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder().encode


def event(value: Json) -> bytes:
    """A server-sent event."""
    return b"data: " + _encode(value) + b"\n\n"


class Envelope:
    """What all chunks of an answer have in common, and the answer itself."""

    def __init__(
        self,
        kind: Literal["chat.completion", "text_completion"],
        model: str,
        created: int,
        *,
        usage: bool,
        warnings: Sequence[str] = (),
    ) -> None:
        prefix = "chatcmpl" if kind == "chat.completion" else "cmpl"
        chunk_kind = "chat.completion.chunk" if kind == "chat.completion" else kind
        common = {"created": created, "model": model}
        answer_id = f"{prefix}-{uuid4().hex}"
        self._head: Json = {"id": answer_id, "object": kind, **common}
        self._chunk_head: Json = {"id": answer_id, "object": chunk_kind, **common}
        self._tells_usage = usage
        self._warnings: Json = {"warnings": list(warnings)} if warnings else {}
        self._input_tokens = 0
        self._output_tokens = 0

    def count(self, finished: Finished, *, prompt_again: bool = False) -> None:
        """Add what a choice used; several choices of one prompt read it once."""
        self._input_tokens += 0 if prompt_again else finished.input_tokens
        self._output_tokens += finished.output_tokens

    def chunk(self, choice: Json) -> bytes:
        usage = {"usage": None} if self._tells_usage else {}
        return event({**self._chunk_head, "choices": [choice], **usage})

    def last(self) -> bytes:
        """What ends a stream: the usage if it was asked for, and the mark that this was all."""
        if not self._tells_usage:
            return DONE
        return event({**self._chunk_head, "choices": [], "usage": self._usage()}) + DONE

    def whole(self, choices: Sequence[Json]) -> bytes:
        body = {**self._head, "choices": [*choices], "usage": self._usage()}
        return _encode(body | self._warnings)

    def _usage(self) -> Json:
        total = self._input_tokens + self._output_tokens
        return {
            "prompt_tokens": self._input_tokens,
            "completion_tokens": self._output_tokens,
            "total_tokens": total,
        }


class ChatChoice:
    """One choice of a chat completion, with at most so many `calls`.

    A `legacy` one tells its call as a `function_call`, for clients that sent `functions`.
    """

    def __init__(
        self, index: int, *, logprobs: bool, calls: int | None = None, legacy: bool = False
    ) -> None:
        self._index = index
        self._legacy = legacy
        self._wants_logprobs = logprobs
        self._most_calls = calls
        self._text: list[str] = []
        self._logprobs: list[Json] = []
        self._calls: list[Json] = []
        self._dropping = False
        self._reason = "stop"

    def opening(self) -> Json:
        return self._delta({"role": "assistant", "content": ""})

    def feed(self, piece: Piece) -> Iterator[Json]:
        """The chunks' choices that a piece makes."""
        match piece:
            case TextDelta(text=text, logprobs=logprobs):
                self._text.append(text)
                told = [chat_logprob(each) for each in logprobs]
                self._logprobs += told
                yield self._delta({"content": text}, told)
            case CallStarted() | CallDelta():
                yield from self._call(piece)
            case Finished(reason=reason):
                is_call = reason == "tool_calls" and self._legacy
                self._reason = "function_call" if is_call else reason
                yield self._delta({}, reason=self._reason)

    def _call(self, piece: CallStarted | CallDelta) -> Iterator[Json]:
        if isinstance(piece, CallStarted):
            self._dropping = self._most_calls is not None and len(self._calls) >= self._most_calls
        if self._dropping:
            return
        if isinstance(piece, CallStarted):
            function: Json = {"name": piece.name, "arguments": ""}
            self._calls.append({"id": piece.call_id, "type": "function", "function": function})
            fragment = {"index": len(self._calls) - 1, **self._calls[-1], "function": {**function}}
        else:
            self._calls[-1]["function"]["arguments"] += piece.arguments
            fragment = {
                "index": len(self._calls) - 1,
                "function": {"arguments": piece.arguments},
            }
        if self._legacy:
            yield self._delta({"function_call": fragment["function"]})
        else:
            yield self._delta({"tool_calls": [fragment]})

    def _delta(
        self, delta: Json, logprobs: list[Json] | None = None, reason: str | None = None
    ) -> Json:
        told = {"content": logprobs, "refusal": None} if logprobs and self._wants_logprobs else None
        return {"index": self._index, "delta": delta, "logprobs": told, "finish_reason": reason}

    def whole(self) -> Json:
        text = "".join(self._text)
        message: Json = {
            "role": "assistant",
            "content": None if self._calls and not text else text,
            "refusal": None,
        }
        if self._calls and self._legacy:
            message["function_call"] = self._calls[0]["function"]
        elif self._calls:
            message["tool_calls"] = self._calls
        told = {"content": self._logprobs, "refusal": None} if self._wants_logprobs else None
        return {
            "index": self._index,
            "message": message,
            "logprobs": told,
            "finish_reason": self._reason,
        }


class TextChoice:
    """One choice of a text completion; `echo` is the prompt that the answer repeats."""

    def __init__(self, index: int, *, logprobs: bool, echo: str = "") -> None:
        self.index = index
        self._wants_logprobs = logprobs
        self._echo = echo
        self._text: list[str] = [echo] if echo else []
        self._length = len(echo)
        self._logprobs: list[tuple[TokenLogprob, int]] = []
        self._reason = "stop"

    def opening(self) -> Json | None:
        return self._chunk(self._echo) if self._echo else None

    def feed(self, piece: Piece) -> Iterator[Json]:
        match piece:
            case TextDelta(text=text, logprobs=logprobs):
                self._text.append(text)
                told = self._placed(logprobs)
                self._length += len(text)
                yield self._chunk(text, told)
            case Finished(reason=reason):
                self._reason = "length" if reason == "length" else "stop"
                yield self._chunk("", reason=self._reason)

    def mean_logprob(self) -> float:
        """How likely the model finds its own answer, by token."""
        likely = [each.logprob for each, _ in self._logprobs]
        return sum(likely) / len(likely) if likely else 0.0

    def whole(self) -> Json:
        return self._chunk("".join(self._text), self._logprobs, self._reason)

    def _placed(self, logprobs: Sequence[TokenLogprob]) -> list[tuple[TokenLogprob, int]]:
        placed = []
        at = self._length
        for each in logprobs:
            placed.append((each, at))
            at += len(each.token)
        self._logprobs += placed
        return placed

    def _chunk(
        self,
        text: str,
        logprobs: Sequence[tuple[TokenLogprob, int]] = (),
        reason: str | None = None,
    ) -> Json:
        told = text_logprobs(logprobs) if self._wants_logprobs and logprobs else None
        return {"index": self.index, "text": text, "logprobs": told, "finish_reason": reason}


def chat_logprob(token: TokenLogprob) -> Json:
    return {**_one(token), "top_logprobs": [_one(each) for each in token.top]}


def _one(token: TokenLogprob) -> Json:
    raw = token.raw or token.token.encode()
    return {"token": token.token, "logprob": token.logprob, "bytes": list(raw)}


def text_logprobs(tokens: Sequence[tuple[TokenLogprob, int]]) -> Json:
    """The older shape of the text endpoint: arrays side by side."""
    return {
        "tokens": [token.token for token, _ in tokens],
        "token_logprobs": [token.logprob for token, _ in tokens],
        "top_logprobs": [{each.token: each.logprob for each in token.top} for token, _ in tokens],
        "text_offset": [at for _, at in tokens],
    }
