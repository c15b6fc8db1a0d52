"""The audio a client has sent and not yet committed, in the format it came in."""

from voice.audio.formats import WireFormat

KEEP_MS = 60_000
"""A turn longer than this keeps its last minute; the recognizer has had all of it."""


class Tape:
    """An append-only recording with absolute session times and a bounded length."""

    def __init__(self, wire: WireFormat, start_ms: float) -> None:
        self._wire = wire
        self._data = bytearray()
        self._start_ms = start_ms
        self._bytes_per_ms = wire.rate_hz * wire.sample_bytes / 1000

    @property
    def start_ms(self) -> float:
        return self._start_ms

    @property
    def end_ms(self) -> float:
        return self._start_ms + len(self._data) / self._bytes_per_ms

    @property
    def length_ms(self) -> float:
        return len(self._data) / self._bytes_per_ms

    def append(self, data: bytes) -> None:
        self._data += data
        # Trimmed in steps, so that the cost of moving the rest stays small.
        if len(self._data) > 1.25 * KEEP_MS * self._bytes_per_ms:
            self.trim(self.end_ms - KEEP_MS)

    def cut(self, from_ms: float, to_ms: float) -> bytes:
        """What was recorded between two session times, as far as it is still there."""
        return bytes(self._data[self._at(from_ms) : self._at(to_ms)])

    def trim(self, before_ms: float) -> None:
        """Forget what is older than `before_ms`."""
        cut = self._at(before_ms)
        del self._data[:cut]
        self._start_ms += cut / self._bytes_per_ms

    def _at(self, ms: float) -> int:
        size = self._wire.sample_bytes
        position = round((ms - self._start_ms) * self._bytes_per_ms) // size * size
        return max(0, min(position, len(self._data)))
