"""The part of a long passage that a question asks about. Pure."""

import re
from collections import Counter
from collections.abc import Sequence

from voice.engines.wordforms import content_words, stem

_PIECE = re.compile(
    r".{1,300}?(?:(?<=[.!?])\s+|(?<=[。！？])|\n+|\Z)|.{1,300}(?<=\s)|.{1,300}", re.DOTALL
)
"""A sentence or a line, or what of it is no longer than a long sentence."""


def excerpt(text: str, most: int, questions: Sequence[str]) -> str:
    """At most so many characters: the sentence nearest to the questions, and those around it."""
    pieces = _PIECE.findall(text)
    asked = _stems(" ".join(questions))
    held = [asked & _stems(piece) for piece in pieces]
    seen = Counter(word for each in held for word in each)
    # Words that stand everywhere do not tell where.
    worth = [sum(1 / seen[word] for word in each) for each in held]
    first = max(range(len(pieces)), key=worth.__getitem__)
    last, size = first + 1, len(pieces[first])
    while True:
        after = last < len(pieces) and size + len(pieces[last]) <= most
        if after:
            size, last = size + len(pieces[last]), last + 1
        before = first > 0 and size + len(pieces[first - 1]) <= most
        if before:
            size, first = size + len(pieces[first - 1]), first - 1
        if not (after or before):
            return "".join(pieces[first:last])[:most].strip()


def _stems(text: str) -> set[str]:
    return set(map(stem, content_words(text)))
