"""A chat completion as it comes over the wire, from bytes to pieces.

Knows nothing of where the bytes come from.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec

from voice.engines.chat_wire import BadCompletionError, Chunk, CompletionReader
from voice.engines.protocols import EngineError, Piece, TextDelta
from voice.engines.remote import error_detail
from voice.engines.sse import EventStream, EventTooLongError, StreamEvent
from voice.engines.thinking import Unthinking


class ChatAnswer:
    """The body of one response, fed as it comes.

    `explain` makes an error of words that complete "the server ..."; whatever cannot be read is
    raised as that.
    """

    def __init__(self, explain: Callable[[str], EngineError]) -> None:
        self.done = False
        """Whether all of it has come."""
        self._explain = explain
        self._events = EventStream()
        self._reader = CompletionReader()
        self._unthinking = Unthinking()

    def feed(self, data: bytes) -> list[Piece]:
        with self._explained():
            return self._pieces(self._events.feed(data))

    def finish(self) -> list[Piece]:
        with self._explained():
            pieces = self._pieces(self._events.finish())
            if not (self.done or self._reader.ended):
                raise self._explain("broke off in the middle of its answer; try again")
            return [*pieces, *self._without_thoughts(self._reader.finish())]

    def _pieces(self, events: list[StreamEvent]) -> list[Piece]:
        pieces: list[Piece] = []
        for event in events:
            if self.done or event.data == "[DONE]":
                self.done = True
                break
            chunk = msgspec.json.decode(event.data, type=Chunk)
            if chunk.error is not None or event.event == "error":
                detail = error_detail(event.data.encode())
                raise self._explain(f"failed in the middle of its answer: {detail}")
            pieces += self._without_thoughts(self._reader.feed(chunk))
        return pieces

    def _without_thoughts(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, TextDelta):
                text = self._unthinking.feed(piece.text)
            else:
                text = self._unthinking.finish()
            if text:
                yield TextDelta(text)
            if not isinstance(piece, TextDelta):
                yield piece

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (BadCompletionError, EventTooLongError) as error:
            raise self._explain(str(error)) from error
        except msgspec.DecodeError as error:
            raise self._explain(f"sent no chat completion ({error})") from error
