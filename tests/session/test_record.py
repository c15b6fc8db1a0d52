from hypothesis import given
from hypothesis import strategies as st

from voice.session.record import TurnRecord

INSTANTS = (
    "speech_end",
    "transcript",
    "prompt",
    "first_token",
    "first_chunk",
    "first_speech",
    "commit",
    "first_audio",
)


def test_the_first_mark_counts():
    record = TurnRecord()
    record.mark("first_token", 1.0)
    record.mark("first_token", 2.0)
    assert record.at_s == {"first_token": 1.0}


def test_every_latency_is_a_difference_of_two_instants():
    record = TurnRecord()
    for instant, at_s in zip(
        INSTANTS, (10.0, 10.1, 10.1, 10.25, 10.3, 10.4, 10.5, 10.52), strict=True
    ):
        record.mark(instant, at_s)
    assert record.timings() == {
        "end_of_turn_ms": 500,
        "stt_ms": 100,
        "llm_ms": 150,
        "tts_ms": 100,
        "release_ms": 20,
        "total_ms": 520,
    }


def test_audio_that_was_not_ready_in_time_is_released_at_once():
    record = TurnRecord()
    record.mark("commit", 10.5)
    record.mark("first_speech", 11.0)
    record.mark("first_audio", 11.0)
    assert record.timings() == {"release_ms": 0}


def test_a_response_without_a_turn_has_the_stages_it_has():
    record = TurnRecord()
    record.mark("prompt", 1.0)
    record.mark("first_token", 1.5)
    assert record.timings() == {"llm_ms": 500}


def test_a_reply_that_came_to_nothing_leaves_no_instants():
    record = TurnRecord()
    for at_s, instant in enumerate(INSTANTS):
        record.mark(instant, at_s)
    record.begin_reply()
    assert record.at_s.keys() == {"speech_end", "transcript", "commit"}


def test_what_is_reversed_is_absent():
    record = TurnRecord()
    record.mark("speech_end", 2.0)
    record.mark("transcript", 1.0)
    assert record.between_ms("speech_end", "transcript") is None
    assert record.timings() == {}


@given(st.dictionaries(st.sampled_from(INSTANTS), st.floats(0, 1e6)))
def test_no_latency_is_ever_negative(at_s: dict):
    record = TurnRecord()
    for instant, each in at_s.items():
        record.mark(instant, each)
    assert all(ms >= 0 for ms in record.timings().values())
