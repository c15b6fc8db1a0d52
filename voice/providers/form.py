"""A multipart form on its way to a server: fields as OpenAI's own clients write them, and a file."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from mimetypes import guess_type
from uuid import uuid4

from voice.providers.protocol import Upload

BLOCK_BYTES = 64 * 1024
UNNAMED = "audio"


class Form:
    """Can be sent as often as it has to be; whoever has the file closes it.

    Lists are sent as `name[]`, objects as `name[key]`, what is None not at all.
    """

    def __init__(self, fields: Mapping[str, object], upload: Upload) -> None:
        self.fields = fields
        self._upload = upload
        self._boundary = uuid4().hex
        self._head = b"".join(
            _part(self._boundary, f'name="{_quoted(name)}"') + value.encode() + b"\r\n"
            for name, value in _flat(fields)
        ) + _part(self._boundary, self._file_name(), self._media_type())
        self._tail = f"\r\n--{self._boundary}--\r\n".encode()

    @property
    def headers(self) -> dict[str, str]:
        size_bytes = len(self._head) + self._upload.size_bytes + len(self._tail)
        return {
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
            # There are servers that take no body of unknown length.
            "Content-Length": str(size_bytes),
        }

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        file = self._upload.file
        file.seek(0)
        yield self._head
        while block := file.read(BLOCK_BYTES):
            yield block
        yield self._tail

    def _file_name(self) -> str:
        # Servers tell the format by the name.
        return f'name="file"; filename="{_quoted(self._upload.name or UNNAMED)}"'

    def _media_type(self) -> str:
        guessed = guess_type(self._upload.name)[0]
        return self._upload.media_type or guessed or "application/octet-stream"


def _part(boundary: str, name: str, media_type: str = "") -> bytes:
    typed = f"Content-Type: {media_type}\r\n" if media_type else ""
    return (f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\n{typed}\r\n").encode()


def _quoted(name: str) -> str:
    """As browsers write a name between quotes."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _flat(fields: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}[{key}]", _text(each)) for key, each in value.items())
        elif isinstance(value, list | tuple):
            yield from ((f"{name}[]", _text(each)) for each in value)
        elif value is not None:
            yield name, _text(value)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
