"""The places of inputs that errors name: `input[3]`."""

import re
from collections.abc import Sequence

_PLACE = re.compile(r"input\[(\d+)\]")


def place(number: int) -> str:
    return f"input[{number}]"


def moved(param: str, places: Sequence[int]) -> str:
    """A place among some inputs as the one among all, given where each of the some is."""
    if found := _PLACE.fullmatch(param):
        return place(places[int(found[1])])
    return param
