"""Chunks hold the whole text, slice it exactly, and never exceed their rules."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.search.libraries import count_tokens
from voice.search.chunking import cut
from voice.search.readers.text import TextBuilder
from voice.search.records import ChunkingRules

RULES = ChunkingRules(max_tokens=100, overlap_tokens=20)


def built(*parts):
    """A text of headings ("# Heading"), code ("`code") and paragraphs."""
    builder = TextBuilder()
    for part in parts:
        if part.startswith("#"):
            builder.heading(len(part) - len(part.lstrip("#")), part.lstrip("# "))
        elif part.startswith("`"):
            builder.code(part[1:])
        else:
            builder.paragraph(part)
    return builder.built()


def sentences(count, word="word"):
    return " ".join(f"Sentence {number} has seven {word}s in it." for number in range(count))


def test_a_short_text_is_one_chunk():
    text = built("# Bread", "Bake it for forty minutes.", "Let it cool.")
    (chunk,) = cut(text, RULES)
    assert chunk.text == text.text == "Bread\n\nBake it for forty minutes.\n\nLet it cool."
    assert (chunk.headings, chunk.start, chunk.end) == (("Bread",), 0, len(text.text))


def test_each_section_is_a_chunk_under_its_path_of_headings():
    text = built("# Bread", "Bake.", "## Rye", "Sour.", "## Wheat", "Mild.", "# Soup", "Stir.")
    assert [(chunk.headings, chunk.text) for chunk in cut(text, RULES)] == [
        (("Bread",), "Bread\n\nBake."),
        (("Bread", "Rye"), "Rye\n\nSour."),
        (("Bread", "Wheat"), "Wheat\n\nMild."),
        (("Soup",), "Soup\n\nStir."),
    ]


def test_headings_without_text_between_them_stay_together():
    text = built("# Bread", "## Rye", "### Sour", "A day.", "## Wheat")
    assert [(chunk.headings, chunk.text) for chunk in cut(text, RULES)] == [
        (("Bread", "Rye", "Sour"), "Bread\n\nRye\n\nSour\n\nA day."),
        (("Bread", "Wheat"), "Wheat"),
    ]


def test_a_long_section_is_cut_between_paragraphs():
    paragraphs = [sentences(8, word) for word in ("apple", "pear", "plum")]
    chunks = cut(built("# Fruit", *paragraphs), ChunkingRules(max_tokens=100, overlap_tokens=0))
    assert [chunk.text for chunk in chunks] == ["Fruit\n\n" + paragraphs[0], *paragraphs[1:]]
    assert {chunk.headings for chunk in chunks} == {("Fruit",)}


def test_a_long_paragraph_is_cut_between_sentences_and_overlaps_by_whole_ones():
    chunks = cut(built(sentences(40)), RULES)
    assert len(chunks) > 3
    for chunk, following in pairwise(chunks):
        assert chunk.text.startswith("Sentence")
        assert chunk.text.endswith(".")
        shared = following.text[: chunk.end - following.start]
        assert shared.startswith("Sentence")
        assert shared.endswith("it.")
        assert 0 < count_tokens(shared) <= RULES.overlap_tokens


def test_code_is_cut_between_lines():
    code = "\n".join(f"    total_{number} += 1.5  # Next. Again" for number in range(40))
    chunks = cut(built("`" + code), RULES)
    assert len(chunks) > 3
    assert all(chunk.text.endswith("Again") for chunk in chunks)
    assert all(chunk.text.startswith("total_") for chunk in chunks[1:])


def test_what_has_no_sentences_is_cut_between_words_and_what_has_no_words_anywhere():
    words = cut(built("alpha beta gamma " * 200), RULES)
    assert {word for chunk in words for word in chunk.text.split()} == {"alpha", "beta", "gamma"}
    letters = cut(built("x" * 7000), RULES)
    assert [len(chunk.text) for chunk in letters[:-1]] == [700] * (len(letters) - 1)


def test_a_text_without_anything_has_no_chunks():
    assert cut(built(), RULES) == []


@pytest.mark.parametrize(
    ("title", "headings"),
    [
        ("Recipes", ("Recipes", "Bread")),
        ("", ("Bread",)),
        ("bread", ("Bread",)),
        ("Bread | The bakery", ("Bread",)),
    ],
)
def test_a_title_that_the_headings_do_not_tell_stands_before_them(title, headings):
    text = msgspec.structs.replace(built("# Bread", "Bake."), title=title)
    assert cut(text, RULES)[0].headings == headings


def test_a_text_without_headings_stands_under_its_title():
    text = msgspec.structs.replace(built("Bake."), title="Bread")
    assert cut(text, RULES)[0].headings == ("Bread",)


WORDS = st.text("ab.!? \n\t1漢é_-", min_size=1, max_size=30)
PARTS = st.lists(
    st.builds(
        lambda mark, words, times: mark + words * times,
        st.sampled_from(["", "", "", "# ", "## ", "`"]),
        WORDS,
        st.integers(1, 120),
    ),
    max_size=12,
)


@st.composite
def rules(draw):
    most = draw(st.integers(100, 300))
    return ChunkingRules(max_tokens=most, overlap_tokens=draw(st.integers(0, most // 2)))


@given(PARTS, rules())
def test_chunks_slice_the_text_cover_it_and_keep_the_rules(parts, rules):
    text = built(*parts)
    chunks = cut(text, rules)
    covered = 0
    for chunk in chunks:
        assert chunk.text == text.text[chunk.start : chunk.end]
        assert 0 < count_tokens(chunk.text) <= rules.max_tokens
        assert not text.text[covered : chunk.start].strip()
        assert chunk.end > covered
        overlap = text.text[chunk.start : covered]
        assert count_tokens(overlap) <= rules.overlap_tokens
        covered = chunk.end
    assert not text.text[covered:].strip()
