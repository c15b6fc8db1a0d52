"""The JSON body of a request: as a typed value, and as the fields that its client sent."""

import re
from typing import Any, TypeVar

import msgspec
from litestar import Request

from voice.gateway.errors import ApiError
from voice.realtime.validation import explain

T = TypeVar("T")
Json = dict[str, Any]

_LONG_NUMBER = re.compile(rb"\d{19}")

VALUE = "[...]"
"""How msgspec writes the place of an object's value, whose key it does not tell."""
LONGEST_KEY = 64
"""Of what is repeated in an error."""


async def json_body(request: Request[Any, Any, Any], kind: type[T]) -> tuple[T, Json]:
    """Read the body as `kind`; the raw fields tell what was set. Raises `ApiError`."""
    fields = _fields(await _body(request))
    return converted(fields, kind), fields


async def json_array(request: Request[Any, Any, Any]) -> list[object]:
    """Read the body as an array. Raises `ApiError`."""
    items = decoded(await _body(request))
    if not isinstance(items, list):
        raise ApiError(f"The body must be a JSON array, not {_called(items)}.")
    return items


async def _body(request: Request[Any, Any, Any]) -> bytes:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() not in {"", "identity"}:
        raise ApiError(
            f"The body must be sent as it is, not as {encoding[:LONGEST_KEY]}.",
            status=415,
            code="unsupported_media_type",
        )
    return await request.body()


def converted(fields: Json, kind: type[T], *, strict: bool = True) -> T:
    """Raw fields as `kind`. Raises `ApiError` with the path of the first field that is wrong.

    Not `strict`, numbers and booleans may be text, as they are in forms.
    """
    try:
        return msgspec.convert(fields, kind, strict=strict)
    except msgspec.ValidationError as error:
        wrong = explain(error, kind, "")
        param = wrong.param or ""
        place = _placed(param, fields, kind, strict=strict)
        message = wrong.message.replace(param, place, 1) if param else wrong.message
        raise ApiError(message, code=wrong.code, param=place or None) from None


def _fields(data: bytes) -> Json:
    fields = decoded(data)
    if not isinstance(fields, dict):
        raise ApiError(f"The body must be a JSON object, not {_called(fields)}.")
    return fields


def decoded(data: bytes) -> object:
    """The JSON of a body. Raises `ApiError`."""
    if not data:
        raise ApiError("The request has no body; send JSON.", code="invalid_json")
    try:
        found = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise ApiError(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    except (UnicodeDecodeError, RecursionError):
        raise ApiError("The body is not valid JSON in UTF-8.", code="invalid_json") from None
    if _LONG_NUMBER.search(data) and (place := _unwieldy(found)) is not None:
        raise ApiError(
            "An integer of the body does not fit 64 bits.",
            code="invalid_value",
            param=place.removeprefix(".") or None,
        )
    return found


def _unwieldy(value: object, place: str = "") -> str | None:
    """The place of the first integer that no wire or engine takes."""
    if isinstance(value, dict):
        inner = ((each, f"{place}.{name}") for name, each in value.items())
    elif isinstance(value, list):
        inner = ((each, f"{place}[{number}]") for number, each in enumerate(value))
    else:
        return place if isinstance(value, int) and not -(2**63) <= value < 2**63 else None
    found = (_unwieldy(each, where) for each, where in inner)
    return next((where for where in found if where is not None), None)


def _placed(param: str, fields: Json, kind: type[T], *, strict: bool) -> str:
    """The path of what is wrong, with the key where it is a value of an object."""
    field, found, rest = param.partition(VALUE)
    values = fields.get(field)
    if found and isinstance(values, dict):
        for key, value in values.items():
            try:
                msgspec.convert(fields | {field: {key: value}}, kind, strict=strict)
            except msgspec.ValidationError:
                return f"{field}.{key[:LONGEST_KEY]}{rest}"
    return param


def _called(value: object) -> str:
    names = {
        list: "an array",
        dict: "an object",
        str: "a string",
        bool: "a boolean",
        type(None): "null",
    }
    return names.get(type(value), "a number")
