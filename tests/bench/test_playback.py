from voice.bench.playback import Playback


def played(*frames: tuple[float, int]) -> Playback:
    """A player that got these frames of 20 ms: when, and with which number."""
    playback = Playback()
    for at_s, number in frames:
        playback.take("reply", at_s, 0.02, number)
    return playback


def test_frames_ahead_of_their_time_are_in_time():
    playback = played((0.0, 0), (0.001, 1), (0.002, 2), (0.05, 3))
    assert (playback.frames, playback.late, playback.missing) == (4, 0, 0)


def test_a_frame_after_the_player_ran_dry_is_late():
    assert played((0.0, 0), (0.001, 1), (0.041, 2), (0.06, 3)).late == 1


def test_a_gap_in_the_numbers_is_missing_frames():
    assert played((0.0, 0), (0.0, 1), (0.0, 4), (0.0, 5)).missing == 2


def test_each_text_counts_from_zero():
    assert played((0.0, 0), (0.0, 1), (0.0, 0), (0.0, 1)).missing == 0


def test_a_reply_that_begins_in_the_middle_lacks_its_beginning():
    assert played((0.0, 3)).missing == 3


def test_a_frame_that_comes_twice_is_an_error():
    assert played((0.0, 0), (0.0, 1), (0.0, 1)).missing == 1


def test_another_reply_has_a_clock_of_its_own():
    playback = played((0.0, 0))
    playback.take("another", 9.0, 0.02, 0)
    assert playback.late == 0


def test_audio_without_numbers_is_only_timed():
    playback = Playback()
    playback.take("reply", 0.0, 0.02, None)
    playback.take("reply", 1.0, 0.02, None)
    assert (playback.late, playback.missing) == (1, 0)
