"""Reads the `text/event-stream` format: bytes in, events out.

Knows nothing of where the bytes come from, nor of what the data means.
"""

import codecs
import re

import msgspec

MAX_EVENT_CHARS = 1024 * 1024
"""No honest event is near this; a server that never ends a line must not fill the memory."""

_LINE_END = re.compile(r"\r\n|\n|\r")


class StreamEvent(msgspec.Struct, frozen=True):
    data: str
    event: str = "message"


class EventTooLongError(Exception):
    """An event grew past `MAX_EVENT_CHARS`."""


class EventStream:
    """Collects the lines of a stream, however it is cut into chunks, into events.

    Lines may end in LF, CRLF or CR; comments and unknown fields are skipped; bytes that are not
    UTF-8 become U+FFFD.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._skip_lf = False
        self._at_start = True
        self._data: list[str] = []
        self._event = ""

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The events that `chunk` completed; raises `EventTooLongError`."""
        return self._take(self._decoder.decode(chunk))

    def finish(self) -> list[StreamEvent]:
        """The last event of a stream whose server forgot the blank line after it."""
        return self._take(self._decoder.decode(b"", final=True) + "\n\n")

    def _take(self, text: str) -> list[StreamEvent]:
        if self._at_start and text:
            text = text.removeprefix("\ufeff")
            self._at_start = False
        # A CR ends its line at once, so that an event is not held back until the next byte; the LF
        # that may follow in a later chunk belongs to that same line end.
        if self._skip_lf and text:
            text = text.removeprefix("\n")
            self._skip_lf = False
        *lines, self._rest = _LINE_END.split(self._rest + text)
        self._skip_lf = text.endswith("\r") or (self._skip_lf and not text)
        events = [event for line in lines if (event := self._line(line))]
        if len(self._rest) + sum(map(len, self._data)) > MAX_EVENT_CHARS:
            raise EventTooLongError(f"an event has more than {MAX_EVENT_CHARS} characters")
        return events

    def _line(self, line: str) -> StreamEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._event = value
        return None

    def _dispatch(self) -> StreamEvent | None:
        data, event = self._data, self._event or "message"
        self._data, self._event = [], ""
        return StreamEvent("\n".join(data), event) if data else None
