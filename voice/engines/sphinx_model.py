"""PocketSphinx, as Python sees it: its general English model, and a model of some documents."""

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from voice.engines.documents import Document
from voice.engines.espeak_library import library
from voice.engines.ngram import END
from voice.engines.pronunciation import pronounce
from voice.engines.protocols import EngineError
from voice.engines.spoken_corpus import document_words, spoken_model

FRAMES_PER_S = 100
MOST_STATES, MOST_WORDS = 3000, 10
"""That general English considers in a frame: a third of the work less, and hardly an error more."""

_ALTERNATIVE = re.compile(r"\(\d+\)$")
_MOST_ALTERNATIVES = 5
_LETTERS = range(2, 25)


class Heard(NamedTuple):
    """A word, its times in seconds from the start of the audio."""

    text: str
    start_s: float
    end_s: float


class Hypothesis(NamedTuple):
    """What audio was taken for, and the logarithm of how well that fits."""

    score: float = -math.inf
    words: tuple[Heard, ...] = ()


class SphinxModel:
    """Makes decoders for general English and for talk about documents.

    Raises `EngineError` where PocketSphinx is missing.
    """

    def __init__(self, documents: Sequence[Document], phrases: Sequence[str]) -> None:
        try:
            import pocketsphinx  # noqa: PLC0415 - a heavy import, only where the engine runs
        except ImportError as error:
            raise EngineError("PocketSphinx is not installed: pip install pocketsphinx") from error
        self._make: Any = pocketsphinx.Decoder
        self._phrases = tuple(phrases)
        settings = pocketsphinx.Config()
        # One copy for all decoders: 33 MB each otherwise.
        logarithm = pocketsphinx.LogMath(settings["logbase"])
        self._english: Any = pocketsphinx.NGramModel(settings, logarithm, settings["lm"])
        self._dictionary = self.general()
        self.generation = 0
        self.learn(documents)

    def general(self) -> Any:
        """A decoder that expects any English."""
        decoder = self._make(loglevel="FATAL", lm=None, maxhmmpf=MOST_STATES, maxwpf=MOST_WORDS)
        decoder.add_lm("english", self._english)
        decoder.activate_search("english")
        return decoder

    def domain(self, **options: object) -> Any:
        """A decoder that expects talk about the documents; small and quick."""
        with TemporaryDirectory(prefix="sphinx-") as folder:
            paths = {name: Path(folder, name) for name in self._files}
            for name, text in self._files.items():
                paths[name].write_text(text, encoding="utf-8")
            files = {name: str(path) for name, path in paths.items()}
            return self._make(loglevel="FATAL", **files, **options)

    def learn(self, documents: Sequence[Document]) -> None:
        """Expect talk about these documents from now on, in decoders made after this."""
        # Small talk alone would only draw other talk to itself.
        self.focused = bool(documents or self._phrases)
        self._invented = self._invent(document_words(documents))
        model = spoken_model(documents, self._phrases, lambda word: bool(self._phones(word)))
        self._files = {"lm": model.arpa(), "dict": self._entries(sorted(model.vocabulary - {END}))}
        # The mean of a whole stretch of speech is better than a guess from its beginning.
        self.whole = self.domain(cmn="batch")
        self.generation += 1

    def _phones(self, word: str) -> tuple[str, ...]:
        """The word's pronunciations in ARPAbet; none for a word that nobody knows how to say."""
        if word in self._invented:
            return (self._invented[word],)
        keys = (word, *(f"{word}({number})" for number in range(2, _MOST_ALTERNATIVES + 1)))
        return tuple(filter(None, map(self._dictionary.lookup_word, keys)))

    def _entries(self, words: Iterable[str]) -> str:
        lines = [
            f"{word}{f'({number})' if number > 1 else ''} {phones}\n"
            for word in words
            for number, phones in enumerate(self._phones(word), 1)
        ]
        return "".join(lines)

    def _invent(self, words: Iterable[str]) -> dict[str, str]:
        """Pronunciations of the words that the dictionary lacks, where eSpeak can say them."""
        missing = [w for w in words if len(w) in _LETTERS and not self._dictionary.lookup_word(w)]
        try:
            espeak = library() if missing else None
        except EngineError:
            return {}
        said = {word: pronounce(espeak, word) for word in missing} if espeak else {}
        return {word: phones for word, phones in said.items() if phones}


def hypothesis(decoder: Any) -> Hypothesis:
    """The best path of a decoder, without silence, noise and marks of pronunciation."""
    best = decoder.hyp()
    if best is None or not best.hypstr:
        return Hypothesis()
    words = tuple(
        Heard(
            _ALTERNATIVE.sub("", segment.word),
            segment.start_frame / FRAMES_PER_S,
            (segment.end_frame + 1) / FRAMES_PER_S,
        )
        for segment in decoder.seg()
        if segment.word[0] not in "<[+"
    )
    return Hypothesis(math.log(best.score) if best.score > 0 else -math.inf, words)
