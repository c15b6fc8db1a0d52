"""Back-off n-gram language models: counts in, ARPA text out."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
_NEVER = -99.0

Gram = tuple[str, ...]


class NgramModel:
    """An interpolated Witten-Bell model of the sentences it was given.

    A history that was followed by many different words leaves more to the shorter history.
    `openings` begin sentences that may go on with anything. `vocabulary` adds words that no
    sentence has; they share what unseen words get.
    """

    def __init__(
        self,
        sentences: Iterable[tuple[Sequence[str], float]],
        *,
        order: int = 3,
        openings: Iterable[tuple[Sequence[str], float]] = (),
        vocabulary: Iterable[str] = (),
    ) -> None:
        """Count `sentences` and `openings`, each a sequence of words with a weight."""
        self.order = order
        self._counts: list[defaultdict[Gram, float]] = [defaultdict(float) for _ in range(order)]
        for words, weight in sentences:
            self._count((START, *words, END), weight)
        for words, weight in openings:
            self._count((START, *words), weight)
        self._totals: defaultdict[Gram, float] = defaultdict(float)
        self._followers: Counter[Gram] = Counter()
        for counts in self._counts:
            for gram, count in counts.items():
                self._totals[gram[:-1]] += count
                self._followers[gram[:-1]] += 1
        seen = {gram[0] for gram in self._counts[0]}
        self.vocabulary = frozenset(seen | {END} | set(vocabulary))

    def _count(self, words: Gram, weight: float) -> None:
        for length in range(1, self.order + 1):
            # Nothing comes before a start, so it is not counted as a word.
            for end in range(max(1, length - 1), len(words)):
                self._counts[length - 1][words[end - length + 1 : end + 1]] += weight

    def probability(self, word: str, history: Sequence[str] = ()) -> float:
        """P(word | history), of which the last `order` - 1 words count."""
        known = tuple(history)[max(0, len(history) - self.order + 1) :]
        if not known and word not in self.vocabulary:
            return 0.0
        shorter = 1 / len(self.vocabulary) if not known else self.probability(word, known[1:])
        kept = self._kept(known)
        if kept == 0.0:
            return shorter
        return kept * self._counts[len(known)].get((*known, word), 0.0) / self._totals[known] + (
            (1 - kept) * shorter
        )

    def _kept(self, history: Gram) -> float:
        """What a history keeps for the words seen after it; the rest goes to its back-off."""
        total = self._totals.get(history, 0.0)
        return total / (total + self._followers[history]) if total else 0.0

    def arpa(self) -> str:
        """The model as an ARPA file, which every decoder reads."""
        words = sorted(self.vocabulary)
        grams: list[list[Gram]] = [[(START,), *((word,) for word in words)]]
        grams += [sorted(counts) for counts in self._counts[1:]]
        lines = ["\\data\\", *(f"ngram {n}={len(g)}" for n, g in enumerate(grams, 1))]
        for length, found in enumerate(grams, 1):
            lines += ["", f"\\{length}-grams:"]
            lines += [self._line(gram, last=length == self.order) for gram in found]
        return "\n".join([*lines, "", "\\end\\", ""])

    def _line(self, gram: Gram, *, last: bool) -> str:
        chance = 0.0 if gram == (START,) else self.probability(gram[-1], gram[:-1])
        line = f"{_log10(chance):.4f} {' '.join(gram)}"
        if last or gram not in self._followers:
            return line
        return f"{line} {_log10(1 - self._kept(gram)):.4f}"


def _log10(chance: float) -> float:
    return math.log10(chance) if chance > 0 else _NEVER
