"""What a question asks for, word by word, and how much of it a passage has."""

import math
import re
import unicodedata
from collections.abc import Mapping

MAX_WORDS = 24
"""Of one question; the rest of a longer one adds little."""

_WORD = re.compile(r"[^\W_]+")

STOP_WORDS = frozenset(
    """a about an and any are as at be been but by can could did do does for from had has have how
    i if in into is it its me my of on or our please should so some tell than that the their them
    then there these they this those to us was we were what when where which who whom whose why
    will with would you your""".split()  # noqa: SIM905 - a list would take a line a word
)


def words_of(question: str) -> list[str]:
    """The words that a question is about, each once; of one that has no such words, all."""
    text = unicodedata.normalize("NFC", question).lower()
    words = list(dict.fromkeys(_WORD.findall(text)))
    telling = [word for word in words if word not in STOP_WORDS]
    return (telling or words)[:MAX_WORDS]


def weight(holders: int, chunks: int) -> float:
    """How telling a word is that so many of all chunks have: its inverse document frequency."""
    return math.log(1 + (chunks - holders + 0.5) / (holders + 0.5))


def telling_words(holders: Mapping[str, int], most: int) -> list[str]:
    """The rarest words, which together no more than so many chunks have; at least one.

    What has none of them can hardly be the best, and to rank what has only common words takes long.
    """
    found: list[str] = []
    together = 0
    for word in sorted(holders, key=lambda word: holders[word]):
        together += holders[word]
        if found and together > most:
            break
        found.append(word)
    return found
