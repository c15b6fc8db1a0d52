"""What was wrong with a value and what would be right, in the wire's own words."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

import msgspec
from msgspec import inspect

from voice.realtime.errors import (
    WireError,
    invalid_value,
    missing_parameter,
    unknown_parameter,
)

T = TypeVar("T")

_PLACE = re.compile(r" - at (?:`key` in )?`\$([^`]*)`\Z")
_STEP = re.compile(r"\.([^.\[]+)|\[(?:\d+|\.\.\.)\]")
_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)
_PLAIN = {"`": "", "float": "number", "int": "integer", "str": "string", "bool": "boolean"}
_WORD = re.compile(r"`|\b(?:float|int|str|bool)\b")


def convert(value: object, kind: type[T], root: str) -> T:
    """Build `kind` from decoded JSON; raises `WireError` with a `param` that starts at `root`."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise explain(error, kind, root) from None


def explain(error: msgspec.ValidationError, kind: object, root: str) -> WireError:
    """The wire's error for what msgspec found wrong in a value of `kind`."""
    text, place = str(error), _PLACE.search(str(error))
    what, path = (text[: place.start()], place[1]) if place else (text, "")
    param = (root + path).lstrip(".")
    if field := _FIELD.match(what):
        inner = f"{param}.{field[1]}" if param else field[1]
        return missing_parameter(inner) if "missing" in what else unknown_parameter(inner)
    if what.startswith(("Invalid value", "Invalid enum value")):
        return invalid_value(_unsupported(what, kind, path), param)
    wanted = _WORD.sub(lambda word: _PLAIN[word[0]], what[:1].lower() + what[1:])
    if place and "`key`" in place[0]:
        wanted = f"each key must be a {wanted.removeprefix('expected ')}"
    return invalid_value(f"Invalid value for '{param}': {wanted}.", param)


def check_voice(voice: str, voices: frozenset[str], param: str) -> None:
    """Raise `WireError` for a voice that is not one of those."""
    if voice not in voices:
        raise invalid_value(
            f"Invalid value: '{voice}'. Supported values are: {quoted(sorted(voices))}.", param
        )


def quoted(values: list[str]) -> str:
    """The values as a person lists them: 'a', 'b' and 'c'."""
    *most, last = [f"'{value}'" for value in values]
    return f"{', '.join(most)} and {last}" if most else last


def _unsupported(what: str, kind: object, path: str) -> str:
    value = what.partition("value ")[2]
    supported = _supported(kind, path)
    return f"Invalid value: {value}. Supported values are: {quoted(supported)}."


@lru_cache(maxsize=256)
def _supported(kind: object, path: str) -> list[str]:
    """The literals and tags that `kind` allows at `path`."""
    types = list(_variants(inspect.type_info(kind)))
    for step in _STEP.finditer(path):
        types = [
            variant
            for outer in types
            for inner in _children(outer, step[1])
            for variant in _variants(inner)
        ]
    literals = [each for each in types if isinstance(each, inspect.LiteralType)]
    return list(dict.fromkeys(str(value) for literal in literals for value in literal.values))


def _variants(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.UnionType):
        yield from kind.types
    elif isinstance(kind, inspect.Metadata):
        yield from _variants(kind.type)
    else:
        yield kind


def _children(kind: inspect.Type, field: str | None) -> Iterator[inspect.Type]:
    """The types one step inside `kind`: a field of an object, or (field None) an element."""
    if isinstance(kind, inspect.StructType):
        if field == kind.tag_field and kind.tag is not None:
            yield inspect.LiteralType((kind.tag,))
        yield from (each.type for each in kind.fields if each.encode_name == field)
    elif isinstance(kind, inspect.VarTupleType | inspect.ListType):
        yield kind.item_type
    elif isinstance(kind, inspect.DictType):
        yield kind.value_type
