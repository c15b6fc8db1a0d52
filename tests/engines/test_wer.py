"""Word error rate, by hand and by its laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.engines.wer import word_error_rate, word_errors

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [
        ("one two three four", "one two three four", 0.0),
        ("one two three four", "one two four", 0.25),
        ("one two three four", "one too three four", 0.25),
        ("one two", "one and two", 0.5),
        ("one two", "", 1.0),
        ("one", "two three four", 3.0),
        ("", "", 0.0),
        ("", "noise", 1.0),
        ("It's 9:30, Smith!", "its nine thirty smith", 0.25),
        ("Wait, stop.", "wait stop", 0.0),
    ],
)
def test_the_rate_is_errors_by_words_said(reference: str, hypothesis: str, rate: float) -> None:
    assert word_error_rate(reference, hypothesis) == rate


@given(WORDS, WORDS, WORDS)
def test_errors_are_a_distance(a: list[str], b: list[str], c: list[str]) -> None:
    assert word_errors(a, a) == 0
    assert word_errors(a, b) == word_errors(b, a)
    assert word_errors(a, c) <= word_errors(a, b) + word_errors(b, c)
    assert abs(len(a) - len(b)) <= word_errors(a, b) <= max(len(a), len(b))
