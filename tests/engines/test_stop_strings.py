"""Stops end a text wherever it is cut, and hold nothing back longer than needed."""

import pytest

from voice.engines.stop_strings import StopStrings, held_back


def streamed(stops: tuple[str, ...], *texts: str) -> tuple[str, bool]:
    stop = StopStrings(stops)
    passed = "".join(map(stop.feed, texts))
    return passed + stop.finish(), stop.stopped


TEXT = "One\nUser: two\nEND"


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_a_stop_is_found_at_any_cut(cut: int):
    """Tokens end anywhere, within a stop too."""
    assert streamed(("END", "\nUser:"), TEXT[:cut], TEXT[cut:]) == ("One", True)


def test_the_earliest_stop_counts():
    """Whichever is listed first."""
    assert streamed(("two", "One\n"), TEXT) == ("", True)


def test_without_a_stop_all_text_passes():
    """The beginning of a stop at the very end is text."""
    assert streamed(("\nUser:",), "One\nUs", "e", " it\nUser") == ("One\nUse it\nUser", False)
    assert streamed((), *TEXT) == (TEXT, False)
    assert streamed(("",), *TEXT) == (TEXT, False)


def test_nothing_passes_after_a_stop():
    """The engine may be a token ahead."""
    assert streamed(("b",), "abc", "d") == ("a", True)


def test_only_the_beginning_of_a_stop_is_held_back():
    """A listener hears the rest at once."""
    stop = StopStrings(("###",))
    assert stop.feed("a#b##") == "a#b"
    assert stop.feed("c") == "##c"


@pytest.mark.parametrize(
    ("text", "held"), [("", 0), ("ab", 0), ("a<", 1), ("a<t", 2), ("<to", 3), ("<tool>", 0)]
)
def test_what_may_become_a_string_is_counted(text: str, held: int):
    """A complete string is not held: it was found before."""
    assert held_back(text, ("<tool>", "<t!")) == held
