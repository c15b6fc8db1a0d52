"""What a question asks for: its parts, each to be answered by itself, and how long an answer."""

import re
from collections.abc import Iterator
from typing import Literal

from voice.engines.wordforms import STOP_WORDS, content_words

Extent = Literal["answer", "all", "steps"]
"""The sentence that answers, all that belongs to the topic, or what to do step by step."""

_WH = r"(?:when|how|what|where|who|whose|which|why)"
_AUX = r"(?:is|are|was|were|can|could|do|does|did|may|must|should|will|has|have)"
_ASKS = rf"(?:{_WH}|{_AUX}(?!\s+(?:not|be|been|made|called|used|\w+ed|\w+ing))|tell me)\b\s+\w"
_BORDER = re.compile(rf"\?\s+|[,;]?\s+(?:and|but|or|also)\s+(?:also\s+)?(?={_ASKS})", re.IGNORECASE)
_BEGINNING = re.compile(_ASKS, re.IGNORECASE)
_LISTED = re.compile(rf"[,;]\s+(?={_WH}\b)", re.IGNORECASE)
_COMPARED = re.compile(r"\b(?:compare|contrast|differences? between)\s+(.+)", re.IGNORECASE)
_BETWEEN = re.compile(r"\s+(?:and|with|to|versus)\s+(?:(?:those|that|the ones?)\s+)?")
_PREPOSITION = r"(?:in|of|on|for|at|from|about)"
_STEPS = re.compile(
    r"\bhow (?:do|can|should|to|would)\b|\bwhat (?:should|do|must|can) (?:i|we|you) do\b",
    re.IGNORECASE,
)
_ALL = re.compile(
    r"\b(?:tell me|what about|how about|explain|describe|know about)\b", re.IGNORECASE
)

_YEAR = r"\b(?:1\d|20)\d\d\b"
_NUMBER = (
    rf"(?<!\d)(?!(?:(?<=\bin )|(?<=\bsince )){_YEAR})\d|\b(?:one|two|three|four|five|six|seven|eight"
    r"|nine|ten|eleven|twelve|\w+teen|\w+ty|hundred|thousand|million|dozen|half|once|twice)\b"
)
_UNIT = r"\d ?(?:[kcm]?m|mi|ft|yd|h|hrs?|mins?|s|sec)\b"
# What an answer looks like, by the question's first words; without the amount there is none.
_AMOUNTS = (
    (r"\b(?:what|which) year\b", rf"{_YEAR}|\b(?:nineteen|twenty) (?:hundred|\w+teen|\w+ty)\b"),
    (r"\bwhen\b|what (?:time|day|month)|opening hours", r"morning|evening|noon|night|clock|\w+day\b|january|february|march|april|may\b|june|july|august|september|october|november|december|\d|spring|summer|autumn|winter|after|before|as soon as"),
    (r"how often", r"once|twice|every|times|daily|weekly|monthly|a (?:day|week|month|year)\b|often"),
    (r"how (?:much|expensive)|\b(?:price|cost|fee)\b", rf"free|dollar|cent|pound|euro|\$|€|£|cost|{_NUMBER}"),
    (r"how old", rf"{_YEAR}|\byears?\b|century|\bold\b|\bsince\b|\b(?:be|least|over|under|from) (?:{_NUMBER})"),
    (r"how (?:many|much|tall|high|wide|deep|fast|hot|cold|warm|heavy|big|large|thick)", _NUMBER),
    (r"how (?:long|far)", rf"mile|kilomet|meter|feet|yard|second|hour|minute|week|month|days?\b|year|until|{_UNIT}"),
)  # fmt: skip
_ANSWERS = (
    (r"where", r"\b(?:in|on|at|under|near|beside|to|into|behind|above|below)\b"),
    (r"\bwho\b", r"(?-i:(?<=[a-z,;] )[A-Z][a-z]|^[A-Z]\w+ [A-Z])|everyone|\b(?:children|people|visitors)\b"),
    (r"\bcalled\b|\bnames?\b", r"called|named|(?-i:(?<=[a-z,;] )[A-Z][a-z])"),
    (r"what (?:do|does|will) \w+ need", r"\bneeds?\b"),
    (r"why|what (?:does|is wrong)", r"because|means?|so that|for the"),
    (r"how (?:do|can|should|to) |what should (?:i|we) do", r"^(?:to|first|use|put|mix|fill|take|bring|press|open|clean|set|add|turn|hold|heat|plant|sow|cut|pick|wash|move|choose|push|pour|connect|insert|remove|stay|scrape|call)\b"),
    (r"^(?:can|may|are|is) (?:i|we|you|dogs|there)|allowed", r"allowed|forbidden|welcome|can|may\b|not"),
)  # fmt: skip
_Shapes = tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]


