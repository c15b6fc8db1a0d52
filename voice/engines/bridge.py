"""A fact that two sentences tell together: one names a thing, the other says of it what was asked."""

import re
from collections.abc import Iterator, Sequence

from voice.engines.passages import WEAK_WORDS, Hit, PassageIndex, reading
from voice.engines.questions import extent_of, lacks_amount
from voice.engines.wordforms import STOP_WORDS, content_words

WHOLE = 0.9
"""What covers so much speaks of all that was asked, although "when" may be a misheard "what"."""

_NAME = re.compile(r"[A-Z]\w+(?: [A-Z]\w+)*")
_PRONOUN = re.compile(r"\b(?:it|its|they|them|their|he|him|his|she|her)\b", re.IGNORECASE)


def beyond(question: str, hit: Hit, indexes: Sequence[PassageIndex]) -> tuple[Hit, bool] | None:
    """What a sentence says of a thing that `hit` names, and `hit` leaves open; else nothing.

    And whether no word of the question is left open then.
    """
    words = [word for word in content_words(question) if word not in WEAK_WORDS]
    left = [word for word in words if word not in hit.said]
    found = [
        (further, further.said >= {*left})
        for name in _new_names(hit, words)
        for index in indexes
        if (further := index.search(question, [*left, *content_words(name)]))
        and not further.said.isdisjoint(left)
        and name in _meaning(further)
        and not lacks_amount(question, _sentence(further))
    ]
    return max(found, key=lambda each: (each[1], each[0].score), default=None)


def is_doubtful(question: str, hit: Hit) -> bool:
    """Whether the question is for a time or an amount, and what would be read has none."""
    read = " ".join(reading(hit, extent_of(question)))
    return hit.coverage < WHOLE and lacks_amount(question, read)


def _new_names(hit: Hit, asked: Sequence[str]) -> Iterator[str]:
    """The names in a sentence that say more than the question does."""
    for match in _NAME.finditer(_sentence(hit)):
        words = match[0].split()
        if words[0].lower() in STOP_WORDS:
            words = words[1:]
        known = not match.start() and len(words) == 1 and words[0] not in hit.document.names
        if not known and not {*content_words(" ".join(words))} <= {*asked}:
            yield " ".join(words)


def _sentence(hit: Hit) -> str:
    return hit.passage.sentences[hit.sentence]


def _meaning(hit: Hit) -> str:
    """The sentence, with the one before it where that says what "it" is."""
    leans = hit.sentence and _PRONOUN.search(_sentence(hit))
    return " ".join(hit.passage.sentences[hit.sentence - bool(leans) : hit.sentence + 1])
