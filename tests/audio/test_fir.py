import numpy as np
import pytest

from voice.audio.fir import FirResampler
from voice.audio.pcm import samples

RATES = [(24_000, 16_000), (8_000, 16_000), (48_000, 16_000)]


def tone(rate_hz: int, tone_hz: int, seconds: float = 0.5) -> bytes:
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    return (np.sin(2 * np.pi * tone_hz * t) * 8000).astype("<i2").tobytes()


def gain_db(from_hz: int, to_hz: int, tone_hz: int) -> float:
    out = samples(FirResampler(from_hz, to_hz).push(tone(from_hz, tone_hz)))
    level = out[to_hz // 10 :].astype(float).std()
    return 20 * np.log10(max(level, 1e-3) / (8000 / 2**0.5))


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_every_frame_that_goes_in_comes_out_at_once(from_hz, to_hz):
    stream = FirResampler(from_hz, to_hz)
    for _ in range(20):
        assert len(stream.push(bytes(from_hz // 50 * 2))) == to_hz // 50 * 2


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_speech_keeps_its_level(from_hz, to_hz):
    for tone_hz in (100, 1000, 3000):
        assert abs(gain_db(from_hz, to_hz, tone_hz)) < 0.2


@pytest.mark.parametrize("from_hz", [24_000, 48_000])
def test_what_the_lower_rate_cannot_hold_is_gone(from_hz):
    for tone_hz in (9_000, 10_500, 11_900):
        assert gain_db(from_hz, 16_000, tone_hz) < -55


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_sound_is_delayed_by_less_than_three_milliseconds(from_hz, to_hz):
    click = np.zeros(from_hz // 10, "<i2")
    click[from_hz // 20] = 30_000
    out = samples(FirResampler(from_hz, to_hz).push(click.tobytes()))
    delay_ms = np.abs(out.astype(float)).argmax() / to_hz * 1000 - 50
    assert 0 < delay_ms < 3


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("size", [2, 90, 1000])
def test_the_size_of_the_pieces_makes_no_difference(from_hz, to_hz, size):
    pcm = tone(from_hz, 440, 0.1)
    whole = FirResampler(from_hz, to_hz).push(pcm)
    stream = FirResampler(from_hz, to_hz)
    pieces = b"".join(stream.push(pcm[at : at + size]) for at in range(0, len(pcm), size))
    difference = samples(whole).astype(int) - samples(pieces)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_after_a_flush_as_much_came_out_as_went_in_and_nothing_is_left(from_hz, to_hz):
    stream = FirResampler(from_hz, to_hz)
    pcm = tone(from_hz, 440, 0.0505)
    out = stream.push(pcm) + stream.flush()
    assert len(out) / to_hz == len(pcm) / from_hz
    assert not any(stream.push(bytes(from_hz // 50 * 2)))
    assert stream.flush() == b""


def test_full_scale_does_not_wrap_around():
    step = np.repeat(np.array([-32768, 32767], "<i2"), 2400).tobytes()
    out = samples(FirResampler(24_000, 16_000).push(step))
    assert (out[100:1600] < -25_000).all()
    assert (out[1650:] > 25_000).all()


def test_rates_that_are_not_whole_kilohertz_are_refused():
    with pytest.raises(ValueError, match="22050"):
        FirResampler(22_050, 16_000)
