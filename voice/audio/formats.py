"""The audio formats of the wire, to and from int16 mono PCM at their own rate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from voice.audio import g711
from voice.audio.pcm import SAMPLE_BYTES

FormatName = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]


def _identity(pcm: bytes) -> bytes:
    return pcm


@dataclass(frozen=True, slots=True)
class WireFormat:
    """One wire format: its rate, bytes per sample, and both directions."""

    name: FormatName
    rate_hz: int
    sample_bytes: int
    decode: Callable[[bytes], bytes]
    encode: Callable[[bytes], bytes]

    def duration_ms(self, data: bytes) -> float:
        return len(data) / self.sample_bytes / self.rate_hz * 1000


WIRE_FORMATS: dict[FormatName, WireFormat] = {
    "audio/pcm": WireFormat("audio/pcm", 24_000, SAMPLE_BYTES, _identity, _identity),
    "audio/pcmu": WireFormat("audio/pcmu", 8_000, 1, g711.decode_mulaw, g711.encode_mulaw),
    "audio/pcma": WireFormat("audio/pcma", 8_000, 1, g711.decode_alaw, g711.encode_alaw),
}


class WireDecoder:
    """Decode appended wire audio of any chunking; a half sample waits for its other byte."""

    def __init__(self, wire: WireFormat) -> None:
        self.wire = wire
        self._rest = b""

    def push(self, data: bytes) -> bytes:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if len(data) % self.wire.sample_bytes:
            self._rest = data[-1:]
            data = data[:-1]
        return self.wire.decode(data)
