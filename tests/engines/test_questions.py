"""Questions are cut into what they ask for."""

import pytest

from voice.engines.questions import (
    alternatives,
    extent_of,
    lacks_amount,
    named_in,
    parts_of,
)


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("How long is the trail?", ["How long is the trail?"]),
        ("How long is it, and are dogs allowed?", ["How long is it", "are dogs allowed?"]),
        ("when is the ferry due and how much does it cost",
         ["when is the ferry due", "how much does it cost"]),
        ("Where is the inn, when does it open and who owns it",
         ["Where is the inn", "when does it open", "who owns it"]),
        ("Is the inn open? When does the ferry leave?",
         ["Is the inn open", "When does the ferry leave?"]),
        ("If it rains, what should we do?", ["If it rains, what should we do?"]),
        ("And in winter?", ["And in winter?"]),
        ("Wait, stop. What about dogs?", ["Wait, stop. What about dogs?"]),
        ("Which planet is small and is made of rock?",
         ["Which planet is small and is made of rock?"]),
        ("When do I plant garlic and tulips", ["When do I plant garlic and tulips"]),
        ("Compare the opening hours in winter and summer",
         ["the opening hours in winter", "the opening hours in summer"]),
        ("compare the hours in winter with those in summer.",
         ["the hours in winter", "the hours in summer"]),
        ("What is the difference between Mars and Venus?", ["Mars", "Venus"]),
        ("compare everything", ["everything"]),
    ],
)  # fmt: skip
def test_a_question_has_parts(question: str, parts: list[str]) -> None:
    assert parts_of(question) == parts


@pytest.mark.parametrize(
    ("question", "each"),
    [
        ("when do I plant garlic and potatoes",
         ["when do I plant garlic", "when do I plant potatoes"]),
        ("what do the red and the yellow lights mean",
         ["what do the red lights mean", "what do the the yellow lights mean"]),
        ("how far is it and why", []),
        ("salt and", []),
    ],
)  # fmt: skip
def test_two_things_named_together_can_be_asked_for_one_by_one(
    question: str, each: list[str]
) -> None:
    assert alternatives(question) == each


@pytest.mark.parametrize(
    ("question", "extent"),
    [
        ("how do I froth milk", "steps"), ("What should I do if it rains?", "steps"),
        ("tell me about Mars", "all"), ("and what about dogs", "all"), ("how wide is it", "answer"),
    ],
)  # fmt: skip
def test_a_question_wants_so_much(question: str, extent: str) -> None:
    assert extent_of(question) == extent


def test_names_have_a_capital_inside_the_question() -> None:
    assert named_in("Which of the moons, Io or Europa, do I see?") == {"Io", "Europa"}


@pytest.mark.parametrize(
    ("question", "text", "lacks"),
    [
        ("How tall is it?", "It is 84 m tall.", False),
        ("How tall is it?", "It was designed in 1923.", True),
        ("How many people came in 1923?", "In 1923, 2000 people came.", False),
        ("In what year was it designed?", "It is 84 m tall.", True),
        ("In what year was it designed?", "It was designed in 1923.", False),
        ("How far is it?", "It is 3 mi. away.", False),
        ("How long does it take?", "It takes 30 min.", False),
        ("How far is it?", "It is near the lake.", True),
        ("How old is the tower?", "It is 84 m tall.", True),
        ("How old must I be?", "Children must be at least 12 to swim alone.", False),
        ("What is it?", "It is a tower.", False),
    ],
)
def test_a_question_for_an_amount_is_answered_by_one(question: str, text: str, lacks: bool) -> None:
    assert lacks_amount(question, text) is lacks
