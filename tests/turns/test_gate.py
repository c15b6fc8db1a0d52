from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.turns.gate import FRAME_MS, GateTuning, SpeechEnded, SpeechGate, SpeechStarted

LOUD, QUIET = -20.0, -80.0


class Ear:
    """A gate and the frames it has judged."""

    def __init__(self, tuning: GateTuning | None = None) -> None:
        self.gate = SpeechGate(tuning)
        self.now_ms = 0
        self.heard: list[SpeechStarted | SpeechEnded] = []

    def hear(self, frames: int, level_dbfs: float = LOUD, probability: float = 1.0) -> None:
        for _ in range(frames):
            self.now_ms += FRAME_MS
            if (heard := self.gate.push(level_dbfs, lambda: probability, self.now_ms)) is not None:
                self.heard.append(heard)

    def be_silent(self, frames: int) -> None:
        self.hear(frames, QUIET, 0.0)


def test_speech_is_dated_by_its_first_and_last_sound():
    ear = Ear()
    ear.be_silent(50)
    ear.hear(20)
    ear.be_silent(20)
    assert ear.heard == [SpeechStarted(1000), SpeechEnded(1400)]


def test_a_yes_of_120_ms_is_speech():
    ear = Ear()
    ear.be_silent(10)
    ear.hear(6)
    ear.be_silent(10)
    assert ear.heard == [SpeechStarted(200), SpeechEnded(320)]


def test_a_click_of_60_ms_is_no_speech():
    ear = Ear()
    ear.be_silent(10)
    ear.hear(3)
    ear.be_silent(10)
    assert ear.heard == []


def test_a_flickering_detector_still_starts_speech_at_the_first_yes():
    ear = Ear()
    for voiced in (1, 0, 1, 1, 0, 1):
        ear.hear(1, LOUD, float(voiced))
    assert ear.heard == [SpeechStarted(0)]


def test_a_gap_shorter_than_the_end_of_speech_is_no_end():
    ear = Ear()
    ear.hear(20)
    ear.be_silent(GateTuning().end_frames - 1)
    ear.hear(20)
    assert ear.heard == [SpeechStarted(0)]


def test_a_detector_that_lags_does_not_move_the_end():
    """The level falls at 400 ms; the detector goes on saying yes for 100 ms."""
    ear = Ear()
    ear.hear(20)
    ear.hear(5, QUIET, 1.0)
    ear.be_silent(5)
    assert ear.heard[-1] == SpeechEnded(400)


def test_a_quiet_tail_far_below_the_speech_is_its_end():
    ear = Ear()
    ear.hear(20, -10.0)
    ear.hear(6, -45.0)
    assert ear.heard[-1] == SpeechEnded(400)


def test_a_steady_noise_that_sounds_like_voice_ends_within_two_seconds():
    ear = Ear()
    ear.hear(100, -30.0)
    assert [type(each) for each in ear.heard] == [SpeechStarted, SpeechEnded]
    ear.hear(500, -30.0)
    assert len(ear.heard) == 2


def test_speech_is_heard_above_a_steady_noise():
    ear = Ear()
    ear.hear(200, -45.0, 0.0)
    ear.hear(10, -20.0)
    assert ear.heard == [SpeechStarted(4000)]


def test_speech_is_not_heard_within_a_steady_noise():
    ear = Ear()
    ear.hear(200, -45.0, 0.0)
    ear.hear(10, -40.0)
    assert ear.heard == []


@pytest.mark.parametrize(("threshold", "is_heard"), [(0.3, True), (0.7, False)])
def test_the_threshold_judges_the_probability(threshold: float, is_heard: bool):
    ear = Ear(GateTuning(threshold=threshold))
    ear.hear(10, LOUD, 0.5)
    assert bool(ear.heard) is is_heard


def test_flushing_ends_speech_at_its_last_sound():
    ear = Ear()
    ear.hear(10)
    ear.be_silent(2)
    assert ear.gate.flush() == SpeechEnded(200)
    assert not ear.gate.speaking
    assert ear.gate.flush() is None


FRAMES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.4, 0.6, 1.0]), st.floats(-96.0, 0.0)), max_size=300
)


@given(FRAMES)
def test_starts_and_ends_alternate_and_never_overlap(frames: list[tuple[float, float]]):
    gate, now_ms, heard = SpeechGate(), 0, []
    for probability, level_dbfs in frames:
        now_ms += FRAME_MS
        each = gate.push(level_dbfs, partial(float, probability), now_ms)
        if each is not None:
            assert each.at_ms <= now_ms
            heard.append(each)
    kinds = [type(each) for each in heard]
    assert kinds == [SpeechStarted, SpeechEnded] * (len(kinds) // 2) + kinds[-1:] * (len(kinds) % 2)
    assert gate.speaking == bool(len(kinds) % 2)
    times = [each.at_ms for each in heard]
    assert times == sorted(times)
    assert all(end > start for start, end in zip(times[::2], times[1::2], strict=False))
