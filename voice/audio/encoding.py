"""Speech as the files and streams that people keep: MP3, Opus, AAC, FLAC, WAV and bare PCM.

An encoder takes int16 mono PCM as it is made and gives bytes as early as its codec can. Nothing is
ever rewritten, so the bytes can leave at once; a WAV therefore does not know its length.
"""

import struct
from dataclasses import dataclass
from typing import Literal, Protocol

from voice.audio.muxing import Muxer
from voice.audio.resample import Resampler

SpeechFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

PCM_RATE_HZ = 24_000
"""Of bare PCM, which cannot tell its rate, unless another is asked for."""

_MPEG_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_UNKNOWN_LENGTH = 0xFFFFFFFF
_WAV = struct.Struct("<4sI4s4sIHHIIHH4sI")


@dataclass(frozen=True, slots=True)
class _Codec:
    """One way to compress, as FFmpeg calls its parts; without rates it takes all."""

    container: str
    codec: str
    sample_format: str
    rates_hz: tuple[int, ...] = ()
    bit_rate: int | None = None
    container_options: tuple[tuple[str, str], ...] = ()
    codec_options: tuple[tuple[str, str], ...] = ()

    def rate_for(self, rate_hz: int) -> int:
        """The lowest rate that loses nothing of what has `rate_hz`, else the highest."""
        return min(
            (rate for rate in self.rates_hz if rate >= rate_hz), default=self._highest(rate_hz)
        )

    def _highest(self, rate_hz: int) -> int:
        return max(self.rates_hz, default=rate_hz)


# Encoding runs beside conversations: a third of the work is saved where nobody hears it in speech.
_CODECS = {
    "mp3": _Codec(
        "mp3", "libmp3lame", "s16p", _MPEG_RATES, 96_000,
        (("id3v2_version", "0"), ("write_xing", "0")), (("compression_level", "7"),),
    ),
    "opus": _Codec(
        "ogg", "libopus", "s16", (8_000, 12_000, 16_000, 24_000, 48_000), 32_000,
        (("page_duration", "20000"),), (("frame_duration", "20"), ("compression_level", "5")),
    ),
    "aac": _Codec("adts", "aac", "fltp", _MPEG_RATES, 64_000),
    "flac": _Codec("flac", "flac", "s16", container_options=(("metadata_header_padding", "0"),)),
}  # fmt: skip

MEDIA_TYPES: dict[SpeechFormat, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


class Encoder(Protocol):
    """Audio on its way into one format, at `rate_hz`."""

    rate_hz: int

    def push(self, pcm: bytes) -> bytes:
        """What can leave after the next audio; may be empty."""

    def finish(self) -> bytes:
        """The rest. Nothing can be pushed after it."""


def encoder(to: SpeechFormat, from_hz: int, rate_hz: int | None = None) -> Encoder:
    """An encoder for audio at `from_hz`.

    WAV and PCM come out at `rate_hz`, which unset means that of the audio, or for PCM 24 kHz. The
    others have what comes nearest to the audio.
    """
    if to == "pcm":
        return _Pcm(from_hz, rate_hz or PCM_RATE_HZ)
    if to == "wav":
        return _Wav(from_hz, rate_hz or from_hz)
    return _Compressed(_CODECS[to], from_hz)


def wav_header(rate_hz: int, size_bytes: int | None = None) -> bytes:
    """What comes before int16 mono PCM of this size in a WAV; None is a size not known yet."""
    data = _UNKNOWN_LENGTH if size_bytes is None else size_bytes
    whole = _UNKNOWN_LENGTH if size_bytes is None else size_bytes + _WAV.size - 8
    return _WAV.pack(
        b"RIFF", whole, b"WAVE", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16, b"data", data
    )


class _Pcm:
    def __init__(self, from_hz: int, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._resampler = Resampler(from_hz, rate_hz)

    def push(self, pcm: bytes) -> bytes:
        return self._resampler.push(pcm)

    def finish(self) -> bytes:
        return self._resampler.flush()


class _Wav(_Pcm):
    """PCM after a header, which leaves with the first of it."""

    def __init__(self, from_hz: int, rate_hz: int) -> None:
        super().__init__(from_hz, rate_hz)
        self._header = wav_header(rate_hz)

    def push(self, pcm: bytes) -> bytes:
        return self._headed(super().push(pcm))

    def finish(self) -> bytes:
        return self._headed(super().finish())

    def _headed(self, pcm: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + pcm


class _Compressed:
    def __init__(self, codec: _Codec, from_hz: int) -> None:
        self.rate_hz = codec.rate_for(from_hz)
        self._resampler = Resampler(from_hz, self.rate_hz)
        self._muxer = Muxer(
            codec.container,
            codec.codec,
            codec.sample_format,
            self.rate_hz,
            bit_rate=codec.bit_rate,
            container_options=dict(codec.container_options),
            codec_options=dict(codec.codec_options),
        )

    def push(self, pcm: bytes) -> bytes:
        return self._muxer.push(self._resampler.push(pcm))

    def finish(self) -> bytes:
        return self._muxer.push(self._resampler.flush()) + self._muxer.finish()
