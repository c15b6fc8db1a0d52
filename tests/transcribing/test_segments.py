"""Words become the segments of subtitles."""

from voice.engines.fakes import spread
from voice.engines.protocols import Segment, Transcript, Word
from voice.transcribing.segments import segments_of


def texts(transcript: Transcript) -> list[str]:
    return [segment.text for segment in segments_of(transcript, 0, 30)]


def said(text: str, duration_s: float, **fields) -> Transcript:
    return Transcript(text=text, words=spread(text.split(), duration_s), **fields)


def test_what_the_engine_knows_is_kept():
    segments = (Segment(text="Hello.", start_s=1, end_s=2, no_speech_prob=0.1),)
    assert segments_of(Transcript(text="Hello.", segments=segments), 0, 3) == segments


def test_a_text_without_times_is_one_segment_of_its_stretch():
    assert segments_of(Transcript(text="Hello."), 4, 6) == (
        Segment(text="Hello.", start_s=4, end_s=6),
    )


def test_no_text_has_no_segments():
    assert segments_of(Transcript(text=""), 0, 1) == ()


def test_sentences_end_segments():
    assert texts(said("It is late. Where are you?", 3)) == ["It is late.", "Where are you?"]


def test_a_pause_ends_a_segment():
    words = (Word(text="yes", start_s=0, end_s=0.4), Word(text="no", start_s=1.2, end_s=1.5))
    assert texts(Transcript(text="yes no", words=words)) == ["yes", "no"]


def test_no_segment_is_too_long_to_be_read():
    text = " ".join(["word"] * 100)
    for segment in segments_of(said(text, 30), 0, 30):
        assert segment.end_s - segment.start_s <= 7
        assert len(segment.text) <= 84
    assert " ".join(texts(said(text, 30))) == text


def test_japanese_has_no_spaces_between_words():
    words = spread(["今日", "は"], 1)
    assert texts(Transcript(text="今日は", language="ja", words=words)) == ["今日は"]
