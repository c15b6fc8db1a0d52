"""Facts that two documents tell together are joined, and what cannot be joined is not claimed."""

import pytest

from voice.engines.protocols import Message, Prompt, Source, TextDelta
from voice.engines.reader import Reader

DESIGNED = "Anna Berg designed the Linden Tower in 1923."
LINDEN = "The Linden Tower is 84 m tall and has 12 floors."
OAK = "The Oak Tower is 90 m tall and has 14 floors. Carl Moss designed it in 1950."
UNSURE = "I am not sure that I understood."


def read(question: str, *texts: str) -> str:
    sources = tuple(
        Source(document_id=str(number), name=f"{number}.md", title=f"Page {number}", text=text)
        for number, text in enumerate(texts)
    )
    prompt = Prompt(messages=(Message(role="user", content=question),), sources=sources)
    pieces = Reader().generate(prompt, lambda: False)
    return "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))


@pytest.mark.parametrize(
    "question",
    [
        "How tall is the tower that Anna Berg designed?",
        "how many floors does the tower have that anna berg designed",
    ],
)
def test_what_one_document_says_of_a_thing_that_another_names_is_joined(question: str) -> None:
    assert read(question, DESIGNED, OAK, LINDEN) == (
        "According to the Page 0, Anna Berg designed the Linden Tower in 1923."
        " According to the Page 2, the Linden Tower is 84 m tall and has 12 floors."
    )


def test_the_designer_and_the_year_are_found_by_the_height() -> None:
    for question in (
        "Who designed the tower that is 84 m tall?",
        "In what year was the tower with 12 floors designed?",
    ):
        said = read(question, DESIGNED, LINDEN, OAK)
        assert said.endswith(
            "According to the Page 0, Anna Berg designed the Linden Tower in 1923."
        )
        assert UNSURE not in said


def test_a_sentence_about_it_is_joined_with_the_one_before() -> None:
    said = read(
        "How tall is the tower that Anna Berg designed?",
        DESIGNED,
        "The Linden Tower stands on a hill. It is 84 m tall.",
    )
    assert said.endswith("According to the Page 1, it is 84 m tall.")


@pytest.mark.parametrize(
    "question",
    [
        "How tall is the tower that Anna Berg painted?",
        "How tall is the building Anna Berg designed?",
    ],
)
def test_a_word_that_is_in_neither_is_a_doubt(question: str) -> None:
    said = read(question, DESIGNED, LINDEN)
    assert said.startswith(UNSURE)
    assert said.count(UNSURE) == 1
    assert "84 m tall" in said


@pytest.mark.parametrize(
    "question",
    [
        "How tall is the tower that Anna Berg designed?",
        "How many floors does the tower of Anna Berg have?",
    ],
)
def test_the_height_of_another_tower_is_not_told(question: str) -> None:
    said = read(question, DESIGNED, OAK)
    assert said.startswith(UNSURE)
    assert "90 m" not in said
    assert "14 floors" not in said
