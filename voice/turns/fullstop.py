"""Whether a full stop with a word after it ends a sentence."""

import re

from voice.turns.abbreviations import (
    CLOSING,
    NUMBERED,
    OPEN,
    ORDINAL_LANGUAGES,
    STARTERS,
    TITLES,
)
from voice.turns.lookahead import Lookahead
from voice.turns.words import base_language

_WORD_BEFORE = re.compile(r"[^\s(\[{\"“‘„«¿¡—–/*_`]*\Z")
_NEXT_WORD = re.compile(r"[\w'’-]{0,24}")
_LONGEST = 40


def ends_sentence(
    look: Lookahead, stop: int, follows: int, language: str | None, *, broken: int
) -> bool:
    """Whether the full stop at `stop` ends a sentence, when the next word begins at `follows`.

    `broken` is where the last sentence or clause ended.
    """
    match = _WORD_BEFORE.search(look.text, max(stop - _LONGEST, 0), stop)
    word = match[0] if match else ""
    if look.at(follows).islower():
        return False
    if not word.isdigit() or len(word) > 3:
        return _after_word(look, word, follows)
    if broken == _end_before(look.text, stop - len(word)):
        return False
    if len(word) < 3 and base_language(language) in ORDINAL_LANGUAGES:
        return _starts_sentence(look, follows)
    return True


def _end_before(text: str, start: int) -> int:
    """Where the word before the space before `start` ends."""
    while start and text[start - 1].isspace():
        start -= 1
    return start


def _after_word(look: Lookahead, word: str, follows: int) -> bool:
    key = word.lower().rstrip(".")
    if key in TITLES:
        return False
    if key in NUMBERED and look.at(follows).isdigit():
        return False
    if key in CLOSING:
        return True
    if key in OPEN or _is_initial(word):
        return _starts_sentence(look, follows)
    return True


def _is_initial(word: str) -> bool:
    """A single letter, or several with full stops between them."""
    parts = word.rstrip(".").split(".")
    return all(len(part) == 1 and part.isalpha() for part in parts)


def _starts_sentence(look: Lookahead, follows: int) -> bool:
    end = look.run(_NEXT_WORD, follows)
    return look.text[follows:end].lower() in STARTERS
