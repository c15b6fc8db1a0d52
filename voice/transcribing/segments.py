"""Segments of a transcript: its engine's, else what its words and their times make of it."""

from collections.abc import Iterator

from voice.engines.protocols import Segment, Transcript, Word

PAUSE_S = 0.7
LONGEST_S = 7.0
LONGEST_CHARS = 84
"""Two lines of a subtitle."""

SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "…")

UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "km", "my"})
"""Languages that write no space between words."""


def segments_of(transcript: Transcript, start_s: float, end_s: float) -> tuple[Segment, ...]:
    """The segments of a stretch of speech between these times; none only where there is no text."""
    if transcript.segments:
        return transcript.segments
    if not transcript.text:
        return ()
    if not transcript.words:
        return (Segment(text=transcript.text, start_s=start_s, end_s=end_s),)
    space = separator(transcript.language)
    return tuple(
        Segment(
            text=space.join(word.text for word in words),
            start_s=words[0].start_s,
            end_s=words[-1].end_s,
        )
        for words in grouped(transcript.words)
    )


def grouped(words: tuple[Word, ...]) -> Iterator[list[Word]]:
    """Words in groups that end with a sentence, at a pause, or when they fill a subtitle."""
    group: list[Word] = []
    chars = 0
    for word in words:
        if group and _ends(group[-1], word, group[0], chars):
            yield group
            group, chars = [], 0
        group.append(word)
        chars += len(word.text) + 1
    if group:
        yield group


def separator(language: str | None) -> str:
    """What stands between two texts of a language."""
    return "" if language in UNSPACED else " "


def _ends(last: Word, following: Word, first: Word, chars: int) -> bool:
    return (
        following.start_s - last.end_s > PAUSE_S
        or following.end_s - first.start_s > LONGEST_S
        or chars + len(following.text) > LONGEST_CHARS
        or last.text.endswith(SENTENCE_ENDS)
    )
