"""Relays a stream of completion chunks: bytes in, blocks of whole events out, hardly touched.

Every event is looked at, none is built anew unless it has to be: a stream that breaks off, holds
garbage or an error, or ends before it said anything must not pass for an answer.
"""

from typing import Any

import msgspec

from voice.providers.answers import DONE, UNREADABLE, BadAnswerError, InBandError, Rewrite, event_of
from voice.providers.framing import Framing, bounded


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    finish_reason: str | None = None


class _Glimpse(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: Any = None
    object: str = ""


class _Opening(msgspec.Struct):
    choices: list[dict[str, object]] = []


_glimpse = msgspec.json.Decoder(_Glimpse).decode
_opening = msgspec.json.Decoder(_Opening).decode


class Relay:
    """Implements `StreamReader` for one stream. What comes before the first content is held back,
    since until then a failure can still be the answer of somebody else.

    `wants_usage` says that the client asked for the chunk of totals; others choke on it.
    """

    def __init__(self, *, wants_usage: bool, rewrite: Rewrite | None = None) -> None:
        self.done = False
        self._wants_usage = wants_usage
        self._rewrite = rewrite
        self._framing = Framing()
        self._begun = False
        self._held = b""
        self._open: set[int] = set()
        self._finished: set[int] = set()

    def feed(self, data: bytes) -> bytes:
        """The block of events that `data` completed, or nothing.

        Raises `BadAnswerError` and `InBandError`; what it knew to be good before that is lost.
        """
        block = self._framing.feed(data)
        return self._passed(block) if block else b""

    def finish(self) -> bytes:
        """What is still due at the end of the stream, which may lack its last blank line."""
        block = self._passed(self._framing.rest())
        if self.done:
            return block
        if not self._begun:
            raise BadAnswerError("sent an empty answer")
        if not self._finished or self._open - self._finished:
            raise BadAnswerError("broke off in the middle of its answer")
        self.done = True
        return block + DONE

    def _passed(self, block: bytes) -> bytes:
        """The block without what nobody may see, the same bytes where that is nothing."""
        block = _utf8(block)
        events = block.split(b"\n\n")
        changed = False
        for number, event in enumerate(events):
            if event and self.done:
                events[number] = b""
                changed = True
            elif event:
                passed = self._event(event)
                changed = changed or passed is not event
                events[number] = passed
        if changed:
            block = b"".join(event.strip(b"\n") + b"\n\n" for event in events if event)
        if self._begun or self.done:
            block, self._held = self._held + block, b""
            return block
        self._held = bounded(self._held + block)
        return b""

    def _event(self, event: bytes) -> bytes:
        if event.startswith(b"data: {") and b"\n" not in event:
            return self._chunk(event, event[6:])
        if not self._begun:
            event = event.removeprefix(b"\xef\xbb\xbf")
        fields = [line.partition(b":") for line in event.split(b"\n")]
        lines = [value.removeprefix(b" ") for field, _, value in fields if field == b"data"]
        data = b"\n".join(lines).strip()
        if data == b"[DONE]":
            return self._end(event)
        for field, _, value in fields:
            if field == b"error":  # as older llama.cpp writes it
                raise InBandError(value)
        if any(field not in _FIELDS for field, _, _ in fields):
            raise BadAnswerError("sent no server-sent events")
        if not data:
            return event if self._begun else b""
        if any(field == b"event" and value.strip() == b"error" for field, _, value in fields):
            raise InBandError(data)
        return self._chunk(event, data)

    def _end(self, event: bytes) -> bytes:
        if not self._begun:
            raise BadAnswerError("sent an answer without any choice")
        self.done = True
        return event

    def _chunk(self, event: bytes, data: bytes) -> bytes:
        try:
            chunk = _glimpse(data)
            if not self._begun:
                self._begun = _says_something(data)
        except UNREADABLE as error:
            raise BadAnswerError(f"sent no completion ({error})") from error
        if chunk.error or chunk.object == "error":
            raise InBandError(data)
        if not chunk.choices:
            return self._totals(event, data, chunk)
        for choice in chunk.choices:
            if choice.finish_reason:
                self._finished.add(choice.index)
            else:
                self._open.add(choice.index)
        if self._rewrite is None:
            return event
        rewritten = self._rewrite(data)
        return event if rewritten is data else b"data: " + rewritten

    def _totals(self, event: bytes, data: bytes, chunk: _Glimpse) -> bytes:
        """An event without choices: the totals of a client that asked for them, else nobody's."""
        if chunk.usage is msgspec.UNSET or not self._wants_usage:
            return b""
        if chunk.choices is not None:
            return event
        whole: dict[str, object] = msgspec.json.decode(data)
        return event_of(whole | {"choices": []})


def _utf8(block: bytes) -> bytes:
    """The same bytes, with U+FFFD for those that are no UTF-8: clients fail on them."""
    try:
        block.decode()
    except UnicodeDecodeError:
        return block.decode("utf-8", "replace").encode()
    return block


_FIELDS = {b"data", b"event", b"id", b"retry", b""}


def _says_something(data: bytes) -> bool:
    """Whether a chunk holds more than the announcement that an answer follows."""
    for choice in _opening(data).choices:
        delta = choice.get("delta")
        said = {**delta, "role": None} if isinstance(delta, dict) else {}
        if any(said.values()) or choice.get("finish_reason") or choice.get("text"):
            return True
    return False
