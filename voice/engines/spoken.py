"""What is spoken, word by word: text paired with phonemes, cut into pieces, and timed. Pure."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise, product
from typing import NamedTuple

from voice.engines.protocols import Word

SHORTEST, LONGEST = 40, 200
"""Characters of a piece: fewer sound clipped, more keep a listener waiting."""

PUNCTUATION = ';:,.!?\u2014\u2026"()\u201c\u201d\u00bf\u00a1 '

_SENTENCE_END = re.compile(r"(?<=[.!?\u2026])[\"')\u201d]*\s+|(?<=[\u3002\uff01\uff1f])\s*|\n+")
_CLAUSE_END = re.compile(r"(?<=[,;:\u2014\uff0c\u3001])\s*")

# One word may be silent or be spoken as several; two or three may be spoken as one.
_STEPS = ((1, 1), (2, 1), (3, 1), *((1, parts) for parts in (0, *range(2, 13))))


class Spoken(NamedTuple):
    """A word and its phonemes, with the space after them; words without text have no time."""

    text: str
    phonemes: str


# ---------------------------------------------------------------- text


def pieces(text: str) -> Iterator[str]:
    """The text in pieces of whole sentences where they are short enough, else of clauses."""
    piece = ""
    for part in _parts(text):
        if piece and (len(piece) >= SHORTEST or len(piece) + len(part) > LONGEST):
            yield piece
            piece = ""
        piece = f"{piece} {part}".strip()
    if piece:
        yield piece


def _parts(text: str) -> Iterator[str]:
    for sentence in filter(None, map(str.strip, _cut(_SENTENCE_END, text))):
        if len(sentence) <= LONGEST:
            yield sentence
        else:
            yield from filter(None, map(str.strip, _cut(_CLAUSE_END, sentence)))


def _cut(border: re.Pattern[str], text: str) -> list[str]:
    """Cut after each border, which stays with what is before it."""
    ends = [0, *(match.end() for match in border.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(ends)]


# ---------------------------------------------------------------- phonemes


def aligned(text: str, phonemes: str, spell: Callable[[str], str]) -> list[Spoken]:
    """Each word of the text with its part of the phonemes of the whole.

    Some languages join words ("of the"), and one may be spoken as several ("42"). Which are which
    is found by the length of each word alone, for which `spell` gives its phonemes.
    """
    words, parts = text.split(), " ".join(phonemes.split()).split(" ")
    spaced = [*(f"{part} " for part in parts[:-1]), parts[-1]]
    lengths = [len(spell(word).replace(" ", "")) for word in words]
    spoken: list[Spoken] = []
    word = part = 0
    for n_words, n_parts in _matched(lengths, [len(part) for part in parts]):
        joined = "".join(spaced[part : part + n_parts])
        weights = lengths[word : word + n_words]
        spoken += map(Spoken, words[word : word + n_words], _shared(joined, weights))
        word, part = word + n_words, part + n_parts
    return spoken or [Spoken("", " ".join(parts))]


def _matched(words: Sequence[int], parts: Sequence[int]) -> list[tuple[int, int]]:
    """How many words go with how many parts, one after the other, by their lengths.

    Nothing when no way is found.
    """
    best: dict[tuple[int, int], tuple[int, list[tuple[int, int]]]] = {(0, 0): (0, [])}
    for end in product(range(len(words) + 1), range(len(parts) + 1)):
        ways = [
            (best[start][0] + _unlikeness(words[start[0] : end[0]], parts[start[1] : end[1]]), step)
            for step in _STEPS
            if (start := (end[0] - step[0], end[1] - step[1])) in best
        ]
        if ways:
            cost, step = min(ways)
            _, before = best[end[0] - step[0], end[1] - step[1]]
            best[end] = (cost, [*before, step])
    return best.get((len(words), len(parts)), (0, []))[1]


def _unlikeness(words: Sequence[int], parts: Sequence[int]) -> int:
    return abs(sum(words) - sum(parts)) + (len(words) != len(parts))


def _shared(phonemes: str, weights: Sequence[int]) -> list[str]:
    """The phonemes cut in proportion to the weights."""
    total = sum(weights) or 1
    borders = [len(phonemes) * sum_ // total for sum_ in accumulate(weights[:-1], initial=0)]
    return [phonemes[start:end] for start, end in pairwise([*borders, len(phonemes)])]


def known(words: Sequence[Spoken], alphabet: frozenset[str]) -> list[Spoken]:
    """The words without the phonemes that a model does not know."""
    return [
        Spoken(text, "".join(letter for letter in phonemes if letter in alphabet))
        for text, phonemes in words
    ]


def packed(words: Sequence[Spoken], limit: int) -> Iterator[list[Spoken]]:
    """Groups of at most `limit` phonemes; a longer word loses its end."""
    group: list[Spoken] = []
    for text, phonemes in words:
        if group and sum(len(word.phonemes) for word in group) + len(phonemes) > limit:
            yield group
            group = []
        group.append(Spoken(text, phonemes[:limit]))
    if any(word.phonemes.strip() for word in group):
        yield group


# ---------------------------------------------------------------- times


def timed(words: Sequence[Spoken], ends_s: Sequence[float], offset_s: float) -> list[Word]:
    """When each word sounds, given where each phoneme ends, after an end of what leads in."""
    times: list[Word] = []
    at = 0
    for text, phonemes in words:
        sounding = len(phonemes.rstrip(PUNCTUATION))
        if text and sounding:
            start_s, end_s = (
                round(max(0.0, ends_s[place] + offset_s), 3) for place in (at, at + sounding)
            )
            times.append(Word(text=text, start_s=start_s, end_s=end_s))
        at += len(phonemes)
    return times
