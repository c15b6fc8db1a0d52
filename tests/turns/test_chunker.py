from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.turns.test_speakable import ENGLISH, MARKDOWN
from voice.turns.chunker import Chunk, TextChunker


def chunks(
    text: str, buffered_s: float = 0.0, language: str = "en", *, step: int = 4
) -> list[Chunk]:
    chunker = TextChunker(language)
    parts = [text[start : start + step] for start in range(0, len(text), step)]
    return [chunk for part in parts for chunk in chunker.push(part, buffered_s)] + chunker.flush()


def spoken(text: str, buffered_s: float = 1.0, language: str = "en") -> list[str]:
    return [chunk.spoken for chunk in chunks(text, buffered_s, language)]


def test_the_first_chunk_is_the_first_sentence_however_short():
    assert spoken("Sure! I can do that for you.")[0] == "Sure!"


def test_the_first_chunk_may_end_at_a_clause_of_four_words_or_twenty_letters():
    assert spoken("Well, as you may know, it rains.")[0] == "Well, as you may know,"
    assert spoken("Notwithstanding everything, it rains.")[0] == "Notwithstanding everything,"
    assert spoken("Well, yes, it rains.") == ["Well, yes, it rains."]


def test_the_first_chunk_is_given_before_its_sentence_is_complete():
    chunker = TextChunker()
    assert chunker.push("Here is what I found, and") == [
        Chunk("Here is what I found, ", "Here is what I found,")
    ]


def test_the_first_letter_of_the_next_word_is_enough_to_end_a_sentence():
    assert TextChunker().push("Sure! I") == [Chunk("Sure! ", "Sure!")]


def test_later_chunks_end_with_their_sentence():
    assert spoken("Yes. This one is long, it has clauses, and it goes on. End.") == [
        "Yes.", "This one is long, it has clauses, and it goes on.", "End.",
    ]  # fmt: skip


def test_a_clause_is_enough_when_no_audio_is_left():
    assert spoken("Yes. This one is long enough, it has clauses.", 0.2) == [
        "Yes.", "This one is long enough,", "it has clauses.",
    ]  # fmt: skip


def test_chunks_grow_with_the_audio_that_is_left():
    text = "Yes. " + "This is a sentence of words. " * 30
    small, middle, large = (
        max(map(len, spoken(text, buffered_s))) for buffered_s in (1.0, 3.0, 6.0)
    )
    assert small < 30 < middle < 150 < large <= 250


def test_waiting_sentences_are_given_when_the_audio_runs_out():
    chunker = TextChunker()
    assert [
        chunk.spoken for chunk in chunker.push("Yes. One is here. Two is here. Three", 6.0)
    ] == ["Yes."]
    assert [chunk.spoken for chunk in chunker.push(" ", 0.1)] == ["One is here.", "Two is here."]


def test_a_sentence_without_marks_is_cut_between_words():
    parts = spoken("Yes. " + "wording " * 100)
    assert all(150 < len(part) <= 200 for part in parts[1:-1])
    assert {word for part in parts[1:] for word in part.split()} == {"wording"}


def test_a_long_sentence_is_rather_cut_at_a_clause():
    parts = spoken("Yes. " + "so many words in here and even more of them to come, " * 8)
    assert all(part.endswith(",") for part in parts[1:-1])


def test_text_without_spaces_is_cut_at_about_sixty_characters():
    parts = spoken("好。" + "今天天气很好" * 40, language="zh")
    assert all(50 <= len(part) <= 65 for part in parts[1:-1])


def test_brackets_stay_whole():
    text = "Yes. Take one (the red one. It is good, really good, I think) and go."
    assert spoken(text, 0.0)[1:] == [
        "Take one (the red one. It is good, really good, I think) and go."
    ]


def test_brackets_that_are_too_long_are_cut():
    parts = spoken("Yes. Take one (" + "the red one, not the blue one, " * 12 + ") and go.")
    assert len(parts) > 2
    assert all(part.endswith(",") for part in parts[1:-1])


def test_what_is_read_as_one_is_not_cut_inside():
    assert spoken("Yes. It was noted on 2024-01-15 that it rains.", 0.0)[1:] == [
        "It was noted on January 15th, 2024 that it rains."
    ]
    assert spoken("| Name | Age | Town |\n|---|---|---|\n| Ann | 3 | Rome |", 0.0) == [
        "Name, Age, Town.", "Ann, 3, Rome.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "whole",
    [
        "1,000,000.50",
        "https://example.com/a,b;c",
        "e.g. this",
        "U.S. Army",
        "3.14, 2.71",
        "a.b@example.com",
        "12:30",
    ],
)
def test_numbers_addresses_and_abbreviations_stay_whole(whole: str):
    texts = [
        chunk.text for chunk in chunks(f"Yes. We all really like {whole} very much indeed.", 0.0)
    ]
    if "," in whole and " " in whole:
        whole = whole.split(", ", maxsplit=1)[0]
    assert any(whole in text for text in texts)


def test_marks_go_with_what_they_mark():
    assert [chunk.text for chunk in chunks("**Yes.** **No way.** 😀 Done\n\n- one\n- two", 1.0)] == [
        "**Yes.** ", "**No way.** 😀 ", "Done\n\n", "- one\n", "- two",
    ]  # fmt: skip


def test_code_is_a_silent_chunk_after_its_phrase():
    assert chunks("Look:\n```py\nprint('a long line of code')\n```\nDone.", 1.0) == [
        Chunk("Look:\n```py", "Look: (code omitted)."),
        Chunk("\nprint('a long line of code')\n```\n", ""),
        Chunk("Done.", "Done."),
    ]


def test_nothing_to_say_is_said_so():
    assert chunks("😀 ---") == [Chunk("😀 ---", "")]
    assert chunks("") == []


def test_the_first_words_are_the_first_chunk_after_a_rule():
    assert spoken("---\n\nHere we go, once more now, and then") == [
        "Here we go, once more now,",
        "and then",
    ]


LONG = " ".join(text for text, _ in ENGLISH)
TEXTS = st.one_of(MARKDOWN, st.sampled_from([text for text, _ in ENGLISH]), st.just(LONG))


@given(
    TEXTS,
    st.lists(st.tuples(st.integers(0, 2000), st.floats(0, 8)), max_size=8),
    st.sampled_from(["en", "zh"]),
)
def test_texts_of_chunks_add_up_to_the_answer(
    text: str, cuts: list[tuple[int, float]], language: str
):
    chunker = TextChunker(language)
    places = sorted({(min(cut, len(text)), buffered_s) for cut, buffered_s in cuts} | {(0, 0.0)})
    found = [
        chunk
        for (start, buffered_s), (end, _) in pairwise([*places, (len(text), 0.0)])
        for chunk in chunker.push(text[start:end], buffered_s)
    ]
    assert "".join(chunk.text for chunk in found + chunker.flush()) == text


@given(TEXTS, st.integers(1, 50), st.sampled_from([0.0, 1.0, 3.0, 6.0]))
def test_chunks_do_not_depend_on_how_the_text_arrives(text: str, step: int, buffered_s: float):
    assert chunks(text, buffered_s, step=step) == chunks(text, buffered_s, step=len(text) or 1)


@given(TEXTS, st.sampled_from([0.0, 1.0, 6.0]))
@example("| aetc. %", 0.0)
def test_what_is_spoken_has_words_or_is_empty(text: str, buffered_s: float):
    for chunk in chunks(text, buffered_s):
        assert not chunk.spoken or any(char.isalnum() for char in chunk.spoken)
        assert chunk.text
