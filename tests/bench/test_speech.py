import numpy as np
import pytest

from voice.bench.speech import speech_bounds_ms

RATE_HZ = 24_000


def sound(ms: int, amplitude: float) -> np.ndarray:
    t = np.arange(RATE_HZ * ms // 1000) / RATE_HZ
    return amplitude * np.sin(2 * np.pi * 200 * t)


def recording(*parts: np.ndarray) -> bytes:
    return np.concatenate(parts).astype("<i2").tobytes()


def test_speech_lies_between_the_silences():
    pcm = recording(sound(100, 0), sound(400, 9000), sound(250, 0))
    assert speech_bounds_ms(pcm, RATE_HZ) == (100, 500)


def test_a_pause_within_speech_belongs_to_it():
    pcm = recording(sound(50, 0), sound(100, 9000), sound(300, 0), sound(100, 9000), sound(50, 0))
    assert speech_bounds_ms(pcm, RATE_HZ) == (50, 550)


def test_noise_35_db_below_the_speech_is_no_speech():
    pcm = recording(sound(200, 100), sound(400, 9000), sound(200, 100))
    assert speech_bounds_ms(pcm, RATE_HZ) == (200, 600)


def test_a_soft_end_counts():
    pcm = recording(sound(400, 9000), sound(100, 500), sound(200, 0))
    assert speech_bounds_ms(pcm, RATE_HZ) == (0, 500)


@pytest.mark.parametrize("pcm", [b"", bytes(48_000)])
def test_silence_has_no_bounds(pcm):
    with pytest.raises(ValueError, match="silent"):
        speech_bounds_ms(pcm, RATE_HZ)