def _compiled(shapes: tuple[tuple[str, str], ...]) -> _Shapes:
    return tuple((re.compile(q, re.IGNORECASE), re.compile(a, re.IGNORECASE)) for q, a in shapes)


_AMOUNT_SHAPES, _ANSWER_SHAPES = _compiled(_AMOUNTS), _compiled((*_AMOUNTS, *_ANSWERS))


def looks_like_answer(question: str, sentence: str) -> bool:
    """Whether the sentence has what such a question asks for: a time, an amount, a name."""
    return any(_fits(_ANSWER_SHAPES, question, sentence))


def lacks_amount(question: str, text: str) -> bool:
    """Whether the text has no time, number or price, and such a question asks for one."""
    fitting = list(_fits(_AMOUNT_SHAPES, question, text))
    return bool(fitting) and not any(fitting)


def _fits(shapes: _Shapes, question: str, text: str) -> Iterator[bool]:
    """For each kind of question that it is, whether the text has the shape of its answer."""
    return (bool(shape.search(text)) for asked, shape in shapes if asked.search(question))


def extent_of(question: str) -> Extent:
    """How much of a passage answers the question."""
    if _STEPS.search(question):
        return "steps"
    return "all" if _ALL.search(question) else "answer"


def parts_of(question: str) -> list[str]:
    """The questions that are asked in one: "How long is it, and are dogs allowed?" has two."""
    if compared := _COMPARED.search(question):
        return _each_of(compared[1].rstrip("?. "))
    parts = [part for each in _BORDER.split(question.strip()) for part in _cut_list(each)]
    asking = [each for each in parts if content_words(each) or _BEGINNING.match(each)]
    return asking or [question]


def alternatives(question: str) -> list[str]:
    """The question for each of two things named together: "garlic and potatoes"; else nothing."""
    words = question.split()
    for at in range(1, len(words) - 1):
        after = next((i for i in range(at + 1, len(words)) if _tells(words[i])), None)
        if words[at].lower() in {"and", "or"} and after and _tells(words[at - 1]):
            first, second = words[:at] + words[after + 1 :], words[: at - 1] + words[at + 1 :]
            return [" ".join(first), " ".join(second)]
    return []


def named_in(question: str) -> frozenset[str]:
    """The words that are written with a capital inside the question."""
    return frozenset(re.findall(r"(?<=[a-z,;] )[A-Z]\w+", question))


def _tells(word: str) -> bool:
    return word.strip(".,;:?!").lower() not in STOP_WORDS


def _cut_list(question: str) -> list[str]:
    """Questions that follow one another after commas; "If it rains, what ..." is a single one."""
    return _LISTED.split(question) if re.match(_WH, question, re.IGNORECASE) else [question]


def _each_of(compared: str) -> list[str]:
    """Both things to compare, with what is said of the two: "opening hours in winter and summer"."""
    both = _BETWEEN.split(compared, maxsplit=1)
    shared = re.match(rf"(.+?\s){_PREPOSITION}\s", both[0])
    if len(both) < 2 or not shared:
        return both
    alone = re.match(rf"{_PREPOSITION}\s", both[1])
    return [both[0], f"{shared[1] if alone else shared[0]}{both[1]}"]
