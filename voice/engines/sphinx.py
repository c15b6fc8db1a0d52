"""Speech to text by PocketSphinx: small, English, at home in the documents it was given."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from voice.engines.documents import DocumentFolder
from voice.engines.pauses import Pauses, Piece
from voice.engines.protocols import EngineError, ListenOptions, Segment, Transcript, Word
from voice.engines.sphinx_ear import BYTES_PER_S, Ear
from voice.engines.sphinx_model import Heard, SphinxModel
from voice.engines.vad import WebRtcVad
from voice.engines.wordforms import word_set

BLOCK_BYTES = int(0.3 * BYTES_PER_S)
LONG_S, BREATH_S = 15.0, 0.2
"""A stretch of speech as long as this ends at the next breath, so that its last pass stays short."""
REOPEN_S = 4.0
"""A stretch up to this length is decoded again as a whole if speech goes on after a transcript."""

_CAPITALIZED = word_set(
    "monday tuesday wednesday thursday friday saturday sunday january february april june july"
    " september october november december i i'm i'll i've i'd"
)


class Sphinx:
    """The `Recognizer` over PocketSphinx, English only.

    It expects talk about the Markdown and text files below these folders, and `extra_phrases`; other
    English it understands less well. It decodes `ears` utterances while they are spoken, 66 MB of
    memory each, and those beyond when they have ended.

    Raises `EngineError` when PocketSphinx or the folder is missing.
    """

    incremental = True

    def __init__(
        self,
        documents: str | Sequence[str] = (),
        extra_phrases: Iterable[str] = (),
        *,
        ears: int = 4,
    ) -> None:
        folders = [documents] if isinstance(documents, str) else documents
        self._folder = DocumentFolder(*(Path(folder).expanduser() for folder in folders))
        self._model = SphinxModel(self._folder.documents, tuple(extra_phrases))
        self._free = [Ear(self._model)]
        self._unmade = ears - 1
        self._spare: Ear | None = None
        self._working = threading.Lock()
        self._utterances: dict[int, _Utterance] = {}
        self._closed: deque[_Utterance] = deque()

    def open(self, utterance: int, options: ListenOptions) -> None:
        """Begin an utterance; raises `EngineError` when it is to be in another language."""
        language = options.language or "en"
        if not language.lower().startswith("en"):
            message = f"PocketSphinx understands English ('en') only, not {language!r}"
            raise EngineError(message, "invalid_value", "language")
        self._utterances[utterance] = _Utterance()

    def feed(self, utterance: int, pcm: bytes) -> None:
        self._utterances[utterance].pending.append(pcm)

    def partial(self, utterance: int) -> str:
        """The hypothesis so far; empty while other utterances have all the ears."""
        heard = self._utterances[utterance]
        with self._working:
            heard.ear = heard.ear or self._ear()
            if heard.ear:
                heard.hear(heard.ear)
                self._give_back(heard)
        return _readable(heard.words())

    def transcript(self, utterance: int) -> Transcript:
        heard = self._utterances[utterance]
        with self._working:
            # Held by nobody between calls, the spare one is free for any utterance now.
            ear = heard.ear = heard.ear or self._ear() or self._spare_ear()
            heard.hear(ear)
            heard.end(ear)
            self._give_back(heard)
        words = heard.words()
        return Transcript(
            text=_readable(words),
            language="en",
            words=words,
            duration_s=heard.duration_s,
            segments=tuple(heard.segments()),
        )

    def close(self, utterance: int) -> None:
        if heard := self._utterances.pop(utterance, None):
            # Its ear may be at work on another thread: the next call that needs one collects it.
            self._closed.append(heard)

    def _ear(self) -> Ear | None:
        while self._closed:
            closed = self._closed.popleft()
            closed.stretch = None
            self._give_back(closed)
        if not self._free and self._unmade:
            self._unmade -= 1
            self._free.append(Ear(self._model))
        if self._folder.refresh():
            self._model.learn(self._folder.documents)
        return self._free.pop() if self._free else None

    def _spare_ear(self) -> Ear:
        self._spare = self._spare or Ear(self._model)
        return self._spare

    def _give_back(self, heard: "_Utterance") -> None:
        if heard.ear and heard.stretch is None:
            if heard.ear is not self._spare:
                self._free.append(heard.ear)
            heard.ear = None


class _Utterance:
    """The audio of one utterance, and its words: stretch by stretch, between long pauses."""

    def __init__(self) -> None:
        self.pending: deque[bytes] = deque()
        self.ear: Ear | None = None
        self.stretch: float | None = None
        """When the stretch began that is being heard, in seconds."""
        self.duration_s = 0.0
        self._pauses = Pauses(WebRtcVad(threshold=0.0))
        self._ended: list[_Stretch] = []
        self._current: tuple[Word, ...] = ()

    def words(self) -> tuple[Word, ...]:
        ended = (word for stretch in self._ended for word in stretch.words)
        return (*ended, *self._current)

    def segments(self) -> Iterator[Segment]:
        """The text that `_readable` makes of the words, cut where a stretch ended."""
        text, at = _readable(self.words()), 0
        for stretch in self._ended:
            if words := stretch.words:
                end = at + sum(len(word.text) + 1 for word in words)
                yield Segment(
                    text=text[at : end - 1], start_s=words[0].start_s, end_s=words[-1].end_s
                )
                at = end

    def hear(self, ear: Ear) -> None:
        """Decode what was fed."""
        pcm = b"".join(self.pending.popleft() for _ in range(len(self.pending)))
        self.duration_s += len(pcm) / BYTES_PER_S
        for at in range(0, len(pcm), BLOCK_BYTES):
            for piece in self._pauses.cut(pcm[at : at + BLOCK_BYTES]):
                self._take(piece, ear)
            if len(ear.audio) > LONG_S * BYTES_PER_S and self._pauses.quiet_s >= BREATH_S:
                self.end(ear)
        if self.stretch is not None:
            self._current = _timed(ear.so_far(), self.stretch)

    def end(self, ear: Ear) -> None:
        """End the stretch, if there is one: its words are as good as they get."""
        if self.stretch is None:
            return
        words = _timed(ear.finish(), self.stretch)
        short = len(ear.audio) <= REOPEN_S * BYTES_PER_S
        self._ended.append(_Stretch(self.stretch, words, bytes(ear.audio) if short else b""))
        self.stretch, self._current = None, ()

    def _take(self, piece: Piece, ear: Ear) -> None:
        if self.stretch is None and piece.voiced:
            self._begin(piece, ear)
        if self.stretch is not None and piece.pcm:
            ear.hear(piece.pcm)
        if piece.ends:
            self.end(ear)
            self._ended = [stretch._replace(audio=b"") for stretch in self._ended]

    def _begin(self, piece: Piece, ear: Ear) -> None:
        ear.start()
        self.stretch = piece.start_s
        if self._ended and self._ended[-1].audio:
            # Somebody asked too early: what was said before belongs to what is said now.
            self.stretch, _, audio = self._ended.pop()
            ear.hear(audio)


class _Stretch(NamedTuple):
    """A stretch that has ended; its audio while it may turn out that it had not."""

    start_s: float
    words: tuple[Word, ...]
    audio: bytes


def _timed(words: Iterable[Heard], start_s: float) -> tuple[Word, ...]:
    return tuple(
        Word(text=_written(word.text), start_s=start_s + word.start_s, end_s=start_s + word.end_s)
        for word in words
    )


def _written(word: str) -> str:
    return word[0].upper() + word[1:] if word in _CAPITALIZED else word


def _readable(words: Iterable[Word]) -> str:
    text = " ".join(word.text for word in words)
    return text[:1].upper() + text[1:]
