"""The parts of a sentence that could stand alone."""

import re

_PRONOUN = r"(?:it|they|he|she|you|we|there)"
_SUBJECT = rf"(?:{_PRONOUN}|this|these|those|the|its|their|his|her|a|an|one|on|in|at)\b"
_NAME = r"(?:[A-Z]\w+ )+(?!(?:and|or|of|in|on|at|to|from|who|which)\b)[a-z]"
_BORDER = re.compile(
    rf"[,;:] (?:and|but|so) (?={_SUBJECT}|{_NAME})|[;:] (?={_SUBJECT})|, (?={_NAME})"
)
_VERB = re.compile(
    rf"\b(?:is|are|was|were|has|have|had|can|could|may|must|will|would|does|do|did|\w{{3,}}ed)\b"
    rf"|\b{_PRONOUN} \w|{_NAME}"
)
_SUBORDINATE = re.compile(
    r"(?:if|when|while|as|because|although|though|until|after|before|since|unless|where)\b",
    re.IGNORECASE,
)


def clauses(sentence: str) -> list[str]:
    """The clauses of a sentence that have a subject and a verb of their own; else the whole.

    Where one might depend on another they stay together.
    """
    parts = [part.strip() for part in _BORDER.split(sentence)]
    if len(parts) < 2 or _SUBORDINATE.match(sentence) or not all(map(_VERB.search, parts)):
        return [sentence]
    return [f"{part[0].upper()}{part[1:].rstrip('.!?')}." for part in parts]
