"""The audio line of a call: what the track gets each 20 ms."""

import asyncio

import numpy as np

from tests.virtual_time import run
from voice.audio.pcm import samples
from voice.rtc.line import FRAME_BYTES, SpeechLine


def frame(value: int) -> bytes:
    return np.full(FRAME_BYTES // 2, value, "<i2").tobytes()


def test_frames_leave_in_order_and_silence_follows():
    line = SpeechLine()
    line.play(frame(1))
    line.play(frame(2))
    assert line.queued_ms == 40
    assert [line.take(), line.take(), line.take()] == [frame(1), frame(2), None]
    assert line.queued_ms == 0


def test_a_cleared_line_is_silent_within_a_frame_and_makes_no_click():
    line = SpeechLine()
    for value in (1000, 2000, 3000):
        line.play(frame(value))
    assert line.take() == frame(1000)
    line.clear()
    assert line.queued_ms == 0
    tail = samples(line.take() or b"")
    assert tail[0] == 2000
    assert np.all(np.diff(tail[:120]) <= 0)
    assert not tail[120:].any()
    assert line.take() is None


def test_an_empty_line_is_cleared_without_a_sound():
    line = SpeechLine()
    line.clear()
    assert line.take() is None


def test_a_held_line_goes_on_with_the_very_same_sample():
    line = SpeechLine()
    for value in (1000, 2000, 3000):
        line.play(frame(value))
    assert line.take() == frame(1000)
    line.hold()
    tail = samples(line.take() or b"")
    assert (tail[0], tail[-1]) == (2000, 0)
    assert [line.take(), line.take()] == [None, None]
    assert line.queued_ms == 40
    line.release()
    again = samples(line.take() or b"")
    assert again[0] == 0
    assert np.all(again[120:] == 2000)
    assert line.take() == frame(3000)


def test_a_line_that_is_held_twice_is_cut_once():
    line = SpeechLine()
    line.play(frame(1000))
    line.hold()
    assert line.take() is not None
    line.hold()
    assert line.take() is None


def test_what_was_held_and_is_cleared_never_sounds():
    line = SpeechLine()
    line.play(frame(1000))
    line.play(frame(2000))
    line.hold()
    line.take()
    line.clear()
    line.release()
    assert line.take() is None


def test_there_is_room_when_the_track_has_taken_enough():
    async def main():
        line = SpeechLine()
        line.play(frame(1))
        line.play(frame(2))
        waiting = asyncio.ensure_future(line.room(40))
        await asyncio.sleep(1)
        assert not waiting.done()
        line.take()
        await asyncio.wait_for(waiting, 1)

    run(main())


def test_there_is_room_when_the_line_is_cleared():
    async def main():
        line = SpeechLine()
        line.play(frame(1))
        waiting = asyncio.ensure_future(line.room(1))
        await asyncio.sleep(0)
        line.clear()
        await asyncio.wait_for(waiting, 1)

    run(main())


def test_a_line_that_nobody_listens_to_keeps_nothing():
    line = SpeechLine()
    line.unplugged = True
    line.play(frame(1))
    assert line.queued_ms == 0
    assert line.take() is None
