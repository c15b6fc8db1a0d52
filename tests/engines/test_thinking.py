"""Thoughts are dropped wherever the text is cut, and nothing else is."""

import pytest

from voice.engines.thinking import Unthinking, thought_over


def spoken(*texts: str, inside: bool = False) -> str:
    unthinking = Unthinking(inside=inside)
    return "".join(map(unthinking.feed, texts)) + unthinking.finish()


@pytest.mark.parametrize("text", ["", "Hello.", "  Hi <think>so</think>", "<thin air", "<", " \n"])
def test_text_without_a_leading_thought_is_untouched(text: str):
    """A tag later on is a quote, and a piece of a tag is no tag."""
    assert spoken(text) == text
    assert spoken(*text) == text


THOUGHT = "\n<think>\nThey ask <b>2</b> </ thin </think>\n\nFour, </think> is a tag."


@pytest.mark.parametrize("cut", range(len(THOUGHT) + 1))
def test_a_leading_thought_is_dropped_at_any_cut(cut: int):
    """The thought and the blank lines after it go, all the rest stays."""
    assert spoken(THOUGHT[:cut], THOUGHT[cut:]) == "Four, </think> is a tag."


def test_a_thought_opened_by_the_prompt_is_dropped():
    """Some templates end in the open tag, so that the answer begins within the thought."""
    assert spoken("Well, ", "2+2</thi", "nk>", "\n", "Four.", inside=True) == "Four."


def test_an_unfinished_thought_is_dropped():
    """An answer that ran out of tokens while thinking has nothing to say."""
    assert not spoken("<think>", "hm" * 50)


def test_plain_text_is_passed_on_at_once():
    """No delay for models that do not think aloud."""
    assert Unthinking().feed("H") == "H"


def test_a_thought_that_a_prompt_has_opened_can_be_closed():
    """Others stay as they are."""
    assert thought_over("Hi\n<think>\n") == "Hi\n<think>\n\n</think>\n\n"
    assert thought_over("Hi <think> so\n") == "Hi <think> so\n"
