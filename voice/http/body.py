"""The JSON body of a request: as a typed value, and as the fields that its client sent."""

import re
from typing import Any, TypeVar

import msgspec
from litestar import Request

from voice.gateway.errors import ApiError

T = TypeVar("T")

_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_FIELD = re.compile(r"(?:missing required|unknown) field `(?P<name>[^`]+)`")


async def json_body(request: Request[Any, Any, Any], kind: type[T]) -> tuple[T, dict[str, object]]:
    """Read the body as `kind`; the raw fields tell what was set. Raises `ApiError`."""
    data = await request.body()
    fields = _fields(data)
    try:
        return msgspec.convert(fields, kind), fields
    except msgspec.ValidationError as error:
        raise invalid(error) from None


def _fields(data: bytes) -> dict[str, object]:
    if not data:
        raise ApiError("The request has no body; send a JSON object.")
    try:
        fields = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise ApiError(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    except (UnicodeDecodeError, RecursionError):
        raise ApiError("The body is not valid JSON in UTF-8.", code="invalid_json") from None
    if not isinstance(fields, dict):
        raise ApiError(f"The body must be a JSON object, not {_called(fields)}.")
    return fields


def invalid(error: msgspec.ValidationError, prefix: str = "") -> ApiError:
    """What the typed decoder found wrong, with the path of the field at fault."""
    text = str(error)
    path = prefix
    if found := _PATH.search(text):
        path += found["path"]
        text = text[: found.start()]
    missing = _FIELD.search(text)
    if missing:
        path = f"{path}.{missing['name']}"
    path = path.removeprefix(".")
    code = "missing_required_parameter" if "missing required" in text else "invalid_value"
    if missing and code == "missing_required_parameter":
        return ApiError(f"Missing required parameter: '{path}'.", code=code, param=path)
    what = f"Invalid value for '{path}'" if path else "Invalid body"
    return ApiError(f"{what}: {text[:1].lower()}{text[1:]}.", code=code, param=path or None)


def _called(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
