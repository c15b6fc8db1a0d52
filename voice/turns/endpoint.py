"""What the words say about the end of a turn: finished or not, a mere "mm-hm", or nothing at all."""

import math
import re
from typing import Literal

from voice.turns.phrases import (
    ANSWERS,
    BACKCHANNELS,
    DIGITS,
    FILLERS,
    HANGING_ENDS,
    HANGING_PHRASES,
    PARTICLE_VERBS,
    PARTICLES,
    QUESTION_WORDS,
)
from voice.turns.words import HANGUL, SPACELESS, base_language, plain, word_spans

Eagerness = Literal["low", "medium", "high", "auto"]

_WAITS_MS: dict[Eagerness, tuple[int, int]] = {
    "low": (500, 8000),
    "medium": (400, 4000),
    "auto": (400, 4000),
    "high": (300, 2000),
}
"""After a finished sentence, and after one that is certainly unfinished."""

_CLOSERS = "\"'”’»)]」』*_ "
_FINISHED = re.compile(r"[.!?。！？؟।॥։።။‼⁇⁈⁉]\Z")
_TRAILING_OFF = re.compile(r"(?:\.\.+|…|[-–—‐])\Z")
_PAUSED = re.compile(r"[,;:、，；：،؛(]\Z")
_NOISE = re.compile(
    r"\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】|<[^>]*>|\*[^*]*\*|♪[^♪]*♪?|\+\+\w+\+\+"
)
_SCRIPTS = {
    "ja": re.compile("[\u3041-\u30ff]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
    "ko": re.compile(f"[{HANGUL}]"),
}
_SPACELESS = re.compile(f"[{SPACELESS}{HANGUL}]")
_WORD_CHAR = re.compile(r"[^\W_]")


def completeness(partial: str, language: str | None = None) -> float:
    """How finished a turn sounds, from 0 (certainly goes on) to 1; 0.5 when there is no telling."""
    text = _NOISE.sub(" ", partial).strip().rstrip(_CLOSERS)
    words = [plain(text[span.start : span.end]) for span in word_spans(text)]
    if not words:
        return 0.5
    if _TRAILING_OFF.search(text):
        return 0.1
    if _PAUSED.search(text):
        return 0.15
    chosen = base_language(language) or _guess(words)
    hanging = _hanging(words, chosen)
    if _FINISHED.search(text):
        return 0.95 if hanging is None else max(hanging, 0.3)
    return _unpunctuated(words, chosen) if hanging is None else hanging


def semantic_wait_ms(partial: str, eagerness: Eagerness, language: str | None = None) -> int:
    """How long to wait, from the end of speech, for the speaker to go on."""
    least, most = _WAITS_MS[eagerness]
    doubt = 1.0 - completeness(partial, language)
    return round(least + (most - least) * math.pow(doubt, 1.5))


def is_backchannel(text: str, language: str | None = None) -> bool:
    """Whether the text only tells the other to go on, as "mm-hm" or "okay, right" do."""
    chosen = base_language(language)
    known = _BACKCHANNEL.get(chosen, _ANY_BACKCHANNEL)
    return known.fullmatch(_letters(_NOISE.sub(" ", text))) is not None


def has_words(text: str) -> bool:
    """Whether anything was said: marks, and noises in brackets, are no words."""
    return _WORD_CHAR.search(_NOISE.sub(" ", text)) is not None


def _guess(words: list[str]) -> str:
    """The language whose small words, or whose letters, the text has most of; else English."""
    for language, letters in _SCRIPTS.items():
        if any(letters.search(word) for word in words):
            return language
    return max(HANGING_ENDS, key=lambda language: sum(w in HANGING_ENDS[language] for w in words))


def _hanging(words: list[str], language: str) -> float | None:
    """How finished a turn with these last words can be; None when they leave it open."""
    last = words[-1]
    if last in FILLERS[""] or last in FILLERS.get(language, ()):
        return 0.05
    if language == "en" and last in PARTICLES:
        return _particle(words)
    if last in HANGING_ENDS.get(language, ()):
        return 0.1
    return 0.15 if _ends_with(words, HANGING_PHRASES.get(language, ())) else None


def _particle(words: list[str]) -> float | None:
    """English prepositions end a question or a command, "turn it on", and little else."""
    if len(words) > 2 and (words[0] in QUESTION_WORDS["en"] or words[0] in PARTICLE_VERBS):
        return None
    return 0.25


def _unpunctuated(words: list[str], language: str) -> float:
    """A guess where the recognizer gives no punctuation."""
    if len(words) <= 3 and words[-1] in ANSWERS.get(language, ()):
        return 0.85
    if words[-1].isdigit() or (language == "en" and DIGITS.issuperset(words[-2:])):
        return 0.45
    if len(words) >= 3 and words[0] in QUESTION_WORDS.get(language, ()):
        return 0.8
    return 0.5 if len(words) == 1 else 0.65 if len(words) < 5 else 0.7


def _ends_with(words: list[str], phrases: tuple[str, ...]) -> bool:
    tail = words[-4:]
    spaced, joined = " " + " ".join(tail), "".join(tail)
    return any(
        joined.endswith(phrase) if _SPACELESS.search(phrase) else spaced.endswith(" " + phrase)
        for phrase in phrases
    )


def _letters(text: str) -> str:
    return " ".join(plain(word) for word in re.split(r"[^\w'’]+", text) if plain(word))


def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted((_letters(phrase) for phrase in phrases), key=len, reverse=True)
    one = "|".join(re.escape(phrase).replace(r"\ ", " ?") for phrase in longest_first)
    return re.compile(rf"(?:{one})(?: ?(?:{one})){{0,2}}")


_ANY_BACKCHANNEL = _pattern(sum(BACKCHANNELS.values(), ()))
_BACKCHANNEL = {
    language: _pattern(phrases + BACKCHANNELS[""])
    for language, phrases in BACKCHANNELS.items()
    if language
}
