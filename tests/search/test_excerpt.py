"""Of a long passage, what was asked about is kept."""

import pytest

from voice.search.excerpt import excerpt

FILLER = "The zebra is striped. " * 100
ANSWER = "Zebras sleep at noon under an acacia."


@pytest.mark.parametrize(
    "text", [ANSWER + FILLER, FILLER + ANSWER, f"{FILLER}{ANSWER} {FILLER}", f"{FILLER}\n{ANSWER}"]
)
def test_the_sentence_that_was_asked_for_is_kept(text: str) -> None:
    found = excerpt(text, 500, ["When does the zebra sleep?"])
    assert ANSWER in found
    assert found in text
    assert 400 < len(found) <= 500


def test_what_stands_around_it_is_kept_whole() -> None:
    text = "One is here. Two is there. Three is far. Four is lost."
    assert excerpt(text, 42, ["three?"]) == "Two is there. Three is far. Four is lost."


def test_where_no_word_was_asked_for_the_beginning_is_kept() -> None:
    assert excerpt(FILLER, 100, ["Why?"]) == FILLER[:87]


@pytest.mark.parametrize("text", ["x" * 900, "word " * 200, "字" * 900, "。" * 900])
def test_a_text_without_sentences_is_cut_too(text: str) -> None:
    found = excerpt(text, 320, ["word"])
    assert found in text
    assert 200 <= len(found) <= 320
