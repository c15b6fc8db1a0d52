"""What speech is on the wire of a call: Opus or G.711, from and to PCM at 24 kHz.

libopus takes 24 kHz as they are, so speech is encoded without being resampled. Silence is encoded
until what came before has died away; then it is the same packet again and again, and costs nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from av import AudioFrame, CodecContext, Packet
from av.audio.codeccontext import AudioCodecContext
from av.error import FFmpegError

from voice.audio import g711
from voice.audio.fir import FirResampler
from voice.audio.pcm import SAMPLE_BYTES
from voice.rtc.line import FRAME_BYTES, RATE_HZ

OPUS_HZ = 48_000
G711_HZ = 8_000
OPUS_BITS_PER_S = 40_000
SETTLED_FRAMES = 3
"""After so many silent frames nothing of what came before is in an encoder."""
OPUS_SILENCE = b"\xf8\xff\xfe"
"""20 ms of nothing; libopus in its voice mode makes 42 bytes of them."""


class Encoder(Protocol):
    def encode(self, pcm: bytes) -> bytes:
        """The payload of 20 ms of PCM at 24 kHz."""


class Decoder(Protocol):
    def decode(self, payload: bytes) -> bytes:
        """PCM at 24 kHz; empty for a payload that is broken."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec by the name it has in SDP; its clock counts the timestamps of RTP."""

    name: str
    clock_hz: int
    silence: bytes
    """The payload of 20 ms of it."""
    open_encoder: Callable[[], Encoder]
    open_decoder: Callable[[], Decoder]


class OpusEncoder:
    def __init__(self) -> None:
        self._codec = _opus("w", RATE_HZ)
        self._codec.bit_rate = OPUS_BITS_PER_S
        self._codec.options = {"application": "voip", "frame_duration": "20"}

    def encode(self, pcm: bytes) -> bytes:
        frame = AudioFrame(format="s16", layout="mono", samples=len(pcm) // SAMPLE_BYTES)
        frame.sample_rate = RATE_HZ
        frame.planes[0].update(pcm)
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


class OpusDecoder:
    def __init__(self) -> None:
        self._codec = _opus("r", OPUS_HZ)
        self._resampler = FirResampler(OPUS_HZ, RATE_HZ)

    def decode(self, payload: bytes) -> bytes:
        if not payload:
            return b""  # which FFmpeg would take for the end of all
        try:
            frames = self._codec.decode(Packet(payload))
        except FFmpegError:
            return b""
        # A plane is longer than its samples, by what FFmpeg aligns it to.
        pcm = (bytes(frame.planes[0])[: frame.samples * SAMPLE_BYTES] for frame in frames)
        return self._resampler.push(b"".join(pcm))


def _opus(mode: Literal["r", "w"], rate_hz: int) -> AudioCodecContext:
    codec = CodecContext.create("libopus", mode)
    codec.format, codec.layout, codec.sample_rate = "s16", "mono", rate_hz
    return codec


class G711Encoder:
    def __init__(self, encode: Callable[[bytes], bytes]) -> None:
        self._encode = encode
        self._resampler = FirResampler(RATE_HZ, G711_HZ)

    def encode(self, pcm: bytes) -> bytes:
        return self._encode(self._resampler.push(pcm))


class G711Decoder:
    def __init__(self, decode: Callable[[bytes], bytes]) -> None:
        self._decode = decode
        self._resampler = FirResampler(G711_HZ, RATE_HZ)

    def decode(self, payload: bytes) -> bytes:
        return self._resampler.push(self._decode(payload))


CODECS = (
    Codec("opus", OPUS_HZ, OPUS_SILENCE, OpusEncoder, OpusDecoder),
    Codec(
        "PCMU",
        G711_HZ,
        g711.encode_mulaw(bytes(FRAME_BYTES * G711_HZ // RATE_HZ)),
        lambda: G711Encoder(g711.encode_mulaw),
        lambda: G711Decoder(g711.decode_mulaw),
    ),
    Codec(
        "PCMA",
        G711_HZ,
        g711.encode_alaw(bytes(FRAME_BYTES * G711_HZ // RATE_HZ)),
        lambda: G711Encoder(g711.encode_alaw),
        lambda: G711Decoder(g711.decode_alaw),
    ),
)
"""What a call can be spoken in, the best first."""


class Voice:
    """Speech and the silence between as payloads, one for each 20 ms."""

    def __init__(self, codec: Codec) -> None:
        self._encoder = codec.open_encoder()
        self._silence = codec.silence
        self._silent = 0

    def payload(self, pcm: bytes | None) -> bytes:
        """The payload of a frame; None is silence."""
        if pcm is not None:
            self._silent = 0
            return self._encoder.encode(pcm)
        if self._silent == SETTLED_FRAMES:
            return self._silence
        self._silent += 1
        return self._encoder.encode(bytes(FRAME_BYTES))
