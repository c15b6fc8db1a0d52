"""The messages of a chat, in the words of Anthropic's Messages API.

Roles take turns there: what one side says in a row is one message, results of tools are said by the
user, and the instructions stand apart.
"""

from collections.abc import Iterable, Iterator

import msgspec

from voice.gateway.errors import ApiError, unsupported_parameter
from voice.providers.answers import UNREADABLE

Json = dict[str, object]

OPENING = "(The conversation begins.)"
"""What the user said before an assistant who spoke first: the API lets the user begin."""


class _ImageUrl(msgspec.Struct):
    url: str


class _File(msgspec.Struct):
    file_data: str | None = None
    filename: str | None = None


class _Part(msgspec.Struct):
    type: str = "text"
    text: str | None = None
    refusal: str | None = None
    image_url: _ImageUrl | str | None = None
    file: _File | None = None


class _Function(msgspec.Struct):
    name: str
    arguments: str = ""


class _Call(msgspec.Struct):
    id: str
    function: _Function | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None


def conversation(messages: object) -> Json:
    """The fields `messages` and, where there are instructions, `system`. Raises `ApiError`."""
    try:
        read = msgspec.convert(messages, list[_Message])
    except msgspec.ValidationError as error:
        where, _, path = str(error).partition(" - at `$")
        raise ApiError(f"messages: {where}", param=f"messages{path.rstrip('`')}") from error
    turns: list[Json] = []
    system: list[str] = []
    for number, message in enumerate(read):
        where = f"messages[{number}]"
        if message.role in {"system", "developer"}:
            system += _texts(message, where)
        elif blocks := list(_blocks(message, where)):
            _say(turns, "assistant" if message.role == "assistant" else "user", blocks)
    if not turns:
        raise ApiError(
            "messages must hold one of the user: the model answers nothing else", param="messages"
        )
    if turns[0]["role"] == "assistant":
        turns.insert(0, {"role": "user", "content": [_text(OPENING)]})
    fields: Json = {"messages": turns}
    return fields | ({"system": "\n\n".join(system)} if system else {})


def _say(turns: list[Json], role: str, blocks: list[Json]) -> None:
    if turns and turns[-1]["role"] == role:
        said = turns[-1]["content"]
        assert isinstance(said, list)  # noqa: S101 # as it was put there
        said += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _texts(message: _Message, where: str) -> Iterator[str]:
    for place, part in _parts(message, where):
        if part.text is None:
            raise unsupported_parameter(place, "must be text in instructions.")
        if part.text:
            yield part.text


def _blocks(message: _Message, where: str) -> Iterator[Json]:
    content = [block for place, part in _parts(message, where) if (block := _block(part, place))]
    match message.role:
        case "user":
            yield from content
        case "tool":
            if not message.tool_call_id:
                param = f"{where}.tool_call_id"
                raise ApiError(
                    f"{param} must name the call that this is the result of", param=param
                )
            result: Json = {"type": "tool_result", "tool_use_id": message.tool_call_id}
            yield result | ({"content": content} if content else {})
        case "assistant":
            yield from content
            if message.refusal:
                yield _text(message.refusal)
            yield from _calls(message.tool_calls or (), where)
        case _:
            raise unsupported_parameter(f"{where}.role", f"{message.role!r} is not supported.")


def _parts(message: _Message, where: str) -> Iterator[tuple[str, _Part]]:
    if isinstance(message.content, list):
        for number, part in enumerate(message.content):
            yield f"{where}.content[{number}]", part
    elif message.content is not None:
        yield f"{where}.content", _Part(text=message.content)


def _block(part: _Part, where: str) -> Json | None:
    """A part as a block; None for an empty text, which the API refuses."""
    if part.type in {"text", "refusal"}:
        text = part.text or part.refusal
        return _text(text) if text else None
    if part.type == "image_url" and part.image_url is not None:
        url = part.image_url if isinstance(part.image_url, str) else part.image_url.url
        return {"type": "image", "source": _source(url, f"{where}.image_url.url")}
    if part.type == "file" and part.file is not None and part.file.file_data:
        block: Json = {
            "type": "document",
            "source": _source(part.file.file_data, f"{where}.file.file_data"),
        }
        return block | ({"title": part.file.filename} if part.file.filename else {})
    raise unsupported_parameter(where, f"of type {part.type!r} is not supported by Anthropic.")


def _source(url: str, where: str) -> Json:
    if not url.lower().startswith("data:"):
        return {"type": "url", "url": url}
    kind, comma, data = url[5:].partition(",")
    media_type, _, encoding = kind.rpartition(";")
    if not comma or encoding.strip().lower() != "base64" or not media_type:
        raise ApiError(f"{where} must be like data:image/png;base64,...", param=where)
    return {"type": "base64", "media_type": media_type.partition(";")[0], "data": data}


def _calls(calls: Iterable[_Call], where: str) -> Iterator[Json]:
    for number, call in enumerate(calls):
        place = f"{where}.tool_calls[{number}].function"
        if call.function is None:
            raise unsupported_parameter(place, "must be there: Anthropic has no other tools.")
        try:
            given = msgspec.json.decode(call.function.arguments or "{}", type=Json)
        except UNREADABLE as error:
            param = f"{place}.arguments"
            raise ApiError(f"{param} must be a JSON object: {error}", param=param) from error
        yield {"type": "tool_use", "id": call.id, "name": call.function.name, "input": given}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}
