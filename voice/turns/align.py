"""When each word of a text sounds, given the word times of what was spoken in its place."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby

from voice.engines.protocols import Word
from voice.turns.words import plain, weight, word_spans

_LINK_TARGET = re.compile(r"\]\(\S*")

_NO_LETTER = re.compile(r"\W+")
_STOP = re.compile(r"[.!?…。！？।؟։።][\"'”’»)\]」』*_]*\Z")
_CLAUSE = re.compile(r"[,;:—–，、；：،؛][\"'”’»)\]」』*_]*\Z")
_DIGIT = 4.5
_CAPITAL = 1.0
_CLAUSE_PAUSE = 4.0
_STOP_PAUSE = 6.0
"""In letters of a word, as measured with eSpeak NG in three languages."""

Times = tuple[float, float]
"""Start and end in ms."""


def align(
    written: Sequence[str], spoken: str, words: Sequence[Word], whole_ms: float
) -> list[Times]:
    """Start and end in ms of each written word, never decreasing, within `whole_ms`.

    A written word that was spoken as it stands takes the times of that; the others share the time
    between by their length. Without word times the words of `spoken` share the whole by length.
    """
    if not words:
        words = [Word(text=spoken, start_s=0.0, end_s=whole_ms / 1000.0)]
    written = [_LINK_TARGET.sub("", word) for word in written]
    known = _matches(written, [piece for word in words for piece in _parts(word)])
    times: list[Times] = []
    now = 0.0
    for is_known, group in groupby(range(len(written)), key=known.__contains__):
        indices = list(group)
        if is_known:
            times += [known[index] for index in indices]
        else:
            until = known[indices[-1] + 1][0] if indices[-1] + 1 in known else whole_ms
            times += _share([written[index] for index in indices], now, until)
        now = times[-1][1]
    return _rising(times, whole_ms)


def _matches(written: Sequence[str], spoken: Sequence[tuple[str, Times]]) -> dict[int, Times]:
    """The times of the written words that were spoken as they stand, by index."""
    matcher = SequenceMatcher(
        a=[plain(word) for word in written], b=[key for key, _ in spoken], autojunk=False
    )
    return {
        block.a + step: spoken[block.b + step][1]
        for block in matcher.get_matching_blocks()
        for step in range(block.size)
    }


def _parts(word: Word) -> Iterator[tuple[str, Times]]:
    """The word itself, or the several that it is made of."""
    texts = [word.text[span.start : span.end] for span in word_spans(word.text)]
    times = _share(texts, word.start_s * 1000.0, word.end_s * 1000.0)
    for text, time in zip(texts, times, strict=True):
        yield plain(text), time


def _share(words: Sequence[str], start_ms: float, end_ms: float) -> list[Times]:
    """Consecutive times for the words, in proportion to how long they and their pauses are."""
    lengths = [(_letters(word), _pause(word)) for word in words]
    scale = (end_ms - start_ms) / (sum(letters + pause for letters, pause in lengths) or 1.0)
    times = []
    now = start_ms
    for letters, pause in lengths:
        times.append((now, now + letters * scale))
        now += (letters + pause) * scale
    return times


def _letters(word: str) -> float:
    """How long a word sounds, in letters: a digit is a word, and capitals are spelled."""
    core = _NO_LETTER.sub("", word)
    digits = sum(char.isdigit() for char in core)
    spelled = len(core) if len(core) > 1 and core.isupper() else 0
    return 0.5 + weight(core) + digits * _DIGIT + spelled * _CAPITAL


def _pause(word: str) -> float:
    """How long the voice rests after a word, in letters."""
    if _STOP.search(word):
        return _STOP_PAUSE
    return _CLAUSE_PAUSE if _CLAUSE.search(word) else 0.0


def _rising(times: list[Times], whole_ms: float) -> list[Times]:
    """The times clamped so that none lies before an earlier one or after the end."""
    rising = []
    floor = 0.0
    for start, end in times:
        start = min(max(start, floor), whole_ms)  # noqa: PLW2901 - the clamped value is the value
        floor = min(max(end, start), whole_ms)
        rising.append((start, floor))
    return rising
