"""Tokens are counted the same everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.search.libraries import count_tokens
from voice.search.tokens import token_spans


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("bread", 1),
        ("Bake it, then cool it.", 7),
        ("uncharacteristically", 3),
        ("1234567", 3),
        ("漢字かな", 4),
        (" " * 15, 0),
        (" " * 40, 2),
    ],
)
def test_counts(text, count):
    assert count_tokens(text) == count


@given(st.text("abcdefgh 12.漢\n", max_size=200), st.data())
def test_a_text_cut_between_tokens_has_the_same_tokens(text, data):
    text = text.strip()
    starts, ends = token_spans(text)
    assert len(starts) == len(ends) == count_tokens(text)
    if starts:
        first = data.draw(st.integers(0, len(starts) - 1))
        last = data.draw(st.integers(first, len(starts) - 1))
        assert count_tokens(text[starts[first] : ends[last]]) == last - first + 1
