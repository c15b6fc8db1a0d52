"""Translates regular expressions to GBNF, the grammar notation of llama.cpp. Pure.

The whole answer is to match. What is regular in the usual dialects is understood: alternatives,
groups, classes, escapes, repetitions; lazy or not makes no difference to what is allowed. What
looks around, refers back or changes flags is refused. Digits, words and spaces are those of ASCII.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from voice.engines.gbnf import literal
from voice.engines.protocols import EngineError

Ranges = list[tuple[int, int]]
"""Characters, as first and last code points."""

MAX_DEPTH = 100
LAST = 0x10FFFF

DIGITS: Ranges = [(0x30, 0x39)]
WORDS: Ranges = [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]
SPACES: Ranges = [(0x09, 0x0D), (0x20, 0x20)]
CLASSES = {"d": DIGITS, "w": WORDS, "s": SPACES}
CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "0": 0}

_GROUP = re.compile(r"\(\?(?::|P?<[A-Za-z_]\w*>)|\((?!\?)")
_COUNT = re.compile(r"\{(\d+)(,(\d*))?\}|[*+?]")
_CODE = re.compile(r"\\x([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|\\u\{([0-9A-Fa-f]{1,6})\}")
_REFUSED = {
    "(?=": "lookahead",
    "(?!": "lookahead",
    "(?<=": "lookbehind",
    "(?<!": "lookbehind",
    "(?>": "an atomic group",
    "(?P=": "a reference to a group",
    "(?#": "a comment",
    "(?(": "a condition",
    "(?": "a flag",
    "\\b": "a word boundary",
    "\\B": "a word boundary",
    "\\A": "an anchor other than ^ and $",
    "\\Z": "an anchor other than ^ and $",
    "\\z": "an anchor other than ^ and $",
    "\\p": "a Unicode property",
    "\\P": "a Unicode property",
    "\\k": "a reference to a group",
}


def regex_gbnf(pattern: str) -> str:
    """A grammar of the texts that the pattern matches as a whole. Raises `EngineError`."""
    translator = _Translator(pattern)
    return f"root ::= {translator.alternatives(0)}\n"


@dataclass
class _Translator:
    """Reads a pattern from left to right; each method writes what it has read as GBNF."""

    pattern: str
    at: int = 0

    def alternatives(self, depth: int) -> str:
        if depth > MAX_DEPTH:
            self._refuse(f"has more than {MAX_DEPTH} groups within each other")
        written = [self._sequence(depth)]
        while self._took("|"):
            written.append(self._sequence(depth))
        if depth == 0 and self.at < len(self.pattern):
            self._refuse("closes a group that is not open")
        return " | ".join(written)

    def _sequence(self, depth: int) -> str:
        items: list[str] = []
        # What is to match as a whole is anchored already.
        if depth == 0:
            self._took("^")
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            if depth == 0 and re.match(r"\$(\||\Z)", self.pattern[self.at :]):
                self.at += 1
                break
            items.append(self._item(depth) + self._repetition())
        return " ".join(items) or '""'

    def _item(self, depth: int) -> str:
        letter = self.pattern[self.at]
        match letter:
            case "(":
                return self._group(depth)
            case "[":
                return self._class()
            case "\\":
                return _written(self._escaped())
            case ".":
                self.at += 1
                return _written(_others([(0x0A, 0x0A)]))
            case "^" | "$":
                self._refuse("has an anchor that is not at its beginning or end", unsupported=True)
            case "*" | "+" | "?":
                self._refuse("repeats nothing")
            case "{" if re.match(r"\{,\d+\}", self.pattern[self.at :]):
                self._refuse("leaves open how often to repeat at least", unsupported=True)
        self.at += 1
        return literal(letter)

    def _group(self, depth: int) -> str:
        start = self.at
        opening = _GROUP.match(self.pattern, self.at)
        if not opening:
            self._refuse_construct()
        self.at = opening.end()
        written = self.alternatives(depth + 1)
        if not self._took(")"):
            self.at = start
            self._refuse("opens a group that is never closed")
        return f"({written})"

    def _repetition(self) -> str:
        found = _COUNT.match(self.pattern, self.at)
        if not found:
            return ""
        least, most = found[1], found[3]
        if least and most and int(least) > int(most):
            self._refuse("repeats at least more often than at most")
        self.at = found.end()
        self._took("?")
        if self.at < len(self.pattern) and self.pattern[self.at] in "*+?":
            self._refuse("repeats a repetition", unsupported=self.pattern[self.at] == "+")
        return found[0]

    # ------------------------------------------------------------ characters

    def _class(self) -> str:
        start = self.at
        self.at += 1
        is_negated = self._took("^")
        ranges: Ranges = []
        while not self._took("]"):
            if self.at >= len(self.pattern):
                self.at = start
                self._refuse("opens a class that is never closed")
            ranges += self._members()
        allowed = _others(ranges) if is_negated else ranges
        if not (ranges and allowed):
            self.at = start
            self._refuse("has a class of no characters, or of all")
        return _written(allowed)

    def _members(self) -> Ranges:
        """A character of a class, a range of them, or a class within it."""
        first = self._member()
        dash, after = self.pattern[self.at : self.at + 1], self.pattern[self.at + 1 : self.at + 2]
        if dash != "-" or after in {"]", ""}:
            return first
        self.at += 1
        last = self._member()
        if not (_is_one(first) and _is_one(last) and first[0][0] <= last[0][0]):
            self._refuse("has a range in a class that goes nowhere")
        return [(first[0][0], last[0][0])]

    def _member(self) -> Ranges:
        letter = self.pattern[self.at]
        if letter == "\\":
            return [(8, 8)] if self._took("\\b") else self._escaped()
        if self.pattern.startswith("[:", self.at):
            self._refuse("has a POSIX class", unsupported=True)
        self.at += 1
        return [(ord(letter), ord(letter))]

    def _escaped(self) -> Ranges:
        escape = self.pattern[self.at : self.at + 2]
        letter = escape[1:]
        if code := _CODE.match(self.pattern, self.at):
            self.at = code.end()
            point = int(code[1] or code[2] or code[3], 16)
            return [(point, point)]
        if letter.lower() in CLASSES:
            self.at += 2
            ranges = CLASSES[letter.lower()]
            return ranges if letter.islower() else _others(ranges)
        if letter in CONTROLS:
            self.at += 2
            return [(CONTROLS[letter], CONTROLS[letter])]
        if not letter or letter.isalnum():
            self._refuse_construct()
        self.at += 2
        return [(ord(letter), ord(letter))]

    # ------------------------------------------------------------ parts of them

    def _took(self, text: str) -> bool:
        """Whether the text comes next; if so, it has been read."""
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def _refuse_construct(self) -> NoReturn:
        rest = self.pattern[self.at :]
        if re.match(r"\\[1-9]", rest):
            self._refuse("has a reference to a group", unsupported=True)
        for construct in sorted(_REFUSED, key=len, reverse=True):
            if rest.startswith(construct):
                self._refuse(f"has {_REFUSED[construct]}", unsupported=True)
        self._refuse(f"has an escape that means nothing: {rest[:2]!r}")

    def _refuse(self, what: str, *, unsupported: bool = False) -> NoReturn:
        supported = ", which is not supported" if unsupported else ""
        code = "unsupported_value" if unsupported else "invalid_value"
        position = f"position {self.at + 1}: {self.pattern[self.at : self.at + 20]!r}"
        message = f"the regular expression {what}{supported}; at {position}"
        raise EngineError(message, code, "regex")


def _is_one(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _others(ranges: Ranges) -> Ranges:
    """All characters but those."""
    others: Ranges = []
    start = 0
    for first, last in sorted(ranges):
        if first > start:
            others.append((start, first - 1))
        start = max(start, last + 1)
    return [*others, (start, LAST)] if start <= LAST else others


def _written(ranges: Ranges) -> str:
    return "[" + "".join(f"\\U{first:08X}-\\U{last:08X}" for first, last in ranges) + "]"
