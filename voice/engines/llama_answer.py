"""What a model writes, from the bytes of its tokens to the pieces of an answer. Pure."""

import codecs
from collections.abc import Iterator
from typing import Literal

from voice.engines.protocols import EngineError, Piece, Prompt, TextDelta, TokenLogprob, Tool
from voice.engines.stop_strings import StopStrings
from voice.engines.thinking import Unthinking
from voice.engines.token_trail import TokenTrail
from voice.engines.tool_dialects import BadToolCallError, ToolCallReader

Reason = Literal["stop", "length", "tool_calls"]


class Answer:
    """Thoughts out, calls apart, stops obeyed, and with each text its tokens if they are asked for.

    `asked` is the text that the model goes on from; `forced` says that it must begin with a call.
    What goes on from a prompt's own text is passed on as it is.
    """

    def __init__(
        self, prompt: Prompt, tools: tuple[Tool, ...] = (), *, forced: bool = False, asked: str = ""
    ) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        opened = asked.rstrip().endswith("<think>")
        self._unthinking = Unthinking(inside=opened) if prompt.text is None else None
        names = {tool.name for tool in tools}
        self._reader = ToolCallReader(names, forced=forced) if tools else None
        self._stops = StopStrings(prompt.stop)
        self._trail = TokenTrail() if prompt.logprobs is not None else None
        self._forced = forced
        self._is_silent = True
        self.is_complete = False

    @property
    def calls(self) -> int:
        return self._reader.calls if self._reader else 0

    def feed(self, data: bytes, token: TokenLogprob | None = None) -> Iterator[Piece]:
        """The pieces that the next token completes."""
        text = self._decoder.decode(data)
        if self._trail and data:
            self._trail.note(token, text, ends=not self._decoder.getstate()[0])
        yield from self._passed_on(self._unthinking.feed(text) if self._unthinking else text)
        self.is_complete = self._stops.stopped or (self._forced and self._is_called())

    def finish(self, reason: Reason) -> Iterator[Piece]:
        """What was held back."""
        if not self._stops.stopped:
            yield from self._last_words()
            try:
                yield from self._obeying_stops(self._reader.finish() if self._reader else [])
            except BadToolCallError as error:
                if reason != "length":
                    raise EngineError(f"the model {error}") from error
            if held := self._stops.finish():
                yield from self._said(held)
        if self._trail and (cut := self._trail.finish()):
            yield cut

    def _last_words(self) -> Iterator[Piece]:
        rest = self._decoder.decode(b"", final=True)
        if self._trail and rest:
            self._trail.note(None, rest, ends=True)
        if self._unthinking:
            rest = self._unthinking.feed(rest) + self._unthinking.finish()
        yield from self._passed_on(rest)

    def _passed_on(self, text: str) -> Iterator[Piece]:
        if not text:
            return
        if self._trail and self._is_silent:
            # All that was written before the first text to pass was a thought.
            self._trail.keep_last(len(text))
        self._is_silent = False
        try:
            pieces: list[Piece] = self._reader.feed(text) if self._reader else [TextDelta(text)]
        except BadToolCallError as error:
            raise EngineError(f"the model {error}") from error
        yield from self._obeying_stops(pieces)

    def _obeying_stops(self, pieces: list[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, TextDelta):
                if text := self._stops.feed(piece.text):
                    yield from self._said(text)
                continue
            if self._trail and (cut := self._trail.finish()):
                yield cut
            yield piece

    def _said(self, text: str) -> Iterator[Piece]:
        delta = self._trail.say(text) if self._trail else TextDelta(text)
        if delta:
            yield delta

    def _is_called(self) -> bool:
        return self._reader is not None and self._reader.is_between_calls and self.calls > 0
