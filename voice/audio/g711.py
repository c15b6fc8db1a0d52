"""G.711 mu-law and A-law (ITU-T G.711), one byte per sample at 8 kHz.

Both directions are table look-ups; the tables are computed once from the law itself.
"""

import numpy as np
from numpy.typing import NDArray

from voice.audio.pcm import Samples, samples

Codes = NDArray[np.uint8]

_MU_BIAS = 0x84


def _mulaw_levels() -> Samples:
    """The 256 decoded mu-law levels, (256,) int16."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (((mantissa << 3) + _MU_BIAS) << exponent) - _MU_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_levels() -> Samples:
    """The 256 decoded A-law levels, (256,) int16."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    linear = (mantissa << 4) + 8
    magnitude = np.where(exponent > 0, (linear + 0x100) << np.maximum(exponent - 1, 0), linear)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _encoder(levels: Samples) -> Codes:
    """The code with the nearest level for each int16 value, (65536,) uint8, indexed from -32768."""
    order = np.argsort(levels, kind="stable")
    ascending = levels[order].astype(np.int32)
    borders = (ascending[1:] + ascending[:-1]) / 2
    nearest = np.searchsorted(borders, np.arange(-32768, 32768))
    return order[nearest].astype(np.uint8)


_MULAW_LEVELS = _mulaw_levels()
_ALAW_LEVELS = _alaw_levels()
_MULAW_CODES = _encoder(_MULAW_LEVELS)
_ALAW_CODES = _encoder(_ALAW_LEVELS)


def decode_mulaw(codes: bytes) -> bytes:
    return _MULAW_LEVELS[np.frombuffer(codes, np.uint8)].tobytes()


def encode_mulaw(pcm: bytes) -> bytes:
    return _MULAW_CODES[samples(pcm).astype(np.int32) + 32768].tobytes()


def decode_alaw(codes: bytes) -> bytes:
    return _ALAW_LEVELS[np.frombuffer(codes, np.uint8)].tobytes()


def encode_alaw(pcm: bytes) -> bytes:
    return _ALAW_CODES[samples(pcm).astype(np.int32) + 32768].tobytes()
