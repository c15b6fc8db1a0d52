"""What a request holds that its types do not know. Pure."""

from functools import cache

import msgspec


def unknown_field(raw: object, typed: object, place: str = "") -> str | None:
    """The path of the first field in JSON that has no place in the value read from it, or None.

    What is null asks for nothing. Objects of no particular type hold what they will.
    """
    if isinstance(typed, msgspec.Struct) and isinstance(raw, dict):
        known = _names(type(typed))
        for name, value in raw.items():
            path = f"{place}.{name}" if place else name
            if name not in known:
                if value is not None:
                    return path
            elif inner := unknown_field(value, getattr(typed, name, None), path):
                return inner
    elif isinstance(typed, list) and isinstance(raw, list):
        for number, (value, each) in enumerate(zip(raw, typed, strict=True)):
            if inner := unknown_field(value, each, f"{place}[{number}]"):
                return inner
    return None


@cache
def _names(kind: type[msgspec.Struct]) -> frozenset[str]:
    tag = kind.__struct_config__.tag_field
    return frozenset(kind.__struct_fields__) | ({tag} if tag else set())
