"""Sentences are cut only where each part could stand alone."""

import pytest

from voice.engines.clauses import clauses


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("Ada was the captain, Bo Lind steered the boat, and Cy Moe stayed ashore.",
         ["Ada was the captain.", "Bo Lind steered the boat.", "Cy Moe stayed ashore."]),
        ("On Monday it opens at nine, and on Sunday it stays closed.",
         ["On Monday it opens at nine.", "On Sunday it stays closed."]),
        ("It is made of ice; it has no moon.", ["It is made of ice.", "It has no moon."]),
    ],
)  # fmt: skip
def test_clauses_stand_alone(sentence: str, parts: list[str]) -> None:
    assert clauses(sentence) == parts


@pytest.mark.parametrize(
    "sentence",
    [
        "Tomatoes need water every day, and roses twice a week.",
        "If you are late, and the door is shut, the bell is on the left.",
        "There is one queen, who may live for four years.",
        "In winter, from November to February, it closes at five.",
        "It has two moons, Phobos and Deimos.",
        "Wear boots, a hat and a coat.",
    ],
)
def test_what_depends_on_the_rest_stays_with_it(sentence: str) -> None:
    assert clauses(sentence) == [sentence]
