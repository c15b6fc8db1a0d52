"""Streaming sample-rate conversion that holds nothing back, for what must be heard at once."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from voice.audio.pcm import SAMPLE_BYTES, samples

HALF_PERIODS = 22
"""Half the length of the filter, in periods of the lower rate."""
BEYOND_BETA = 6.0
"""Kaiser's window: what lies beyond the lower rate's band comes out 60 dB down."""
BAND = 0.92
"""The part of the lower rate's band that is kept."""

Block = NDArray[np.float32]


class FirResampler:
    """Convert a stream of int16 mono PCM between rates that are whole kilohertz.

    Whole milliseconds come out as they go in, delayed by half the filter (1.4 ms where the lower
    rate is 16 kHz). A block-wise converter such as soxr's keeps up to 20 ms to itself.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz % 1000 or to_hz % 1000:
            raise ValueError(f"rates must be whole kilohertz, not {from_hz} and {to_hz} Hz")
        self._kernel = _kernel(from_hz, to_hz)  # (history + block, block out)
        self._block = from_hz // 1000
        self._rest = b""
        self._recent = np.zeros(len(self._kernel) - self._block, np.float32)

    def push(self, pcm: bytes) -> bytes:
        if self._rest:
            pcm = self._rest + pcm
        blocks = len(pcm) // (self._block * SAMPLE_BYTES)
        whole = blocks * self._block * SAMPLE_BYTES
        self._rest = pcm[whole:]
        x = np.concatenate([self._recent, samples(pcm[:whole])], dtype=np.float32)
        self._recent = x[blocks * self._block :]
        # Each row is a block and what came before it: (blocks, history + block).
        shape, step = (blocks, len(self._kernel)), x.itemsize
        rows: Block = np.ndarray(shape, x.dtype, x.data, strides=(step * self._block, step))
        y: Block = np.rint(rows.dot(self._kernel))  # (blocks, block out)
        y.clip(-32768, 32767, out=y)
        return y.astype("<i2").tobytes()

    def flush(self) -> bytes:
        """Give what was not a whole millisecond, and be ready for a new stream.

        All that came out is then as long as all that went in, so the delay at the end is dropped.
        """
        block_bytes = self._block * SAMPLE_BYTES
        held = len(self._rest) / block_bytes
        tail = self.push(bytes(-len(self._rest) % block_bytes))
        self._recent = np.zeros_like(self._recent)
        return tail[: round(held * self._kernel.shape[1]) * SAMPLE_BYTES]


@cache
def _kernel(from_hz: int, to_hz: int) -> Block:
    """The weights that make a millisecond of output from one of input and those before it."""
    low_hz = min(from_hz, to_hz)
    half_s = HALF_PERIODS / low_hz
    history = round(2 * half_s * from_hz)
    inputs_s = (np.arange(history + from_hz // 1000) - history) / from_hz
    outputs_s = np.arange(to_hz // 1000) / to_hz - half_s
    t = outputs_s[None] - inputs_s[:, None]  # (history + block, block out)
    inside = np.clip(1 - (t / half_s) ** 2, 0, None)
    window = np.i0(BEYOND_BETA * np.sqrt(inside)) * (inside > 0)
    weights = np.sinc(BAND * low_hz * t) * window
    return np.ascontiguousarray(weights / weights.sum(axis=0), np.float32)
