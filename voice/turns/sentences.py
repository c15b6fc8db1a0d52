"""Where sentences and clauses end in text that is still being written, in any script."""

import re
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from voice.turns.fullstop import ends_sentence
from voice.turns.lookahead import Incomplete, Lookahead
from voice.turns.nesting import Nesting
from voice.turns.words import HANGUL, IDEOGRAPHS, SPACELESS

_FIRM = "。！？｡．؟۔।॥։።။។༎"
_SPACED = ".!?…‼⁇⁈⁉‽"
_WIDE_CLAUSE = "，、：；､；､"
_CLAUSE = ",;:،؛፣၊՝·"
_CANDIDATE = re.compile(
    rf"[{re.escape(_FIRM + _SPACED)}]+|[{_WIDE_CLAUSE}]|[{_CLAUSE}]|[—―]+|--+|[–-]|\s+"
    r"|[(\[{（［｛「『《〈【“„«”»)\]}）］｝」』》〉】\"]"
)
_CLOSING = re.compile(r"[\"'”’»)\]}）］｝」』》〉】*_`]*")
_OPENING = re.compile(r"[\"'“‘„«(\[{（［｛「『《〈【¿¡*_`#>\s-]*")
_SPACE = re.compile(r"\s*")
_NO_SPACE_AFTER = re.compile(f"[{SPACELESS}]")
_BOUND_LETTER = re.compile(f"[{IDEOGRAPHS}{HANGUL}]")
_THAI = re.compile("[\u0e01-\u0e4e]")
_GREEK = re.compile("[\u0370-\u03ff\u1f00-\u1fff]")
_ARMENIAN = re.compile("[\u0531-\u0587]")
_CONTEXT = 64
"""How many characters before a full stop may decide on it."""


class Break(IntEnum):
    """How good a place to stop speaking is."""

    NESTED = 1
    """Inside brackets or quotes: only for want of a better one."""
    CLAUSE = 2
    SENTENCE = 3


@dataclass(frozen=True, slots=True)
class Boundary:
    """The end of a sentence or clause: an offset in the whole text, before the space that follows."""

    end: int
    kind: Break


