"""Text is cut where a speaker would breathe, and words find their phonemes and times."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.engines.protocols import Word
from voice.engines.spoken import LONGEST, Spoken, aligned, known, packed, pieces, timed

LONG = "This sentence goes on, and on, and on: it has clauses, many of them, and no end in sight"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n ", []),
        ("Hello.", ["Hello."]),
        ("Dr. Who? Yes!", ["Dr. Who? Yes!"]),
        (
            f'{LONG}. "Really?" Yes. {LONG}.',
            [f"{LONG}.", f'"Really?" Yes. {LONG}.'],
        ),
        ("One\n\ntwo", ["One two"]),
        (
            "\u884c\u3053\u3046\u3002" * 11,
            [
                " ".join(["\u884c\u3053\u3046\u3002"] * 9),
                "\u884c\u3053\u3046\u3002 \u884c\u3053\u3046\u3002",
            ],
        ),
    ],
)
def test_sentences_are_gathered_into_pieces(text: str, expected: list[str]):
    """A piece has at least some words, and ends where a sentence does."""
    assert list(pieces(text)) == expected


def test_a_long_sentence_is_cut_at_its_clauses():
    """Nobody waits for a sentence of a minute."""
    cut = list(pieces(", ".join([LONG] * 5)))
    assert len(cut) > 2
    assert all(len(piece) <= LONGEST for piece in cut)
    assert all(piece[-1] in ",:" for piece in cut[:-1])
    assert " ".join(cut) == ", ".join([LONG] * 5)


def test_words_and_phonemes_of_equal_number_are_paired():
    """The space after a word belongs to it."""
    assert aligned("Hello there,  you", "h\u0259lo \u00f0\u025b\u0279, ju", lambda word: word) == [
        Spoken("Hello", "h\u0259lo "),
        Spoken("there,", "\u00f0\u025b\u0279, "),
        Spoken("you", "ju"),
    ]
    assert aligned("", "", lambda word: word) == [Spoken("", "")]


def test_words_that_sound_as_one_share_their_phonemes():
    """The likes of eSpeak join "of the", and speak a number as several words."""
    alone = {"one": "wVn", "of": "Vv", "the": "D@", "42": "fORti tu", "best": "bEst"}
    words = aligned("one of the 42 best", "wVn VvD@ fORti tu bEst", alone.__getitem__)
    assert words == [
        Spoken("one", "wVn "),
        Spoken("of", "Vv"),
        Spoken("the", "D@ "),
        Spoken("42", "fORti tu "),
        Spoken("best", "bEst"),
    ]


def test_a_word_without_sound_has_no_phonemes():
    """A dash is read by the pause alone."""
    alone = {"yes": "jEs", "-": "", "no": "nO"}
    assert aligned("yes - no", "jEs nO", alone.__getitem__) == [
        Spoken("yes", "jEs "),
        Spoken("-", ""),
        Spoken("no", "nO"),
    ]


@given(st.lists(st.integers(0, 9), max_size=6), st.lists(st.integers(1, 9), max_size=9))
def test_all_phonemes_are_given_to_some_word(words: list[int], parts: list[int]):
    """Nothing is lost however badly the words fit."""
    names = {f"w{number}": "x" * length for number, length in enumerate(words)}
    phonemes = " ".join("y" * length for length in parts)
    spoken = aligned(" ".join(names), phonemes, names.__getitem__)
    assert "".join(word.phonemes for word in spoken) == phonemes
    assert [word.text for word in spoken] in ([*names], [""])


def test_unknown_phonemes_are_left_out():
    """A model counts only what it knows, and the times must fit."""
    assert known([Spoken("a", "xay ")], frozenset("ay ")) == [Spoken("a", "ay ")]


def test_groups_are_no_longer_than_the_limit():
    """A model's context is short; a word that exceeds it loses its end."""
    words = [Spoken(name, name * 4) for name in "abc"] + [Spoken("d", "d" * 20)]
    groups = list(packed(words, 9))
    assert [[word.text for word in group] for group in groups] == [["a", "b"], ["c"], ["d"]]
    assert groups[2] == [Spoken("d", "d" * 9)]
    assert list(packed([Spoken("-", ""), Spoken("", " ")], 9)) == []


def test_words_are_timed_by_their_phonemes():
    """Neither the punctuation nor the space after a word is part of it; silent words have no time."""
    words = [Spoken("Ah,", "ab, "), Spoken("-", ""), Spoken("", "c "), Spoken("so", "de.")]
    ends_s = [0.1 * place for place in range(1, 12)]
    times = timed(words, ends_s, 1.0)
    assert times == [
        Word(text="Ah,", start_s=1.1, end_s=1.3),
        Word(text="so", start_s=1.7, end_s=1.9),
    ]
    assert all(first.end_s <= second.start_s for first, second in pairwise(times))


def test_no_time_is_negative():
    """The silence that was cut off may have been a little too long."""
    assert timed([Spoken("a", "a")], [0.1, 0.2], -0.15) == [Word(text="a", start_s=0.0, end_s=0.05)]
