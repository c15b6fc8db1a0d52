"""Audio converted late is the audio converted at once."""

import numpy as np
import pytest

from voice.audio.fir import FirResampler
from voice.audio.pcm import samples
from voice.session.ear import FRAME_BYTES, WAITING_FRAMES, Ear

RATE_HZ = 24_000
FRAME = RATE_HZ // 50


class Counting:
    """A detector that answers which of its frames this one is."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def __call__(self, frame: bytes) -> float:
        self.frames.append(frame)
        return float(len(self.frames))


def noise(frames: int) -> list[bytes]:
    rng = np.random.default_rng(7)
    return [rng.normal(0, 3000, FRAME).astype("<i2").tobytes() for _ in range(frames)]


@pytest.mark.parametrize("every", [1, 3, 10, 100])
def test_a_detector_gets_the_same_frames_however_seldom_it_is_asked(every: int) -> None:
    heard, detector = noise(33), Counting()
    ear = Ear(RATE_HZ, 1000, detector)
    for count, frame in enumerate(heard, 1):
        ear.push(frame)
        if count % every == 0:
            assert ear.probability() == count
    assert ear.probability() == len(heard)
    at_once = FirResampler(RATE_HZ, 16_000).push(b"".join(heard))
    # Sums of other lengths are rounded otherwise.
    assert samples(b"".join(detector.frames)) == pytest.approx(samples(at_once), abs=1)
    assert {len(frame) for frame in detector.frames} == {FRAME_BYTES}


def test_few_frames_wait() -> None:
    detector = Counting()
    ear = Ear(RATE_HZ, 1000, detector)
    for frame in noise(2 * WAITING_FRAMES + 3):
        ear.push(frame)
    assert len(detector.frames) == 2 * WAITING_FRAMES


def test_what_is_recent_includes_what_waits_and_no_more_than_is_kept() -> None:
    ear, heard = Ear(RATE_HZ, 100, None), noise(9)
    for frame in heard:
        ear.push(frame)
    whole = FirResampler(RATE_HZ, 16_000).push(b"".join(heard))
    assert ear.recent(40) == whole[-2 * FRAME_BYTES :]
    assert ear.recent(1000) == whole[-5 * FRAME_BYTES :]
    assert ear.recent(0) == b""


def test_a_new_detector_judges_only_what_comes_after() -> None:
    old, new = Counting(), Counting()
    ear = Ear(RATE_HZ, 1000, old)
    first, second = noise(2)
    ear.push(first)
    ear.judge_by(new)
    ear.push(second)
    assert ear.probability() == 1
    assert (len(old.frames), len(new.frames)) == (1, 1)


def test_what_comes_out_at_the_end_is_as_long_as_what_went_in() -> None:
    ear = Ear(RATE_HZ, 1000, None)
    for frame in noise(3):
        ear.push(frame)
    rest = noise(1)[0][:FRAME]  # 10 ms
    assert len(ear.finish(rest)) == 3.5 * FRAME_BYTES
