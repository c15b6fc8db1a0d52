"""Where speech begins and ends in a recording, by its energy alone.

This is what latency counts from, so it knows nothing of the server's own idea of it.
"""

import numpy as np

from voice.audio.pcm import samples

WINDOW_MS = 5
BELOW_LOUDEST_DB = 35.0


def speech_bounds_ms(pcm: bytes, rate_hz: int) -> tuple[float, float]:
    """Start of the first and end of the last 5 ms that are within 35 dB of the loudest.

    Raises `ValueError` when the recording is silent.
    """
    size = rate_hz * WINDOW_MS // 1000
    x = samples(pcm).astype(np.float64)
    whole = len(x) // size * size
    power = (x[:whole].reshape(-1, size) ** 2).mean(axis=1)  # (n_windows,)
    if not whole or power.max() == 0:
        raise ValueError("the recording is silent")
    loud = np.flatnonzero(power >= power.max() * 10 ** (-BELOW_LOUDEST_DB / 10))
    return float(loud[0] * WINDOW_MS), float((loud[-1] + 1) * WINDOW_MS)
