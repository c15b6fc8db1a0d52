"""Relays the events of speech and of transcripts: bytes in, blocks of whole events out, untouched.

A stream that breaks off, or holds garbage or an error, must not pass for an answer.
"""

from typing import Any

import msgspec

from voice.providers.answers import DONE, UNREADABLE, BadAnswerError, InBandError, event_of
from voice.providers.framing import Framing


class _Event(msgspec.Struct):
    type: str = ""
    object: str = ""
    error: Any = None


class _Transcript(msgspec.Struct):
    text: str | None = None
    object: str = ""
    error: Any = None


class AudioEvents:
    """Implements `StreamReader` for one stream, which `last` ends after the event that says so."""

    def __init__(self, last: bytes = b"") -> None:
        self.done = False
        self._last = last
        self._framing = Framing()
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """The block of events that `data` completed, or nothing.

        Raises `BadAnswerError` and `InBandError`.
        """
        block = self._framing.feed(data)
        return self._passed(block) if block else b""

    def finish(self) -> bytes:
        """What is still due at the end of the stream, which may lack its last blank line."""
        block = self._passed(self._framing.rest())
        if not self.done:
            trouble = "broke off in the middle of its answer" if self._begun else "sent no events"
            raise BadAnswerError(trouble)
        return block

    def _passed(self, block: bytes) -> bytes:
        passed = b""
        for event in block.split(b"\n\n"):
            if not event.strip() or self.done:
                continue
            if self._belongs(event):
                passed += event.strip(b"\n") + b"\n\n"
        return passed + self._last if self.done else passed

    def _belongs(self, event: bytes) -> bool:
        """Whether an event is for the client; before the first that is somebody else can answer."""
        fields = [line.partition(b":") for line in event.strip(b"\n").split(b"\n")]
        if any(name not in _FIELDS for name, _, _ in fields):
            raise BadAnswerError("sent no server-sent events")
        data = b"\n".join(value.removeprefix(b" ") for name, _, value in fields if name == b"data")
        if not data:
            return self._begun
        if data.strip() == b"[DONE]":
            self.done = self._begun
            return False
        try:
            found = msgspec.json.decode(data, type=_Event)
        except UNREADABLE as error:
            raise BadAnswerError(f"sent no events of audio ({error})") from error
        if found.error or "error" in {found.type, found.object}:
            raise InBandError(data)
        self._begun = True
        self.done = found.type.endswith(".done")
        return True


_FIELDS = {b"data", b"event", b"id", b"retry", b""}


def text_of(answer: bytes) -> str:
    """The text of a transcript in JSON. Raises `BadAnswerError` and `InBandError`."""
    try:
        found = msgspec.json.decode(answer, type=_Transcript)
    except UNREADABLE as error:
        raise BadAnswerError(f"sent no transcript in JSON ({error})") from error
    if found.error or found.object == "error":
        raise InBandError(answer)
    if found.text is None:
        raise BadAnswerError("sent an answer without a text")
    return found.text


def as_events(answer: bytes) -> bytes:
    """A transcript in JSON as the stream that was asked for."""
    text = text_of(answer)
    delta = {"type": "transcript.text.delta", "delta": text}
    done = {**msgspec.json.decode(answer), "type": "transcript.text.done"}
    return event_of(delta) + event_of(done) + DONE
