"""Recordings are cut where nobody speaks, and no speech is lost between two stretches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.engines.vad import FRAME_BYTES, LevelVad
from voice.transcribing.stretches import Cutter, Cutting, Stretch

RATE_HZ = 16_000


def voice(seconds: float, level: float = 0.3) -> bytes:
    x = np.sin(np.arange(round(seconds * RATE_HZ)) * 0.3) * level * 32767
    return x.astype("<i2").tobytes()


def quiet(seconds: float) -> bytes:
    return bytes(round(seconds * RATE_HZ) * 2)


def cut(pcm: bytes, cutting: Cutting | None = None, size: int = 32_000) -> list[Stretch]:
    cutter = Cutter(LevelVad(), cutting or Cutting())
    stretches = []
    for at in range(0, len(pcm), size):
        stretches += cutter.feed(pcm[at : at + size])
    return [*stretches, *cutter.finish()]


def spans(stretches: list[Stretch]) -> list[tuple[float, float]]:
    return [(round(each.start_s, 2), round(each.end_s, 2)) for each in stretches]


def test_silence_has_no_stretches():
    assert cut(quiet(60)) == []
    assert cut(b"") == []


def test_a_long_pause_ends_a_stretch_and_is_left_out_but_for_margins():
    stretches = cut(quiet(3) + voice(2) + quiet(10) + voice(1) + quiet(5))
    assert spans(stretches) == [(2.7, 5.3), (14.7, 16.3)]


def test_a_short_pause_stays_within_a_stretch():
    assert spans(cut(voice(2) + quiet(1) + voice(2))) == [(0, 5)]


def test_a_full_stretch_ends_at_the_next_breath():
    stretches = cut(voice(15) + quiet(0.4) + voice(10) + quiet(0.4) + voice(3))
    assert spans(stretches) == [(0, 25.54), (25.54, 28.8)]


def test_endless_speech_is_cut_where_it_is_quietest():
    stretches = cut(voice(25) + voice(0.2, level=0.05) + voice(40))
    assert [len(each.pcm) / 32_000 <= 29.5 for each in stretches] == [True] * len(stretches)
    assert stretches[1].start_s == pytest.approx(25.1, abs=0.1)
    assert b"".join(each.pcm for each in stretches) == voice(25) + voice(0.2, 0.05) + voice(40)


def test_the_wishes_of_a_client_are_honoured():
    wishes = Cutting(pause_s=0.2, margin_s=0.1)
    stretches = cut(quiet(1) + voice(1) + quiet(0.4) + voice(1) + quiet(1), wishes)
    assert spans(stretches) == [(0.9, 2.1), (2.3, 3.5)]


def test_half_a_frame_at_the_end_is_kept():
    pcm = voice(1.0) + voice(0.013)
    assert b"".join(each.pcm for each in cut(pcm)) == pcm


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.02, 12)), max_size=12),
    st.sampled_from([640, 998, 32_000]),
)
def test_all_speech_is_in_exactly_one_stretch_and_in_its_place(pieces, size):
    pcm = b"".join(voice(length) if loud else quiet(length) for loud, length in pieces)
    stretches = cut(pcm, size=size)
    end = 0
    for each in stretches:
        start = round(each.start_s * RATE_HZ) * 2
        assert start >= end
        assert not np.frombuffer(pcm[end:start], "<i2").any()
        assert pcm[start : start + len(each.pcm)] == each.pcm
        assert 0 < len(each.pcm) <= 29.5 * 32_000
        end = start + len(each.pcm)
    # Of a frame that is nearly silence nobody can tell that it is not.
    heard = np.frombuffer(pcm[end:], "<i2")
    assert np.count_nonzero(heard) <= FRAME_BYTES
