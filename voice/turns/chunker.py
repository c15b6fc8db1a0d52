"""Cuts a streaming answer into chunks for the synthesizer: the first early, the others whole."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from voice.turns.sentences import Boundaries, Boundary, Break
from voice.turns.speakable import Piece, Speakable
from voice.turns.words import SPACELESS, weight

_STARVED_S = 0.5
"""With less audio than this left to play, a clause is enough."""
_GROWING_S = 2.0
_FULL_S = 5.0
_SMALL = 60.0
_LARGE = 250.0
"""Between `_GROWING_S` and `_FULL_S` of audio left, chunks grow between these, in letters."""
_LONGEST = 200.0
"""Letters, as `weight` counts them, of a sentence that must be cut before its end."""
_CLAUSE_LETTERS = 20.0
_CLAUSE_WORDS = 4
_PIECE_LETTERS = 40.0
"""A sentence that is too long is cut at a clause, unless the piece would be shorter than this."""
_SILENT_LENGTH = 20

_WORD_CHAR = re.compile(r"[^\W_]")
_SPACELESS = re.compile(f"[{SPACELESS}]")
_BEGINNING = re.compile(r"[^\W_]|[(\[{“‘„«¿¡（「『《【-]")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of an answer; the texts of all chunks concatenated are the whole of it."""

    text: str
    spoken: str
    """What to synthesize; empty when there is nothing to say."""


@dataclass(frozen=True, slots=True)
class _Measure:
    """How much of the answer has been said at the end of a piece: characters, letters, words."""

    said: int = 0
    letters: float = 0.0
    words: int = 0


@dataclass(frozen=True, slots=True)
class _Cut:
    """A place where the pending pieces may be cut, and how much is said before it."""

    pieces: int
    kind: Break
    letters: float
    words: int

    @property
    def is_sentence(self) -> bool:
        return self.kind is Break.SENTENCE and self.words > 0

    @property
    def is_enough(self) -> bool:
        """Whether it will do where something must be heard soon."""
        long_enough = self.letters >= _CLAUSE_LETTERS or self.words >= _CLAUSE_WORDS
        return self.is_sentence or (self.kind is Break.CLAUSE and self.words > 0 and long_enough)


