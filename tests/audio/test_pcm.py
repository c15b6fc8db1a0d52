import numpy as np

from voice.audio.pcm import duration_ms, fade_out, level_dbfs, samples, silence


def test_full_scale_sine_is_minus_3_dbfs():
    sine = (np.sin(np.arange(16_000) * 0.1) * 32767).astype("<i2").tobytes()
    assert abs(level_dbfs(sine) + 3.0) < 0.05


def test_silence_and_nothing_are_the_floor():
    assert level_dbfs(silence(100, 16_000)) == -96.0
    assert level_dbfs(b"") == -96.0


def test_silence_lasts_as_long_as_asked():
    assert duration_ms(silence(20, 24_000), 24_000) == 20


def test_fade_out_starts_at_full_level_and_ends_at_zero():
    faded = samples(fade_out(np.full(240, 1000, "<i2").tobytes()))
    assert faded[0] == 1000
    assert faded[-1] == 0
