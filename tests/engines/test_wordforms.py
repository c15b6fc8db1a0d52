"""Words as they are compared: in lower case, numbers spelled out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.engines.wordforms import tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ada's 42 cats", ["ada", "forty", "two", "cats"]),
        ("12 m²", ["twelve", "m²"]),
        ("²", ["²"]),
        ("①", ["①"]),
        ("٣", ["three"]),
        ("90" * 3000, ["nine", "zero"] * 3000),
    ],
    ids=["numbers", "a unit", "a raised digit", "a digit in a circle", "Arabic", "far too long"],
)
def test_numbers_are_spelled_out_and_what_only_looks_like_one_stays(text, words):
    assert tokens(text) == words


@given(st.text())
def test_any_text_has_words(text):
    assert all(tokens(text))
