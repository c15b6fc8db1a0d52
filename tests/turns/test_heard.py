import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.engines.protocols import Word
from voice.turns.align import align
from voice.turns.heard import SpokenTimeline


def said(text: str, *, every_s: float = 1.0) -> list[Word]:
    """A word list that gives every word the same time, without pauses."""
    return [
        Word(text=word, start_s=index * every_s, end_s=(index + 1) * every_s)
        for index, word in enumerate(text.split())
    ]


def timeline(*chunks: tuple[str, str, float, list[Word]]) -> SpokenTimeline:
    spoken = SpokenTimeline()
    for text, words_spoken, duration_ms, words in chunks:
        spoken.begin_chunk(text, words_spoken)
        spoken.extend(duration_ms, words)
    spoken.end_chunk()
    return spoken


def one(
    text: str, duration_ms: float = 4000, words: list[Word] | None = None, spoken: str = ""
) -> SpokenTimeline:
    return timeline((text, spoken or text, duration_ms, words or []))


def test_a_word_counts_as_heard_when_half_of_its_time_has_passed():
    spoken = one("one two three four", 4000, said("one two three four"))
    assert spoken.text_until(1499) == "one"
    assert spoken.text_until(1500) == "one two"


def test_nothing_is_heard_at_the_start_and_everything_at_the_end():
    spoken = one("one two.\n", 1000)
    assert spoken.text_until(0) == ""
    assert spoken.text_until(1000) == spoken.text_until(9999) == "one two.\n"


def test_without_word_times_words_take_time_by_their_length():
    spoken = one("a internationalization", 2200)
    assert spoken.text_until(90) == "a"
    assert spoken.text_until(1000) == "a"
    assert spoken.text_until(1300) == "a internationalization"


def test_ideographs_are_heard_one_by_one():
    assert one("你好，世界。", 4000).text_until(2000) == "你好，"


def test_the_times_of_several_chunks_follow_each_other():
    spoken = timeline(
        ("Hello there. ", "Hello there.", 2000, said("Hello there.")),
        ("How are you?", "How are you?", 3000, said("How are you?")),
    )
    assert spoken.duration_ms == 5000
    assert spoken.text_until(2400) == "Hello there."
    assert spoken.text_until(3600) == "Hello there. How are"


def test_the_original_is_cut_where_the_spoken_text_differs():
    words = said("It costs 29 dollars 95 at example dot com today")
    spoken = one("It **costs** $29.95 at [shop](http://example.com) today", 10_000, words)
    assert spoken.text_until(1600) == "It **costs**"
    assert spoken.text_until(2600) == "It **costs**"
    assert spoken.text_until(4600) == "It **costs** $29.95"
    assert spoken.text_until(5600) == "It **costs** $29.95 at"
    assert spoken.text_until(9600) == "It **costs** $29.95 at [shop](http://example.com) today"


def test_marks_of_the_next_item_are_not_left_dangling():
    spoken = timeline(
        ("Fruit:\n\n", "Fruit:", 1000, []),
        ("- **Apples** and\n- pears", "Apples and pears.", 3000, []),
    )
    assert spoken.text_until(1100) == "Fruit:"
    assert spoken.text_until(2400) == "Fruit:\n\n- **Apples** and"


def test_a_silent_chunk_is_heard_with_what_follows_it():
    spoken = timeline(
        ("Look. ", "Look.", 1000, []),
        ("```\nx = 1\n```\n", "", 0, []),
        ("Done now.", "Done now.", 1000, []),
    )
    assert spoken.text_until(900) == "Look."
    assert spoken.text_until(1000) == "Look."
    assert spoken.text_until(1300) == "Look. ```\nx = 1\n```\nDone"


def test_a_chunk_whose_audio_still_comes_is_not_taken_for_whole():
    spoken = SpokenTimeline()
    spoken.begin_chunk(
        "This sentence has quite a few words in it.", "This sentence has quite a few words in it."
    )
    spoken.extend(400, [])
    assert spoken.text_until(400) == "This sentence"
    spoken.end_chunk()
    assert spoken.text_until(400) == spoken.text


def test_word_times_arrive_with_their_audio():
    spoken = SpokenTimeline()
    spoken.begin_chunk("one two three four", "one two three four")
    words = said("one two three four")
    spoken.extend(2000, words[:2])
    assert spoken.text_until(2000) == "one two"
    spoken.extend(2000, words[2:])
    assert spoken.text_until(3600) == "one two three four"


