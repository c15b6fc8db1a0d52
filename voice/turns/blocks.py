"""What a line of markdown begins with."""

import re
from enum import Enum, auto
from typing import NamedTuple

from voice.turns.lookahead import Lookahead

LONGEST_LINE = 2000
"""A line longer than this is read in pieces."""


class Kind(Enum):
    TEXT = auto()
    HEADING = auto()
    ITEM = auto()
    NUMBER = auto()
    QUOTE = auto()
    """After it another block begins on the same line."""
    TABLE = auto()
    FENCE = auto()
    SILENT = auto()
    """A rule, or the definition of a link."""
    NOTE = auto()


class Block(NamedTuple):
    kind: Kind
    end: int
    """Where the mark ends; for a table, a fence and a silent line, where the line ends."""


_HASHES = re.compile("#*")
_RULE = re.compile(r"[-*_=+ \t]*")
_BLANK = re.compile(r"[ \t]*")
_DIGITS = re.compile(r"\d{0,4}")
_QUOTES = re.compile(r"[> \t]*")
_TICKS = re.compile("`*")
_TILDES = re.compile("~*")
_NEWLINE = re.compile("\n")
_BRACKET = re.compile(r"[\]\n]")
_BULLETS = "-*+•‣◦▪●–·"


def line_end(look: Lookahead, start: int) -> int:
    """Where the line ends, before its newline, or where a too long one is cut."""
    end = look.find(_NEWLINE, start, LONGEST_LINE)
    return end if end >= 0 else min(start + LONGEST_LINE, len(look.text))


def classify(look: Lookahead, start: int) -> Block:
    """The block that begins at `start`, after the indentation. Raises `Incomplete`."""
    char = look.at(start)
    if char in "-*_=+" and char:
        return _rule(look, start) or _item(look, start)
    if char in _BULLETS and char:
        return _item(look, start)
    if char.isascii() and char.isdigit():
        return _number(look, start)
    reader = _READERS.get(char)
    return reader(look, start) if reader else Block(Kind.TEXT, start)


def _heading(look: Lookahead, start: int) -> Block:
    end = look.run(_HASHES, start)
    if end - start > 6 or look.at(end) not in (" ", "\t"):
        return Block(Kind.TEXT, start)
    return Block(Kind.HEADING, look.run(_BLANK, end))


def _rule(look: Lookahead, start: int) -> Block | None:
    end = look.run(_RULE, start)
    marks = look.text[start:end].replace(" ", "").replace("\t", "")
    alone = look.at(end) in ("", "\n") and len(marks) > 2 and len(set(marks)) == 1
    return Block(Kind.SILENT, end) if alone else None


def _item(look: Lookahead, start: int) -> Block:
    if look.at(start) in "_=" or look.at(start + 1) not in (" ", "\t"):
        return Block(Kind.TEXT, start)
    end = look.run(_BLANK, start + 1)
    if look.at(end) == "[" and look.at(end + 1) in " xX" and look.at(end + 2) == "]":
        end = look.run(_BLANK, end + 3)
    return Block(Kind.ITEM, end)


def _number(look: Lookahead, start: int) -> Block:
    end = look.run(_DIGITS, start)
    marked = look.at(end) in (".", ")") and look.at(end + 1) in (" ", "\t")
    if end - start > 3 or not marked:
        return Block(Kind.TEXT, start)
    return Block(Kind.NUMBER, look.run(_BLANK, end + 1))


def _quote(look: Lookahead, start: int) -> Block:
    if look.at(start + 1) not in (" ", "\t", ">", "\n"):
        return Block(Kind.TEXT, start)
    return Block(Kind.QUOTE, look.run(_QUOTES, start))


def _table(look: Lookahead, start: int) -> Block:
    return Block(Kind.TABLE, line_end(look, start))


def _fence(look: Lookahead, start: int) -> Block:
    mark = look.at(start)
    end = look.run(_TICKS if mark == "`" else _TILDES, start)
    if end - start < 3:
        return Block(Kind.TEXT, start)
    line = line_end(look, end)
    inline = mark == "`" and "`" in look.text[end:line]
    return Block(Kind.TEXT, start) if inline else Block(Kind.FENCE, line)


def _bracket(look: Lookahead, start: int) -> Block:
    """`[^1]: a note`, or `[name]: https://example.com`."""
    close = look.find(_BRACKET, start, 100)
    if close < 0 or look.at(close) == "\n" or look.at(close + 1) != ":":
        return Block(Kind.TEXT, start)
    after = look.run(_BLANK, close + 2)
    if look.at(start + 1) == "^":
        return Block(Kind.NOTE, after)
    if look.starts("http", after) or look.at(after) == "<":
        return Block(Kind.SILENT, line_end(look, after))
    return Block(Kind.TEXT, start)


_READERS = {
    "#": _heading,
    ">": _quote,
    "|": _table,
    "`": _fence,
    "~": _fence,
    "[": _bracket,
}
