import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.audio.formats import WIRE_FORMATS
from voice.session.tape import KEEP_MS, Tape

PCM, MULAW = WIRE_FORMATS["audio/pcm"], WIRE_FORMATS["audio/pcmu"]


def ms(count: int, value: int = 1) -> bytes:
    """PCM of some milliseconds."""
    return bytes([value, 0]) * (24 * count)


def test_a_tape_starts_where_the_session_is():
    tape = Tape(PCM, 1000.0)
    tape.append(ms(20))
    assert (tape.start_ms, tape.end_ms, tape.length_ms) == (1000, 1020, 20)


def test_a_cut_is_what_was_recorded_between_two_times():
    tape = Tape(PCM, 1000.0)
    for value in (1, 2, 3):
        tape.append(ms(100, value))
    assert tape.cut(1100, 1200) == ms(100, 2)
    assert tape.cut(0, 1100) == ms(100, 1)
    assert tape.cut(1200, 9999) == ms(100, 3)
    assert tape.cut(1200, 1100) == b""


def test_trimming_forgets_the_beginning_and_keeps_the_times():
    tape = Tape(PCM, 0.0)
    tape.append(ms(100, 1) + ms(100, 2))
    tape.trim(100)
    assert (tape.start_ms, tape.end_ms) == (100, 200)
    assert tape.cut(0, 200) == ms(100, 2)
    tape.trim(9999)
    assert (tape.start_ms, tape.length_ms) == (200, 0)


def test_a_tape_keeps_at_least_a_minute_and_not_much_more():
    tape = Tape(PCM, 0.0)
    for _ in range(200):
        tape.append(ms(1000))
        assert tape.length_ms <= 1.25 * KEEP_MS
    assert tape.length_ms >= KEEP_MS
    assert tape.end_ms == 200_000


@pytest.mark.parametrize("piece", [1, 7, 961])
def test_odd_pieces_never_shift_the_samples(piece: int):
    tape = Tape(PCM, 0.0)
    sound = bytes(range(256)) * 30
    for start in range(0, len(sound), piece):
        tape.append(sound[start : start + piece])
        tape.trim(tape.end_ms - 20)
    rest = tape.cut(tape.start_ms, tape.end_ms)
    assert sound.endswith(rest)
    assert len(rest) % 2 == 0
    assert len(rest) >= 960


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0, 100)), max_size=40))
def test_times_add_up_whatever_is_appended_and_trimmed(steps: list[tuple[int, float]]):
    tape, total = Tape(MULAW, 0.0), 0
    for size, before_ms in steps:
        tape.append(bytes(size))
        total += size
        tape.trim(tape.end_ms - before_ms)
        assert tape.end_ms == pytest.approx(total / 8)
        assert tape.length_ms <= before_ms + 0.125
