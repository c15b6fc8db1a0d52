"""OpenAI's filters over the attributes of documents, compiled once to Python and to SQL.

Numbers compare with numbers and texts with texts, by code points; truth values are only equal or
not. What does not compare, or is missing, is neither equal nor in a list nor above nor below; `ne`
and `nin` are the plain opposites of `eq` and `in`, and so hold for documents without the attribute.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, cast, get_args

import msgspec

from voice.search.errors import SearchError
from voice.search.records import AttributeValue

ComparisonType = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
CompoundType = Literal["and", "or"]
Predicate = Callable[[Mapping[str, AttributeValue]], bool]

MAX_DEPTH = 8
MAX_VALUES = 500
"""Of one filter, those of lists included; far below what SQLite takes."""

UNKEPT = re.compile("[\0\ud800-\udfff]")
"""Characters that no database keeps."""

_ORDERS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "gt": (">", operator.gt),
    "gte": (">=", operator.ge),
    "lt": ("<", operator.lt),
    "lte": ("<=", operator.le),
}


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    type: ComparisonType
    key: str
    value: AttributeValue | tuple[AttributeValue, ...]
    """A tuple for `in` and `nin`, else one value; numbers are floats."""


class Compound(msgspec.Struct, frozen=True, kw_only=True):
    type: CompoundType
    filters: tuple["Filter", ...]


Filter = Comparison | Compound


class Compiled(msgspec.Struct, frozen=True):
    """A filter, ready to be asked."""

    matches: Predicate
    sql: str
    """A condition on a row of `documents d`, with a `?` for each parameter."""
    parameters: tuple[str | float | bool, ...]


def parse_filter(value: object, param: str = "filters") -> Filter:
    """Read a filter as it stands in a request. Raises `SearchError` naming the wrong place."""
    found = _parse(value, param, MAX_DEPTH)
    if _count(found) > MAX_VALUES:
        raise _invalid(f"A filter compares with at most {MAX_VALUES} values", param)
    return found


def compile_filter(wanted: Filter) -> Compiled:
    if isinstance(wanted, Compound):
        return _compile_compound(wanted)
    match wanted.type:
        case "eq":
            return _any_of(wanted.key, [cast("AttributeValue", wanted.value)])
        case "ne":
            return _opposite(_any_of(wanted.key, [cast("AttributeValue", wanted.value)]))
        case "in":
            return _any_of(wanted.key, cast("Sequence[AttributeValue]", wanted.value))
        case "nin":
            return _opposite(_any_of(wanted.key, cast("Sequence[AttributeValue]", wanted.value)))
        case order:
            return _ordered(wanted.key, order, cast("AttributeValue", wanted.value))


# ---------------------------------------------------------------- compiling


def _compile_compound(wanted: Compound) -> Compiled:
    parts = [compile_filter(each) for each in wanted.filters]
    return Compiled(
        _joined([part.matches for part in parts], ends_with=wanted.type == "or"),
        "(" + f" {wanted.type.upper()} ".join(part.sql for part in parts) + ")",
        tuple(parameter for part in parts for parameter in part.parameters),
    )


def _joined(parts: Sequence[Predicate], ends_with: bool) -> Predicate:
    """What the first part that says `ends_with` decides. A loop: asked of every document."""

    def matches(attributes: Mapping[str, AttributeValue]) -> bool:
        for part in parts:
            if part(attributes) is ends_with:
                return ends_with
        return not ends_with

    return matches


def _opposite(of: Compiled) -> Compiled:
    return Compiled(lambda attributes: not of.matches(attributes), f"NOT {of.sql}", of.parameters)


def _any_of(key: str, values: Sequence[AttributeValue]) -> Compiled:
    wanted = {(column(each), each) for each in values}
    equal = set(values)  # for Python `True` equals 1

    def matches(attributes: Mapping[str, AttributeValue]) -> bool:
        found = attributes.get(key)
        return found in equal and (column(found), found) in wanted

    ordered = sorted(values, key=column)
    conditions = [
        f"a.{kind} IN ({', '.join('?' for _ in group)})" for kind, group in groupby(ordered, column)
    ]
    return Compiled(matches, _exists(" OR ".join(conditions) or "1 = 0"), (key, *ordered))


def _ordered(key: str, order: str, value: AttributeValue) -> Compiled:
    sign, compare = _ORDERS[order]
    kind = type(value)

    def matches(attributes: Mapping[str, AttributeValue]) -> bool:
        found = attributes.get(key)
        return type(found) is kind and compare(found, value)

    if isinstance(value, bool):
        return Compiled(lambda _: False, _exists("1 = 0"), (key,))
    return Compiled(matches, _exists(f"a.{column(value)} {sign} ?"), (key, value))


def _exists(condition: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM attributes a WHERE a.document = d.number AND a.key = ?"
        f" AND ({condition}))"
    )


def column(value: AttributeValue) -> Literal["flag", "text", "amount"]:
    """Where the table of attributes keeps such a value."""
    if isinstance(value, bool):
        return "flag"
    return "text" if isinstance(value, str) else "amount"


# ---------------------------------------------------------------- parsing


def _parse(value: object, param: str, depth: int) -> Filter:
    if not isinstance(value, Mapping):
        raise _invalid(
            'A filter is an object like {"type": "eq", "key": "year", "value": 2024}', param
        )
    if depth == 0:
        raise _invalid(f"Filters nest at most {MAX_DEPTH} deep", param)
    kind = value.get("type")
    if kind in get_args(CompoundType):
        _check_known(value, {"type", "filters"}, param)
        return _parse_compound(cast("CompoundType", kind), value.get("filters"), param, depth)
    if kind in get_args(ComparisonType):
        _check_known(value, {"type", "key", "value"}, param)
        return _parse_comparison(cast("ComparisonType", kind), value, param)
    known = ", ".join(get_args(ComparisonType) + get_args(CompoundType))
    raise _invalid(f"{kind!r} is no type of filter; there are {known}", f"{param}.type")


def _check_known(fields: Mapping[object, object], known: set[str], param: str) -> None:
    for name in fields:
        if name not in known:
            raise _invalid(f"There is nothing like '{name}' in a filter", f"{param}.{name}")


def _parse_compound(kind: CompoundType, parts: object, param: str, depth: int) -> Compound:
    if not isinstance(parts, list | tuple) or not parts:
        raise _invalid(f"'{kind}' joins a list of one or more filters", f"{param}.filters")
    read = (_parse(each, f"{param}.filters[{n}]", depth - 1) for n, each in enumerate(parts))
    return Compound(type=kind, filters=tuple(read))


def _parse_comparison(
    kind: ComparisonType, fields: Mapping[object, object], param: str
) -> Comparison:
    key = fields.get("key")
    if not isinstance(key, str) or not key:
        raise _invalid("A comparison names the attribute it looks at", f"{param}.key")
    check_text(key, f"{param}.key")
    return Comparison(type=kind, key=key, value=_parse_value(kind, fields, f"{param}.value"))


def _parse_value(
    kind: ComparisonType, fields: Mapping[object, object], param: str
) -> AttributeValue | tuple[AttributeValue, ...]:
    value = fields.get("value")
    if kind not in {"in", "nin"}:
        return check_value(value, param)
    if not isinstance(value, list | tuple):
        raise _invalid(f"'{kind}' looks in a list of values", param)
    return tuple(check_value(each, f"{param}[{n}]") for n, each in enumerate(value))


def check_value(value: object, param: str) -> AttributeValue:
    """A text, number or truth value as it is kept. Raises `SearchError` for what cannot be."""
    if isinstance(value, str):
        return check_text(value, param)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
        raise _invalid("A number must be finite, and within 1.8e308", param)
    raise _invalid("A value is a text, a number, true or false", param)


def check_text(text: str, param: str) -> str:
    if UNKEPT.search(text):
        raise _invalid("A text must be without NUL and half characters", param)
    return text


def _count(of: Filter) -> int:
    if isinstance(of, Compound):
        return sum(_count(each) for each in of.filters)
    return len(of.value) if isinstance(of.value, tuple) else 1


def _invalid(message: str, param: str) -> SearchError:
    return SearchError(message, "invalid", param)
