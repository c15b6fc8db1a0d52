"""The thinking text of an answer, which servers call by either of two names."""

from typing import Literal

import msgspec

from voice.providers.answers import Rewrite

ReasoningField = Literal["reasoning_content", "reasoning"]

_OTHER: dict[ReasoningField, str] = {
    "reasoning_content": "reasoning",
    "reasoning": "reasoning_content",
}


def naming(field: ReasoningField) -> Rewrite:
    """Gives a completion, or a chunk of one, back with its thinking text under `field` alone.

    Returns the very same bytes when there is nothing to rename.
    """
    other = _OTHER[field]
    mark = f'"{other}"'.encode()

    def rewrite(data: bytes) -> bytes:
        if mark not in data:
            return data
        completion = msgspec.json.decode(data)
        for choice in completion.get("choices") or ():
            for part in ("delta", "message"):
                said = choice.get(part)
                if isinstance(said, dict) and other in said:
                    text = said.pop(other)
                    said[field] = said.get(field) or text
        return msgspec.json.encode(completion)

    return rewrite
