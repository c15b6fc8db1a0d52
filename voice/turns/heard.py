"""What of an assistant's answer has been heard at a position of its playback."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from voice.engines.protocols import Word
from voice.turns.align import Times, align
from voice.turns.words import Span, weight, word_spans

_FASTEST_MS_PER_LETTER = 40.0
"""No voice is faster: audio shorter than this is not yet the whole of its chunk."""


_NO_LETTER = re.compile(r"\W+")


@dataclass(slots=True)
class _Chunk:
    """One synthesized chunk; offsets count in the whole text, times in the whole playback."""

    text: str
    spoken: str
    offset: int
    start_ms: float
    spans: list[Span]
    duration_ms: float = 0.0
    ended: bool = False
    words: list[Word] = field(default_factory=list)
    _times: list[Times] | None = None

    @property
    def end_ms(self) -> float:
        return self.start_ms + self.duration_ms

    def extend(self, duration_ms: float, words: Sequence[Word]) -> None:
        self.duration_ms += duration_ms
        self.words.extend(words)
        self._times = None

    def end(self) -> None:
        self.ended = True
        self._times = None

    @property
    def times(self) -> list[Times]:
        """Start and end, in ms of the chunk's audio, of each word of the original text."""
        if self._times is None:
            written = [self.text[span.start : span.end] for span in self.spans]
            self._times = align(written, self.spoken, self.words, self._whole_ms())
        return self._times

    def _whole_ms(self) -> float:
        """How long the chunk lasts; while its audio is still coming, how long it will at least."""
        if self.ended:
            return self.duration_ms
        pace = _FASTEST_MS_PER_LETTER
        if letters := _letters("".join(word.text for word in self.words)):
            pace = max(pace, self.words[-1].end_s * 1000.0 / letters)
        return max(self.duration_ms, _letters(self.spoken) * pace)

    def heard_until(self, ms: float) -> int:
        """Where the last word ends of which at least half has sounded; 0 when none has."""
        ms -= self.start_ms
        heard = 0
        for span, (start, end) in zip(self.spans, self.times, strict=True):
            if ms < (start + end) / 2:
                break
            heard = span.end
        return heard

    def begun_until(self, ms: float) -> int:
        """Where the last word ends that has begun to sound; 0 when none has."""
        begun = bisect_right(self.times, ms - self.start_ms, key=lambda time: time[0])
        return self.spans[begun - 1].end if begun else 0


def _letters(text: str) -> float:
    return weight(_NO_LETTER.sub("", text))


class SpokenTimeline:
    """Maps playback positions, in ms of audio, to the original text of an answer.

    For each chunk call `begin_chunk`, then `extend` with its audio as it is synthesized. The next
    `begin_chunk`, or `end_chunk` after the last one, says that the audio of a chunk is complete.
    """

    def __init__(self) -> None:
        self._chunks: list[_Chunk] = []
        self._starts: list[float] = []
        self._texts: list[str] = []
        self._length = 0
        self._given = 0

    @property
    def text(self) -> str:
        """The original text of all chunks."""
        return "".join(self._texts)

    @property
    def duration_ms(self) -> int:
        """The length of all audio so far."""
        return round(self._chunks[-1].end_ms) if self._chunks else 0

    def begin_chunk(self, text: str, spoken: str) -> None:
        """Append a chunk: its original text, and the words given to the synthesizer for it."""
        self.end_chunk()
        start_ms = self._chunks[-1].end_ms if self._chunks else 0.0
        spans = list(word_spans(text)) if spoken else []
        self._chunks.append(_Chunk(text, spoken, self._length, start_ms, spans))
        self._starts.append(start_ms)
        self._texts.append(text)
        self._length += len(text)

    def extend(self, duration_ms: float, words: Sequence[Word] = ()) -> None:
        """Append audio of the current chunk; word times count from the start of the chunk's audio."""
        if not self._chunks or self._chunks[-1].ended:
            raise ValueError("audio came outside a chunk: call begin_chunk before extend")
        if duration_ms < 0:
            raise ValueError(f"the duration of audio must not be negative, got {duration_ms} ms")
        self._chunks[-1].extend(duration_ms, words)

    def end_chunk(self) -> None:
        """Say that the current chunk has all its audio."""
        if self._chunks:
            self._chunks[-1].end()

    def text_until(self, ms: float) -> str:
        """The prefix of `text` heard at a position: up to the last word that sounded by half."""
        index = self._at(ms)
        if index is None:
            return ""
        last = self._chunks[-1]
        if ms >= last.end_ms and (last.ended or not last.spoken):
            return self.text
        for chunk in self._chunks[index::-1]:
            if heard := chunk.heard_until(ms):
                return self.text[: chunk.offset + heard]
        return ""

    def words_due(self, from_ms: float, to_ms: float) -> str:
        """The text to show for the playback between two positions, and what before it is not shown.

        Over a playback the results, followed by `rest`, make up `text`.
        """
        if to_ms < from_ms:
            raise ValueError(f"playback goes forward: {to_ms} ms comes before {from_ms} ms")
        index = self._at(to_ms)
        if index is None:
            return ""
        chunk = self._chunks[index]
        return self._give(chunk.offset + chunk.begun_until(to_ms))

    def rest(self) -> str:
        """The text that was not due yet."""
        return self._give(self._length)

    def _at(self, ms: float) -> int | None:
        """The index of the last chunk that begins before a position."""
        count = bisect_right(self._starts, ms) if ms > 0 else 0
        return count - 1 if count else None

    def _give(self, until: int) -> str:
        if until <= self._given:
            return ""
        due = self.text[self._given : until]
        self._given = until
        return due
