"""The words of an index, and which of them a word that was heard may mean."""

from collections import defaultdict
from collections.abc import Iterable

from voice.engines.wordforms import STOP_WORDS, closeness, sound, synonyms

LIKE = 0.8
"""From here on a word is the same in another form, below it only sounds alike."""
SOUNDS = 0.5
"""What a word counts that only sounds alike, where another is not likely meant."""


class Vocabulary:
    """The words of the index, found by spelling, stem, sound and beginning."""

    def __init__(self, rows: Iterable[tuple[str, int]]) -> None:
        self.frequency = dict(rows)
        self._alike: defaultdict[str, list[str]] = defaultdict(list)
        for word in self.frequency:
            if word not in STOP_WORDS:
                for key in _keys(word):
                    self._alike[key].append(word)
        self._known: dict[str, dict[str, float]] = {}

    def like(self, term: str) -> dict[str, float]:
        """The words that may be meant by `term`, each with its closeness."""
        if term not in self._known:
            others = {word for key in _keys(term) for word in self._alike.get(key, ())}
            close = {word: closeness(term, word) for word in others}
            best = max(close.values(), default=0.0)
            # A word that is there as it was heard leaves little room for guesses.
            most = SOUNDS if best == 1.0 else 1.0
            least = 0.7 if best == 1.0 else 0.01
            self._known[term] = {
                word: value if value >= LIKE else min(value, most)
                for word, value in close.items()
                if value >= least
            }
        return self._known[term]


def _keys(word: str) -> set[str]:
    meanings = {f"~{meaning}" for meaning in synonyms(word)}
    return meanings | {f"^{word[:4]}", f"*{sound(word)[:2]}"}
