"""Grammars in GBNF, the notation of llama.cpp, as text. Pure.

A grammar is lines of `name ::= body`; what is to be written is `root`.
"""

import re
from collections.abc import Iterable

_PART = re.compile(
    r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\{[^}]*\}|<[^>]*>|#[^\n]*'
    r"|(?P<name>[A-Za-z0-9-]+)|(?P<bracket>[()])",
    re.DOTALL,
)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def literal(text: str) -> str:
    """The text itself."""
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text) + '"'


def one_of(texts: Iterable[str]) -> str:
    """A grammar of one of the texts."""
    return f"root ::= {' | '.join(literal(text) for text in texts)}\n"


def after(text: str, grammar: str) -> str:
    """A grammar of the text and what follows it."""
    return f"root ::= {literal(text)} then-root\n{_renamed(grammar, 'then-')}"


def either(first: str, second: str) -> str:
    """A grammar of what one of two grammars allows."""
    rules = f"{_renamed(first, 'first-')}\n{_renamed(second, 'second-')}"
    return f"root ::= first-root | second-root\n{rules}"


def depth(grammar: str) -> int:
    """How deeply its brackets are nested."""
    deepest = level = 0
    for part in _PART.finditer(grammar):
        level += {"(": 1, ")": -1}.get(part["bracket"] or "", 0)
        deepest = max(deepest, level)
    return deepest


def _renamed(grammar: str, prefix: str) -> str:
    """The grammar with the prefix before the names of all its rules."""
    return _PART.sub(lambda part: f"{prefix}{part[0]}" if part["name"] else part[0], grammar)
