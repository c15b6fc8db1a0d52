"""Turns a language model's markdown, as it streams, into words fit to be spoken."""

import re
from dataclasses import dataclass

from voice.turns.blocks import Block, Kind, classify, line_end
from voice.turns.inline import Found, Inline
from voice.turns.links import may_be_url
from voice.turns.lookahead import Incomplete, Lookahead
from voice.turns.words import IDEOGRAPHS, base_language

_CODE_OMITTED = {
    "en": "(code omitted)", "de": "(Code ausgelassen)", "fr": "(code omis)",
    "es": "(código omitido)", "it": "(codice omesso)", "pt": "(código omitido)",
    "nl": "(code weggelaten)", "zh": "（代码省略）", "ja": "（コード省略）", "ko": "(코드 생략)",
}  # fmt: skip
_SPACE = re.compile(r"\s*")
_FENCE_CLOSE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t\r]*\Z")
_TABLE_RULE = re.compile(r"[|:\-=+ \t]*\Z")
_CELL_BORDER = re.compile(r"(?<!\\)\|")
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_CLOSERS = "\"'”’»)]}）」』*_ \t"
_PAUSES = ".,;:!?…—–-。，、；：！？।॥؟۔،؛։"
_OWN_SENTENCE = (
    Kind.HEADING,
    Kind.ITEM,
    Kind.NUMBER,
    Kind.TABLE,
    Kind.FENCE,
    Kind.SILENT,
    Kind.NOTE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the original and what is said for it."""

    text: str
    spoken: str
    opens: bool = False
    """Whether it belongs to what follows, as an opening mark does."""


class Speakable:
    """A filter that holds text back only while a pattern in it may still be open.

    What it says does not depend on how the text was cut into pushes.
    """

    def __init__(self, language: str = "en") -> None:
        self._language = base_language(language)
        self._inline = Inline(self._language, self._plain)
        self._held = ""
        self._before = ""
        self._tail = ""
        self._line_begins = True
        self._kind = Kind.TEXT
        self._fence = ""

    def push(self, text: str) -> str:
        """What can be said for certain now."""
        return "".join(piece.spoken for piece in self.pieces(text))

    def flush(self) -> str:
        """What was held back, now that the text has ended."""
        return "".join(piece.spoken for piece in self.last_pieces())

    def pieces(self, text: str) -> list[Piece]:
        """As `push`, with the original text of everything said."""
        self._held += text
        return self._scan(final=False)

    def last_pieces(self) -> list[Piece]:
        """As `flush`, with the original text of everything said."""
        pieces = self._scan(final=True)
        if self._kind in _OWN_SENTENCE and (stop := self._stop()):
            pieces.append(self._piece("", Found(0, stop)))
        return pieces

    @property
    def next_letter(self) -> str:
        """The first letter of the word that is held back; empty when another thing may be."""
        letter = self._held[:1]
        is_word = letter.isalpha() and not self._fence and not may_be_url(self._held)
        return letter if is_word else ""

    def _scan(self, *, final: bool) -> list[Piece]:
        look = Lookahead(self._held, final=final)
        pieces = []
        pos = 0
        try:
            while pos < len(look.text):
                found = self._next(look, pos)
                if found.end > pos:
                    pieces.append(self._piece(look.text[pos : found.end], found))
                    pos = found.end
        except Incomplete:
            pass
        self._held = look.text[pos:]
        return pieces

    def _next(self, look: Lookahead, pos: int) -> Found:
        if self._fence:
            return self._code_line(look, pos)
        if self._line_begins:
            return self._begin_line(look, pos)
        if look.text[pos] == "\n":
            return self._end_line(look, pos)
        return self._inline.read(look, pos, self._before)

    def _piece(self, text: str, found: Found) -> Piece:
        spoken = found.spoken
        if not self._tail or self._tail[-1].isspace():
            spoken = spoken.lstrip()
        self._tail = (self._tail + spoken)[-24:]
        self._before = text[-1:] or self._before
        return Piece(text, spoken, found.opens)

    # ------------------------------------------------------------------ lines

    def _begin_line(self, look: Lookahead, pos: int) -> Found:
        start = look.run(_SPACE, pos)
        if start > pos:
            return Found(start, "")
        block = classify(look, pos)
        self._line_begins = block.kind is Kind.QUOTE
        self._kind = block.kind
        line = look.text[pos : block.end]
        if block.kind is Kind.FENCE:
            self._fence = line[:3]
            return Found(block.end, _CODE_OMITTED.get(self._language, "…") + self._period() + "\n")
        if block.kind is Kind.TABLE:
            return Found(block.end, self._row(line))
        if block.kind is Kind.NUMBER:
            return Found(block.end, line.rstrip(" \t.)") + ": ", opens=True)
        return Found(block.end, "", opens=block.kind is not Kind.SILENT)

    def _end_line(self, look: Lookahead, pos: int) -> Found:
        """The line break itself; what comes next decides whether it ends a sentence."""
        end = look.run(_SPACE, pos)
        block = classify(look, end) if look.at(end) else Block(Kind.SILENT, end)
        blank = look.text.count("\n", pos, end) > 1
        continued = self._kind in (Kind.ITEM, Kind.NUMBER) and look.at(end).islower()
        own = block.kind in _OWN_SENTENCE or (self._kind in _OWN_SENTENCE and not continued)
        self._line_begins = True
        self._inline.end_line()
        if not look.at(end):
            return Found(end, "")
        return Found(end, (self._stop() if blank or own else "") + "\n")

    def _code_line(self, look: Lookahead, pos: int) -> Found:
        end = line_end(look, pos)
        line = look.text[pos:end]
        close = _FENCE_CLOSE.match(line)
        if close and close[1][0] == self._fence[0]:
            self._fence = ""
            return Found(end, "")
        return Found(min(end + 1, len(look.text)), "")

    def _row(self, line: str) -> str:
        if _TABLE_RULE.match(line):
            return ""
        cells = (self._plain(cell).strip() for cell in _CELL_BORDER.split(line.strip().strip("|")))
        return ", ".join(cell.rstrip(".") for cell in cells if cell)

    def _plain(self, text: str) -> str:
        """What is said for a label or a cell on its own."""
        inner = Speakable(self._language)
        inner._line_begins = False
        return inner.push(text) + inner.flush()

    def _stop(self) -> str:
        """The full stop that a line lacks which is a sentence of its own."""
        said = self._tail.rstrip().rstrip(_CLOSERS)
        return self._period() if said and said[-1] not in _PAUSES else ""

    def _period(self) -> str:
        ideographic = self._language in ("zh", "ja") or _IDEOGRAPH.match(self._tail.rstrip()[-1:])
        return "。" if ideographic else "."
