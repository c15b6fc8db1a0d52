import numpy as np
import pytest

from voice.audio.pcm import samples
from voice.audio.resample import Resampler, resample


def tone(rate_hz: int, seconds: float = 1.0) -> bytes:
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    return (np.sin(2 * np.pi * 440 * t) * 8000).astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(24_000, 16_000), (8_000, 16_000), (22_050, 24_000)]
)
def test_a_recording_keeps_its_duration_and_level(from_hz, to_hz):
    out = samples(resample(tone(from_hz), from_hz, to_hz))
    assert abs(len(out) - to_hz) <= 2
    assert abs(out[to_hz // 4 : -to_hz // 4].astype(float).std() - 8000 / 2**0.5) < 100


def test_a_stream_flushed_between_pieces_loses_no_tail():
    stream = Resampler(22_050, 24_000)
    for _ in range(3):
        out = stream.push(tone(22_050, 0.5)) + stream.flush()
        assert abs(len(samples(out)) - 12_000) <= 2


def test_equal_rates_pass_bytes_through_untouched():
    stream = Resampler(24_000, 24_000)
    assert stream.push(b"\x01\x02\x03\x04") == b"\x01\x02\x03\x04"
    assert stream.flush() == b""
