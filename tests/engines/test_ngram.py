"""An n-gram model is a probability distribution, and its ARPA text says the same."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.engines.ngram import END, START, NgramModel
from voice.engines.wordforms import list_of

WORDS = st.lists(st.sampled_from("abcd"), max_size=6)
CORPORA = st.lists(st.tuples(WORDS, st.floats(0.1, 5)), min_size=1, max_size=8)


def model() -> NgramModel:
    return NgramModel(
        [(list_of("the cat sleeps"), 1.0), (list_of("the cat eats"), 1.0), (["a", "dog"], 1.0)],
        openings=[(["where", "is", "the"], 1.0)],
        vocabulary=["mouse"],
    )


def read_arpa(text: str) -> dict[tuple[str, ...], tuple[float, float]]:
    """Each n-gram with the logarithms of its probability and its back-off weight."""
    lines = [line.split() for line in text.splitlines() if line and line[0] in "-0123456789"]
    table: dict[tuple[str, ...], tuple[float, float]] = {}
    for fields in lines:
        weighted = len(fields) > 2 and fields[-1].lstrip("-")[0].isdigit()
        words = fields[1:-1] if weighted else fields[1:]
        table[tuple(words)] = (float(fields[0]), float(fields[-1]) if weighted else 0.0)
    return table


def from_arpa(table: dict[tuple[str, ...], tuple[float, float]], gram: tuple[str, ...]) -> float:
    """The probability as a decoder takes it from the file: the n-gram's, or by backing off."""
    if gram in table:
        return table[gram][0]
    return table.get(gram[:-1], (0.0, 0.0))[1] + from_arpa(table, gram[1:])


@given(CORPORA, st.lists(st.sampled_from([*"abcdz", START]), max_size=4))
def test_probabilities_after_any_history_sum_to_one(
    corpus: list[tuple[list[str], float]], history: list[str]
) -> None:
    some = NgramModel(corpus, vocabulary=["z"])
    total = sum(some.probability(word, history) for word in some.vocabulary)
    assert total == pytest.approx(1.0)


def test_what_was_seen_is_likelier_than_what_was_not() -> None:
    some = model()
    assert some.probability("cat", ["the"]) > some.probability("dog", ["the"]) > 0
    assert some.probability("sleeps", ["the", "cat"]) > some.probability("sleeps", ["a", "dog"])
    assert some.probability("mouse", ["the"]) > 0
    assert some.probability("unheard") == 0.0


def test_weights_count() -> None:
    some = NgramModel([(["yes"], 3.0), (["no"], 1.0)])
    assert some.probability("yes", [START]) > some.probability("no", [START])


def test_an_opening_does_not_end() -> None:
    some = model()
    assert some.probability(END, ["the"]) < some.probability(END, ["dog"])
    assert some.probability("is", [START, "where"]) > 0.3


def test_the_arpa_text_gives_the_same_probabilities() -> None:
    some = model()
    table = read_arpa(some.arpa())
    for history in ((), (START,), ("the",), ("the", "cat"), ("a", "dog"), ("cat", "mouse")):
        for word in some.vocabulary:
            said = from_arpa(table, (*history, word))
            assert 10**said == pytest.approx(some.probability(word, history), rel=1e-3)


def test_the_arpa_text_counts_what_it_holds() -> None:
    text = model().arpa()
    head = dict(line[6:].split("=") for line in text.splitlines() if line.startswith("ngram "))
    sizes = [len([g for g in read_arpa(text) if len(g) == n]) for n in (1, 2, 3)]
    assert [int(head[n]) for n in "123"] == sizes
    assert text.endswith("\\end\\\n")
    assert not any(math.isnan(p) for p, _ in read_arpa(text).values())
