"""PCM arithmetic: int16 little-endian mono as bytes, and as numpy arrays."""

import math

import numpy as np
from numpy.typing import NDArray

SAMPLE_BYTES = 2

Samples = NDArray[np.int16]


def samples(pcm: bytes) -> Samples:
    """View PCM bytes as (n_samples,) int16 without copying."""
    return np.frombuffer(pcm, dtype="<i2")


def duration_ms(pcm: bytes, rate_hz: int) -> float:
    return len(pcm) / SAMPLE_BYTES / rate_hz * 1000


def silence(ms: float, rate_hz: int) -> bytes:
    return bytes(round(ms * rate_hz / 1000) * SAMPLE_BYTES)


def level_dbfs(pcm: bytes) -> float:
    """RMS level in dB relative to full scale, at least -96."""
    if len(pcm) < SAMPLE_BYTES:
        return -96.0
    x = samples(pcm).astype(np.float32)
    power = float(np.dot(x, x)) / len(x) / 32768.0**2
    return max(-96.0, 10 * math.log10(power + 1e-12))


def fade_out(pcm: bytes) -> bytes:
    """Ramp PCM linearly down to zero, so that a cut makes no click."""
    x = samples(pcm)
    ramp = np.linspace(1.0, 0.0, len(x), dtype=np.float32)
    return (x * ramp).astype("<i2").tobytes()


def fade_in(pcm: bytes) -> bytes:
    """Ramp PCM linearly up from zero, as `fade_out` does down."""
    x = samples(pcm)
    ramp = np.linspace(0.0, 1.0, len(x), dtype=np.float32)
    return (x * ramp).astype("<i2").tobytes()
