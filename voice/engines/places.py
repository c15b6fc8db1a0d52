"""The places of inputs that errors name: `input[3]`."""

import re

_PLACE = re.compile(r"input\[(\d+)\]")


def place(number: int) -> str:
    return f"input[{number}]"


def number_in(param: str) -> int | None:
    """The number of the input that a place means; None for what is no place."""
    found = _PLACE.fullmatch(param)
    return int(found[1]) if found else None
