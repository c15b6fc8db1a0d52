"""Packets of sound as they come from the network, put in order and laid along time.

What is heard is judged and written down, not played: so nothing is held back for an even pace. A
packet is passed on as soon as those before it have been, and one that is missing is waited for only
until a few others have come. Sound that was lost is silence of the same length.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from voice.audio.pcm import SAMPLE_BYTES, silence
from voice.rtc.codecs import Codec
from voice.rtc.line import RATE_HZ

PATIENCE = 3
"""How many later packets may come before a missing one is given up."""
RESTART = 100
"""A sequence number so far off is that of a new stream."""
FILL_MS = 400
"""A longer gap is no loss: the client has stopped sending, and whoever listens notices by the clock."""


@dataclass(frozen=True, slots=True)
class Packet:
    """The parts of an RTP packet that matter here."""

    stream: int
    number: int
    """16 bits."""
    timestamp: int
    """32 bits, in ticks of the codec's clock."""
    payload: bytes


class PacketOrder:
    """Gives packets in the order in which they were sent, each at most once."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._stream = 0
        self._waiting: dict[int, Packet] = {}

    def push(self, packet: Packet) -> Iterator[Packet]:
        ahead = self._ahead(packet)
        if ahead is None:
            return
        self._waiting[packet.number] = packet
        if ahead and len(self._waiting) > PATIENCE:
            expected = self._next or 0
            self._next = min(self._waiting, key=lambda number: (number - expected) & 0xFFFF)
        while self._next in self._waiting:
            yield self._waiting.pop(self._next)
            self._next = (self._next + 1) & 0xFFFF

    def _ahead(self, packet: Packet) -> int | None:
        """How many packets are missing before this one; None for one that comes too late."""
        ahead = (
            0 if self._next is None else (packet.number - self._next + 0x8000) % 0x10000 - 0x8000
        )
        if self._next is None or packet.stream != self._stream or abs(ahead) > RESTART:
            self._stream, self._next, ahead = packet.stream, packet.number, 0
            self._waiting.clear()
        return ahead if ahead >= 0 else None


class Hearing:
    """Packets in, PCM at 24 kHz out."""

    def __init__(self, codec: Codec) -> None:
        self._order = PacketOrder()
        self._decoder = codec.open_decoder()
        self._clock_hz = codec.clock_hz
        self._next: int | None = None
        """The timestamp at which what was heard ends."""

    def push(self, packet: Packet) -> bytes:
        """What can be heard now; most often the sound of this packet."""
        return b"".join(map(self._decode, self._order.push(packet)))

    def _decode(self, packet: Packet) -> bytes:
        pcm = self._decoder.decode(packet.payload)
        missing = 0 if self._next is None else (packet.timestamp - self._next) & 0xFFFFFFFF
        gap_ms = missing * 1000 / self._clock_hz
        ticks = len(pcm) // SAMPLE_BYTES * self._clock_hz // RATE_HZ
        self._next = (packet.timestamp + ticks) & 0xFFFFFFFF
        return silence(gap_ms, RATE_HZ) + pcm if gap_ms <= FILL_MS else pcm
