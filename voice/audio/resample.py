"""Streaming sample-rate conversion."""

import numpy as np
import soxr

from voice.audio.pcm import samples


class Resampler:
    """Convert a stream of int16 mono PCM from one rate to another, for people to hear.

    It holds back about 30 ms; `flush` gives them at the end of each piece. What must be judged as
    it comes goes through `FirResampler` instead.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._same = from_hz == to_hz
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality="HQ")

    def push(self, pcm: bytes) -> bytes:
        return pcm if self._same else self._convert(pcm, last=False)

    def flush(self) -> bytes:
        """Give what is held back and be ready for a new stream."""
        if self._same:
            return b""
        tail = self._convert(b"", last=True)
        self._stream.clear()
        return tail

    def _convert(self, pcm: bytes, *, last: bool) -> bytes:
        converted = self._stream.resample_chunk(samples(pcm), last=last)
        return bytes(np.ascontiguousarray(converted).astype("<i2", copy=False).tobytes())


def resample(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """Convert a whole recording at once."""
    whole = Resampler(from_hz, to_hz)
    return whole.push(pcm) + whole.flush()
