"""Values of fields that ask for what happens anyway."""

from collections.abc import Iterable


def is_among(value: object, neutral: Iterable[object]) -> bool:
    """Whether a value is one of some; 0 is not False here, as it is in Python."""
    return any(value == each and (type(each) is bool) == (type(value) is bool) for each in neutral)
