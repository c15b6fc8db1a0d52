"""Simple LaTeX in words."""

import re

_COMMANDS = {
    "times": "times", "cdot": "times", "div": "divided by", "pm": "plus or minus", "le": "is at most",
    "leq": "is at most", "ge": "is at least", "geq": "is at least", "ne": "is not", "neq": "is not",
    "approx": "is about", "infty": "infinity", "sum": "the sum of", "int": "the integral of",
    "prod": "the product of", "to": "to", "rightarrow": "to", "in": "in", "degree": "degrees",
    "partial": "partial", "circ": "degrees", "ldots": "and so on", "dots": "and so on", "%": "percent",
}  # fmt: skip
_ENGLISH = (
    (re.compile(r"\\d?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r" \1 over \2 "),
    (re.compile(r"\\sqrt\s*\{([^{}]*)\}"), r" the square root of \1 "),
    (re.compile(r"_\{?(\d+)\}?"), r"\1 "),
    (re.compile(r"\^\s*\{?2\}?(?!\d)"), " squared "),
    (re.compile(r"\^\s*\{?3\}?(?!\d)"), " cubed "),
    (re.compile(r"\^\s*\\circ"), " degrees "),
    (re.compile(r"\^\s*\{([^{}]*)\}"), r" to the power of \1 "),
    (re.compile(r"\^\s*(\w)"), r" to the power of \1 "),
    (re.compile(r"="), " equals "),
    (re.compile(r"(?<=[\w)}])\s*\+"), " plus "),
    (re.compile(r"(?<=[\w)}])\s*-"), " minus "),
    (re.compile(r"(?<=[\w)}])\s*/"), " over "),
    (re.compile(r"<"), " is less than "),
    (re.compile(r">"), " is greater than "),
    (re.compile(r"\\(\w+|%)"), lambda match: f" {_COMMANDS.get(match[1], match[0])} "),
)
_WRAPPER = re.compile(
    r"\\(?:text|mathrm|mathbf|mathit|operatorname|left|right|displaystyle|quad)(?![a-zA-Z])"
    r"|\\[,;!]"
)
_MARKS = re.compile(r"[\\{}$&_~^]+")


def in_words(formula: str, language: str) -> str:
    """The formula as a reader says it; outside English only its marks are taken out."""
    formula = _WRAPPER.sub(" ", formula)
    for pattern, words in _ENGLISH if language == "en" else ():
        formula = pattern.sub(words, formula)
    return " ".join(_MARKS.sub(" ", formula).split())
