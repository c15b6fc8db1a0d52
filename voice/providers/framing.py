"""Server-sent events cut into blocks of whole ones, whatever pieces they come in. Pure."""

from voice.providers.answers import BadAnswerError

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""No honest event is near this; a server that never ends one must not fill the memory."""


class Framing:
    """The bytes of one stream; its lines end as OpenAI's do, whatever ends they came with."""

    def __init__(self) -> None:
        self._rest = b""
        self._carriage = False

    def feed(self, data: bytes) -> bytes:
        """The events that `data` completed, or nothing. Raises `BadAnswerError`."""
        if self._carriage or b"\r" in data:
            data = self._with_plain_line_ends(data)
        data = self._rest + data
        end = data.rfind(b"\n\n") + 2
        if end < 2:
            self._rest = bounded(data)
            return b""
        self._rest = bounded(data[end:])
        return data[:end]

    def rest(self) -> bytes:
        """What is left at the end of the stream, as an event: its last blank line may be missing."""
        rest, self._rest = self._rest, b""
        return rest + b"\n\n" if rest.strip() else b""

    def _with_plain_line_ends(self, data: bytes) -> bytes:
        if self._carriage:
            data = b"\r" + data
        self._carriage = data.endswith(b"\r")
        if self._carriage:
            data = data[:-1]
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def bounded(data: bytes) -> bytes:
    """The same bytes. Raises `BadAnswerError` for too many to wait for their end."""
    if len(data) > MAX_EVENT_BYTES:
        raise BadAnswerError(f"sent an event of more than {MAX_EVENT_BYTES} bytes")
    return data