class Boundaries:
    """Finds boundaries in a stream; they do not depend on how the text was cut into pushes."""

    def __init__(self, language: str | None = None) -> None:
        self._language = language
        self._text = ""
        self._base = 0
        self._next = 0
        self._last = Boundary(0, Break.SENTENCE)
        self._nesting = Nesting()

    def push(self, text: str, peek: str = "") -> list[Boundary]:
        """The boundaries that have become certain.

        `peek` is a letter known to follow, for its case; the next push begins with it.
        """
        self._text += text
        return self._scan(Lookahead(self._text + peek, final=False))

    def flush(self) -> list[Boundary]:
        """The boundaries that the end of the text makes certain; the end itself is not one."""
        return self._scan(Lookahead(self._text, final=True))

    def _scan(self, look: Lookahead) -> list[Boundary]:
        found: list[Boundary] = []
        try:
            while match := _CANDIDATE.search(self._text, self._next):
                self._next = match.start()
                self._judge(look, match, found)
            self._next = len(self._text)
        except Incomplete:
            pass
        self._forget()
        return found

    def _judge(self, look: Lookahead, match: re.Match[str], found: list[Boundary]) -> None:
        start, end = match.span()
        char = match[0][0]
        if char in self._nesting.marks:
            self._nesting.meet(char, self._base + start)
            self._next = end
            return
        if end == len(look.text):
            look.at(end)
        closed = look.run(_CLOSING, end)
        kind, stop = self._kind(look, match, closed)
        if kind is not None:
            for index in range(end, stop):
                self._nesting.meet(look.text[index], self._base + index)
            if "\n" in (match[0] + look.text[stop : stop + 1]):
                self._nesting.clear()
            self._add(found, self._base + stop, kind)
            self._next = max(end, stop)
        else:
            self._next = end

    def _kind(self, look: Lookahead, match: re.Match[str], closed: int) -> tuple[Break | None, int]:
        """What ends here, and where the marks that close it end."""
        start, end = match.span()
        char = match[0][0]
        if char.isspace():
            return self._space(look, match), start
        if char in _FIRM + _SPACED:
            return self._stop(look, match, closed), closed
        if char in "—―–-":
            return self._dash(look, match), end
        return self._clause(look, match, closed), closed

    def _add(self, found: list[Boundary], end: int, kind: Break) -> None:
        if self._nesting.depth(end):
            kind = Break.NESTED
        if end > self._last.end or (end == self._last.end and kind > self._last.kind):
            self._last = Boundary(end, kind)
            found.append(self._last)

    def _forget(self) -> None:
        """Keep only the context that a later decision may need."""
        drop = max(self._next - _CONTEXT, 0)
        if drop > _CONTEXT:
            self._text = self._text[drop:]
            self._base += drop
            self._next -= drop

    # ------------------------------------------------------------------ the rules

    def _stop(self, look: Lookahead, match: re.Match[str], closed: int) -> Break | None:
        start, marks = match.start(), match[0]
        after = look.at(closed)
        if any(mark in _FIRM for mark in marks):
            in_number = marks == "．" and look.text[start - 1 : start].isdigit() and after.isdigit()
            return None if in_number else Break.SENTENCE
        if not after:
            return Break.SENTENCE
        if _NO_SPACE_AFTER.match(after):
            return (
                None if marks == "." and look.text[start - 1 : start].isdigit() else Break.SENTENCE
            )
        if not after.isspace():
            return Break.CLAUSE if marks[-1] == "…" and after.isalpha() else None
        return self._spaced_stop(look, match, closed)

    def _spaced_stop(self, look: Lookahead, match: re.Match[str], closed: int) -> Break | None:
        """A mark of the alphabets with whitespace after it: the next word decides."""
        listed = match[0] == "." and look.text[match.start() - 1 : match.start()].isdigit()
        if "\n" in look.text[closed : _after_space(look.text, closed)] and not listed:
            return Break.SENTENCE
        follows = look.run(_OPENING, closed)
        char = look.at(follows)
        if match[0] != ".":
            return Break.CLAUSE if char.islower() else Break.SENTENCE
        broken = self._last.end - self._base
        ends = ends_sentence(look, match.start(), follows, self._language, broken=broken)
        return Break.SENTENCE if ends else None

    def _clause(self, look: Lookahead, match: re.Match[str], closed: int) -> Break | None:
        before = look.text[max(match.start() - 1, 0) : match.start()]
        after = look.at(closed)
        mark = match[0]
        if mark in _WIDE_CLAUSE:
            if before.isdigit() and after.isdigit():
                return None
            return Break.SENTENCE if mark == "；" else Break.CLAUSE
        if mark == "·" and not _GREEK.match(before):
            return None
        if after and not after.isspace() and not _BOUND_LETTER.match(after):
            return None
        question = mark == ";" and _GREEK.match(before)
        full_stop = mark == ":" and _ARMENIAN.match(before)
        return Break.SENTENCE if question or full_stop else Break.CLAUSE

    def _dash(self, look: Lookahead, match: re.Match[str]) -> Break | None:
        start, end = match.span()
        before, after = look.text[max(start - 1, 0) : start], look.at(end)
        if match[0][0] in "—―":
            return Break.CLAUSE
        alone = before.isspace() and after.isspace()
        number = look.at(end + 1).isdigit() if alone else False
        return Break.CLAUSE if alone and not number else None

    def _space(self, look: Lookahead, match: re.Match[str]) -> Break | None:
        start, end = match.span()
        after = look.at(end)
        if "\n" in match[0]:
            return Break.SENTENCE if match[0].count("\n") > 1 else Break.CLAUSE
        thai = _THAI.match(look.text[max(start - 1, 0) : start]) and _THAI.match(after)
        return Break.CLAUSE if thai else None


def sentences(text: str, language: str | None = None) -> list[str]:
    """The sentences of a whole text; concatenated they give the text."""
    boundaries = Boundaries(language)
    found = boundaries.push(text) + boundaries.flush()
    ends = [_after_space(text, each.end) for each in found if each.kind is Break.SENTENCE]
    cuts = sorted({0, *ends, len(text)})
    return [text[start:end] for start, end in pairwise(cuts)]


def _after_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start