class TextChunker:
    """Feeds on the deltas of a language model.

    With `buffered_s` constant the chunks do not depend on how the text was cut into pushes.
    """

    def __init__(self, language: str = "en") -> None:
        self._speakable = Speakable(language)
        self._boundaries = Boundaries(language)
        self._is_first = True
        self._buffered_s = 0.0
        self._base = _Measure()
        self._pieces: list[Piece] = []
        self._measures: list[_Measure] = []
        self._cuts: list[_Cut] = []
        self._word_cut = 0

    def push(self, text: str, buffered_s: float = 0.0) -> list[Chunk]:
        """The chunks that are ready, while `buffered_s` seconds of audio are left to play."""
        self._buffered_s = buffered_s
        chunks = self._ready()
        for piece in self._speakable.pieces(text):
            chunks += self._take(piece)
        self._note(self._boundaries.push("", self._speakable.next_letter))
        return _not_empty(chunks + self._ready())

    def flush(self) -> list[Chunk]:
        """The rest, now that the answer is complete."""
        chunks = [chunk for piece in self._speakable.last_pieces() for chunk in self._take(piece)]
        self._note(self._boundaries.flush())
        chunks += self._ready()
        if self._pieces:
            chunks.append(self._emit(len(self._pieces)))
        return _not_empty(chunks)

    @property
    def _measure(self) -> _Measure:
        return self._measures[-1] if self._measures else self._base

    def _take(self, piece: Piece) -> list[Chunk]:
        if self._begins_word(piece):
            self._word_cut = len(self._pieces)
        before = self._measure
        after = _Measure(
            before.said + len(piece.spoken),
            before.letters + weight(piece.spoken),
            before.words + bool(_WORD_CHAR.search(piece.spoken)),
        )
        self._pieces.append(piece)
        self._measures.append(after)
        self._note(self._boundaries.push(piece.spoken))
        return self._ready() + self._silence()

    def _silence(self) -> list[Chunk]:
        """A chunk of its own for a longer stretch, such as code, of which nothing is said."""
        before = len(self._pieces) - 1
        if before < 1 or self._measures[before - 1].words > self._base.words:
            return []
        last = self._pieces[-1]
        ends = last.opens or self._measure.words > self._base.words
        length = sum(len(piece.text) for piece in self._pieces[:before]) if ends else 0
        return [self._emit(before)] if length > _SILENT_LENGTH else []

    def _begins_word(self, piece: Piece) -> bool:
        """Whether a line break could stand before the piece."""
        if not self._pieces or not _BEGINNING.match(piece.spoken):
            return False
        before = self._pieces[-1].spoken
        return before.isspace() or _SPACELESS.match(before[-1:]) is not None

    def _note(self, boundaries: Iterable[Boundary]) -> None:
        """Remember where the pending pieces may be cut."""
        for boundary in boundaries:
            pieces = 1 + bisect_left(self._measures, boundary.end, key=attrgetter("said"))
            if pieces > len(self._pieces) or boundary.end <= self._base.said:
                continue
            measure = self._measures[pieces - 1]
            inside = self._pieces[pieces - 1].spoken[boundary.end - measure.said :]
            if boundary.end < measure.said and _WORD_CHAR.search(inside):
                continue
            while pieces < len(self._pieces) and _closes(self._pieces[pieces]):
                pieces += 1
            letters = measure.letters - self._base.letters
            words = measure.words - self._base.words
            self._cuts.append(_Cut(pieces, boundary.kind, letters, words))

    def _ready(self) -> list[Chunk]:
        chunks = []
        while pieces := self._choose():
            chunks.append(self._emit(pieces))
        return chunks

    def _choose(self) -> int:
        """After how many pieces to cut now; 0 to wait."""
        hurry = self._is_first or self._buffered_s < _STARVED_S
        least = 0.0 if hurry else _least_letters(self._buffered_s)
        for cut in self._cuts:
            if (hurry and cut.is_enough) or (cut.is_sentence and cut.letters >= least):
                return cut.pieces
        pending = self._measure.letters - self._base.letters
        return self._forced() if pending > _LONGEST else 0

    def _forced(self) -> int:
        """Where to cut what has grown too long; 0 when it may still grow."""
        sentences = [cut for cut in self._cuts if cut.is_sentence]
        if sentences:
            fitting = [cut for cut in sentences if cut.letters <= _LARGE]
            too_long = self._measure.letters - self._base.letters > _LARGE
            return (fitting or sentences[:1])[-1].pieces if too_long else 0
        clauses = [cut for cut in self._cuts if cut.letters >= _PIECE_LETTERS]
        if clauses:
            return max(clauses, key=lambda cut: (cut.kind, cut.pieces)).pieces
        return self._word_cut

    def _emit(self, pieces: int) -> Chunk:
        """Make a chunk of the first pieces."""
        taken = self._pieces[:pieces]
        text = "".join(piece.text for piece in taken)
        spoken = " ".join("".join(piece.spoken for piece in taken).split())
        base = self._measures[pieces - 1]
        self._cuts = [
            _Cut(
                cut.pieces - pieces,
                cut.kind,
                cut.letters - (base.letters - self._base.letters),
                cut.words - (base.words - self._base.words),
            )
            for cut in self._cuts
            if cut.pieces > pieces
        ]
        self._base = base
        del self._pieces[:pieces], self._measures[:pieces]
        self._word_cut = max(self._word_cut - pieces, 0)
        has_words = _WORD_CHAR.search(spoken) is not None
        self._is_first = self._is_first and not has_words
        return Chunk(text, spoken if has_words else "")


def _closes(piece: Piece) -> bool:
    """Whether a piece after the end of a sentence still belongs to it."""
    return not piece.spoken.strip() and not piece.opens


def _least_letters(buffered_s: float) -> float:
    """How long a chunk should be with this much audio left to play."""
    if buffered_s < _GROWING_S:
        return 0.0
    share = min((buffered_s - _GROWING_S) / (_FULL_S - _GROWING_S), 1.0)
    return _SMALL + share * (_LARGE - _SMALL)


def _not_empty(chunks: list[Chunk]) -> list[Chunk]:
    """Marks that were dropped can leave a chunk of nothing, which is none."""
    return [chunk for chunk in chunks if chunk.text or chunk.spoken]
