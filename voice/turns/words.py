"""Where the words of a text lie, in scripts with and without spaces, and how long each takes to say."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

IDEOGRAPHS = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
HANGUL = "\u1100-\u11ff\uac00-\ud7a3"
SPACELESS = (
    IDEOGRAPHS + "\u0e01-\u0e30\u0e32-\u0e33\u0e3f-\u0e46\u0e81-\u0ec6\u1000-\u1021\u1780-\u17b3"
)
"""The letters, as the inside of a character class, of scripts that put no space between words."""

_MARKS = "\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u17b4-\u17d3\u3099\u309a"
_OPENERS = "([{（［「『《〈【“‘«„¿¡"
_WORD = re.compile(
    rf"(?:[{SPACELESS}][{_MARKS}]*|[^\W_{SPACELESS}][^\s{SPACELESS}]*)[^\w\s{re.escape(_OPENERS)}]*"
)
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_HANGUL = re.compile(f"[{HANGUL}]")

IDEOGRAPH_WEIGHT = 3.4
HANGUL_WEIGHT = 2.0


class Span(NamedTuple):
    start: int
    end: int


def word_spans(text: str) -> Iterator[Span]:
    """The words in order, each with the punctuation and marks that touch it.

    Between two spans lie only whitespace and marks that stand alone. A letter of a script
    without spaces is a word of its own.
    """
    end = 0
    for match in _WORD.finditer(text):
        start = match.start()
        while start > end and not text[start - 1].isspace():
            start -= 1
        end = match.end()
        yield Span(start, end)


def plain(word: str) -> str:
    """The letters and digits of a word in lower case: what two spellings of it share."""
    if word.isascii() and word.isalnum():
        return word.lower()
    return "".join(char for char in word.casefold() if unicodedata.category(char)[0] in "LNM")


def weight(text: str) -> float:
    """How long the text takes to say, in letters of an alphabet (about 15 of them a second)."""
    ideographs = len(_IDEOGRAPH.findall(text))
    hangul = len(_HANGUL.findall(text))
    rest = len(text) - ideographs - hangul
    return rest + IDEOGRAPH_WEIGHT * ideographs + HANGUL_WEIGHT * hangul


def base_language(language: str | None) -> str:
    """`en` for `en-US`; the empty string when the language is not known."""
    return (language or "").replace("_", "-").partition("-")[0].lower()
