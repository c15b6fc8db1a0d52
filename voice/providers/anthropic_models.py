"""What the models of Anthropic differ in, as far as a request must know it: a table by version."""

import re
from typing import Literal, NamedTuple

Sampling = Literal["free", "one", "none"]
"""Whether `temperature` and `top_p` are taken together, one at a time, or not at all."""


class Capabilities(NamedTuple):
    max_tokens: int
    """What is asked for when the client set no limit: the API demands one, OpenAI's does not."""
    sampling: Sampling


_BY_VERSION: tuple[tuple[tuple[int, int], Capabilities], ...] = (
    ((4, 7), Capabilities(64_000, "none")),
    ((4, 5), Capabilities(64_000, "one")),
    ((4, 1), Capabilities(32_000, "one")),
    ((4, 0), Capabilities(32_000, "free")),
    ((3, 7), Capabilities(64_000, "free")),
    ((3, 5), Capabilities(8192, "free")),
    ((0, 0), Capabilities(4096, "free")),
)
"""From which version on, the newest first."""

_NEWEST = _BY_VERSION[0][1]
_OTHERS = Capabilities(4096, "free")
"""Models of others behind the same wire."""

# The minor version has one or two digits; what is longer is a date.
_VERSION = re.compile(r"(?<!\d)(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")


def capabilities(model: str) -> Capabilities:
    """A name of Anthropic's without a version is taken for a new model, since old ones have one."""
    if "claude" not in model:
        return _OTHERS
    found = _VERSION.search(model)
    if found is None:
        return _NEWEST
    version = (int(found[1]), int(found[2] or 0))
    return next(can for since, can in _BY_VERSION if version >= since)