def test_words_fall_due_as_they_begin_and_add_up_to_the_text():
    spoken = one("one two, three\n", 3000, said("one two three"))
    due = [spoken.words_due(ms, ms + 500) for ms in range(0, 2000, 500)]
    assert due == ["one", " two,", "", " three"]
    assert spoken.rest() == "\n"
    assert spoken.rest() == ""


def test_a_late_call_gives_everything_it_missed():
    spoken = one("one two three", 3000, said("one two three"))
    assert spoken.words_due(1900, 2100) == "one two three"


def test_audio_outside_a_chunk_is_refused():
    with pytest.raises(ValueError, match="begin_chunk"):
        SpokenTimeline().extend(20, [])


def test_playback_that_runs_backwards_is_refused():
    with pytest.raises(ValueError, match="forward"):
        one("one").words_due(100, 50)


def test_an_empty_timeline_has_heard_nothing():
    assert (
        SpokenTimeline().duration_ms,
        SpokenTimeline().text_until(100),
        SpokenTimeline().rest(),
    ) == (0, "", "")


def test_unmatched_words_share_the_time_between_their_neighbours():
    words = [Word(text="a", start_s=0.0, end_s=1.0), Word(text="d", start_s=3.0, end_s=4.0)]
    times = align(["a", "bb", "cc", "d"], "a x y d", words, 4000)
    assert times == [(0, 1000), (1000, 2000), (2000, 3000), (3000, 4000)]


def test_without_word_times_the_spoken_words_give_the_proportion():
    times = align(["**to**", "$5,000,000"], "to five million dollars", [], 2200)
    assert times == [(0, 250), (250, 2200)]


def test_the_address_of_a_link_takes_no_time():
    written = ["the", "[docs](https://example.com/a/very/long/path)", "say"]
    assert align(written, "the docs say", [], 1150)[2] == (800, 1150)


def test_digits_and_pauses_take_their_time():
    (_, yes), (year, year_ends), (so, _) = align(["yes,", "1980", "so"], "yes, 1980 so", [], 3250)
    assert (yes, year, year_ends, so) == (350, 750, 3000, 3000)


def test_word_times_out_of_order_are_set_right():
    words = [Word(text="a", start_s=2.0, end_s=1.0), Word(text="b", start_s=0.5, end_s=9.0)]
    assert align(["a", "b"], "a b", words, 3000) == [(2000, 2000), (2000, 3000)]


CHUNKS = st.lists(
    st.tuples(
        st.text("ab你。, -*\n", max_size=20),
        st.text("ab你 ", max_size=20),
        st.integers(0, 3000),
        st.lists(
            st.builds(
                Word,
                text=st.sampled_from(["a", "b", "ab", "你", "你你"]),
                start_s=st.floats(-1, 4),
                end_s=st.floats(-1, 4),
            ),
            max_size=6,
        ),
    ),
    max_size=5,
)


@given(CHUNKS)
def test_heard_text_only_grows_with_the_position_and_is_a_prefix(chunks):
    spoken = timeline(*chunks)
    previous = ""
    for ms in range(0, spoken.duration_ms + 200, 100):
        heard = spoken.text_until(ms)
        assert heard.startswith(previous)
        assert spoken.text.startswith(heard)
        previous = heard
    assert not chunks or previous == spoken.text


@given(CHUNKS, st.integers(1, 900))
def test_what_falls_due_over_a_playback_adds_up_to_the_text(chunks, step_ms: int):
    spoken = timeline(*chunks)
    positions = range(0, spoken.duration_ms, step_ms)
    assert (
        "".join(spoken.words_due(ms, ms + step_ms) for ms in positions) + spoken.rest()
        == spoken.text
    )


@given(CHUNKS)
def test_text_shown_while_audio_arrives_is_never_taken_back(chunks):
    spoken = SpokenTimeline()
    shown = ""
    for text, words_spoken, duration_ms, words in chunks:
        spoken.begin_chunk(text, words_spoken)
        for part in range(4):
            position = spoken.duration_ms
            spoken.extend(duration_ms / 4, words[part::4])
            shown += spoken.words_due(position, spoken.duration_ms)
            assert spoken.text.startswith(shown)
    assert shown + spoken.rest() == spoken.text
