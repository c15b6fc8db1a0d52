"""The JSON schema of a tool call that must be made, to make a grammar of. Pure."""

from collections.abc import Callable, Iterable

from voice.engines.protocols import Tool

Json = dict[str, object]

_DEFINITIONS = ("$defs", "definitions")
_SAYS_TYPE = frozenset(
    {"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "properties", "items", "pattern"}
)
_ANY = {"anyOf": [{"type": name} for name in ("string", "number", "boolean", "object", "null")]}


def call_schema(tools: Iterable[Tool], arguments_key: str) -> Json:
    """The schema of one call of one of the tools: its name, then its arguments.

    Definitions move to the top, where references of the whole are looked up; each tool's under
    names of its own.
    """
    definitions: Json = {}
    calls: list[Json] = []
    for number, tool in enumerate(tools):
        parameters = tool.parameters or {"type": "object", "properties": {}}
        move = _moved(number)
        for group in _DEFINITIONS:
            found = parameters.get(group)
            if isinstance(found, dict):
                definitions |= {f"{number}-{name}": _rewritten(found[name], move) for name in found}
        body = {key: value for key, value in parameters.items() if key not in _DEFINITIONS}
        properties = {"name": {"const": tool.name}, arguments_key: _rewritten(body, move)}
        calls.append({"type": "object", "properties": properties, "required": [*properties]})
    schema: Json = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return schema | ({"$defs": definitions} if definitions else {})


def complete_schema(schema: Json) -> Json:
    """The schema with a type wherever it leaves one open, since a grammar needs one."""
    rewritten = _rewritten(schema, lambda reference: reference)
    return rewritten if isinstance(rewritten, dict) else schema


def _moved(number: int) -> Callable[[str], str]:
    def move(reference: str) -> str:
        for group in _DEFINITIONS:
            if reference.startswith(f"#/{group}/"):
                return f"#/$defs/{number}-{reference.removeprefix(f'#/{group}/')}"
        return reference

    return move


def _rewritten(schema: object, move: Callable[[str], str]) -> object:
    """A schema, or a list of schemas, with its references moved and its types complete."""
    if isinstance(schema, list):
        return [_rewritten(item, move) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if not schema.keys() & _SAYS_TYPE:
        return _ANY
    result: Json = {}
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str):
            result[key] = move(value)
        elif key in {"properties", *_DEFINITIONS} and isinstance(value, dict):
            result[key] = {name: _rewritten(inner, move) for name, inner in value.items()}
        elif key in {"items", "prefixItems", "anyOf", "oneOf", "allOf"} or (
            key == "additionalProperties" and isinstance(value, dict)
        ):
            result[key] = _rewritten(value, move)
        else:
            result[key] = value
    return result
