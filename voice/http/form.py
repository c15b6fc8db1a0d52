"""The multipart form of a request: typed fields, and one file that goes to disk when it is large."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, TypeVar, cast, get_origin

import msgspec
from litestar import Request
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
)

from voice.gateway.errors import ApiError, unsupported_parameter
from voice.http.body import converted
from voice.providers.protocol import Upload

T = TypeVar("T")
Json = dict[str, Any]

MEMORY_BYTES = 1 << 20
"""A file stays in memory up to this size."""
FIELDS_BYTES = 1 << 20
"""Of all fields and headers beside the file."""
MAX_PARTS = 1000
MIB = 1 << 20

_NAME = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<key>[^\[\]]*)\])?")


async def read_form(
    request: Request[Any, Any, Any], kind: type[T], *, max_file_bytes: int
) -> tuple[T, Json, Upload]:
    """Read a form of one `file` and the fields of a struct, lists and objects among them; the raw
    fields, lists as lists, tell what was set.

    A list is sent as `name`, `name[]` or `name[0]`, once for each of its values, and an object as
    `name[key]` or as JSON. Raises `ApiError` that names the field at fault; the route must have no
    `request_max_body_size` of its own.
    """
    form = _Form(max_file_bytes)
    try:
        form.check_length(request.content_length)
        parser = form.parser(*request.content_type)
        # Of a client that left in the middle there is no one to tell.
        async for block in request.stream():
            if block:
                form.take(parser, block)
        form.finish(parser)
        fields = _fields(form.values, kind)
        return converted(fields, kind, strict=False), fields, form.uploaded()
    except BaseException:
        form.close()
        raise


class _Form:
    """The parts of a form as they arrive."""

    def __init__(self, max_file_bytes: int) -> None:
        self.values: dict[str, list[str]] = {}
        """Each name with brackets, as it was sent, and all its values."""
        self._max_file_bytes = max_file_bytes
        self._file: BinaryIO | None = None
        self._file_name = ""
        self._file_type = ""
        self._file_bytes = 0
        self._total_bytes = 0
        self._segment: MultipartSegment | None = None
        self._text = bytearray()

    def check_length(self, announced: int | None) -> None:
        if announced is not None and announced > self._max_file_bytes + FIELDS_BYTES:
            raise self._too_large()

    def parser(self, media_type: str, options: dict[str, str]) -> Any:
        if media_type != "multipart/form-data":
            sent = repr(media_type) if media_type else "nothing of the kind"
            message = f"Send the file as multipart/form-data; this request has {sent}."
            raise ApiError(message, param="file")
        if not options.get("boundary"):
            raise ApiError("The Content-Type names no boundary, so the form cannot be read.")
        return PushMultipartParser(options["boundary"].encode(), max_segment_count=MAX_PARTS)

    def take(self, parser: Any, block: bytes) -> None:
        self._total_bytes += len(block)
        if self._total_bytes - self._file_bytes > FIELDS_BYTES + len(block):
            raise ApiError(
                f"The fields of the form are larger than {FIELDS_BYTES // MIB} MiB.",
                status=413,
                code="request_too_large",
            )
        try:
            for event in parser.parse(block):
                self._part(event)
        except MultipartError as error:
            raise _malformed(error) from None

    def finish(self, parser: Any) -> None:
        try:
            parser.close()
        except MultipartError as error:
            raise _malformed(error) from None

    def uploaded(self) -> Upload:
        if self._file is None:
            raise ApiError(
                "Missing required parameter: 'file'.",
                code="missing_required_parameter",
                param="file",
            )
        self._file.seek(0)
        return Upload(self._file, self._file_name, self._file_bytes, self._file_type)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _part(self, event: Any) -> None:
        match event:
            case MultipartSegment():
                self._begin(event)
            case None:
                self._end()
            case _ if self._is_file():
                self._write(event)
            case _:
                self._text += event

    def _begin(self, segment: Any) -> None:
        self._segment = segment
        self._text.clear()
        if self._is_file():
            if self._file is not None:
                raise ApiError("'file' was sent twice; send one file at a time.", param="file")
            spool = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - its reader closes it
            self._file = cast("BinaryIO", spool)
            self._file_name = segment.filename or ""
            self._file_type = segment.content_type or ""
        elif segment.filename is not None:
            raise unsupported_parameter(segment.name or "", "is a file; only 'file' may be one.")

    def _is_file(self) -> bool:
        return bool(self._segment and self._segment.name == "file")

    def _write(self, data: bytes) -> None:
        assert self._file  # noqa: S101 - it began with its part
        self._file_bytes += len(data)
        if self._file_bytes > self._max_file_bytes:
            raise self._too_large()
        self._file.write(data)

    def _end(self) -> None:
        if self._segment and not self._is_file():
            name = self._segment.name or ""
            try:
                text = self._text.decode(self._segment.charset or "utf-8")
            except (UnicodeDecodeError, LookupError):
                raise ApiError(f"'{name}' is no text in UTF-8.", param=name) from None
            self.values.setdefault(name, []).append(text)
        self._segment = None

    def _too_large(self) -> ApiError:
        return ApiError(
            f"The file is larger than the {self._max_file_bytes / MIB:g} MiB that this server "
            "takes; send it in parts, or audio in a compressed format.",
            status=413,
            code="request_too_large",
            param="file",
        )


def _malformed(error: Exception) -> ApiError:
    # Some are raised with what was raised before, which tells of the parser and not of the form.
    reason = error.args[0] if error.args else "it is malformed"
    return ApiError(f"The multipart form cannot be read: {reason}.", code="invalid_multipart")


# ---------------------------------------------------------------- typed fields


def _fields(values: dict[str, list[str]], kind: type[Any]) -> Json:
    """What was sent, lists as lists and objects as objects; of what nobody knows as it looks."""
    found: Json = {}
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for sent, texts in values.items():
        parts = _NAME.fullmatch(sent)
        name, key = (parts["name"], parts["key"]) if parts else (sent, None)
        is_strange_list = name not in types and (key is not None or len(texts) > 1)
        if get_origin(types.get(name)) is tuple or is_strange_list:
            found.setdefault(name, []).extend(_items(texts))
        elif len(texts) > 1:
            raise ApiError(f"'{name}' was sent {len(texts)} times; send it once.", param=name)
        elif key:
            found.setdefault(name, {})[key] = texts[0]
        else:
            found[name] = _value(texts[0], types.get(name, str))
    return found


def _items(texts: list[str]) -> Iterator[str]:
    """The values of a list; some clients send all of them as one JSON array."""
    for text in texts:
        items = _json(text) if text.startswith("[") else None
        yield from items if isinstance(items, list) else [text]


def _value(text: str, kind: Any) -> Any:
    if text.startswith("{") and kind is not str:
        return _json(text)
    return text


def _json(text: str) -> Any:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(text)
    return text


def check_known(fields: Iterable[str], kind: type[Any]) -> None:
    """Raises `ApiError` for a field that is none of a struct's."""
    known = [field.name for field in msgspec.structs.fields(kind)]
    if (name := next((each for each in fields if each not in known), None)) is None:
        return
    near = get_close_matches(name, ["file", *known], n=1)
    hint = f"; did you mean '{near[0]}'?" if near else f"; there is file, {', '.join(known)}."
    raise unsupported_parameter(name[:100], f"is not known here{hint}")
