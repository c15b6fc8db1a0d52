"""Documents are read without what cannot be listened to."""

import pytest

from voice.engines.readable import file_title, readable


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("See https://www.example.com/a?x=1#y. Or www.a.org/b, please.", "See example.com. Or a.org, please."),
        ("It is open (see https://example.com/hours).", "It is open."),
        ("Ask [the desk](https://a.b/c) or [https://a.b/c](https://a.b/c).", "Ask the desk or a.b."),
        ("More: <https://a.b/c>", "More: a.b"),
        ("Read my_notes-2.md and report.pdf.", "Read my notes 2 and report."),
        ("Version 2.5.1 of Node.js runs e.g. here.", "Version 2.5.1 of Node.js runs e.g. here."),
        ("**Bold**, `code`, ~~old~~, _so_ &amp; \\*plain\\*[^1]", "Bold, code, old, so & *plain*"),
        ("![a plan](plan.png)The <b>plan</b><!-- old -->", "The plan"),
        ("3 tbsp sugar, 1 tsp. salt, ca. 5 km, ~10 EUR p.p.", "3 tablespoons sugar, 1 teaspoon salt, about 5 km, about 10 euros per person"),
    ],
)  # fmt: skip
def test_what_cannot_be_listened_to_is_left_out(written: str, read: str) -> None:
    assert readable(written) == read


@pytest.mark.parametrize(
    ("name", "title"),
    [("folder/my_trip-2024.final.md", "my trip 2024.final"), ("notes", "notes"), ("A.PDF", "A")],
)
def test_a_file_is_named_without_its_ending(name: str, title: str) -> None:
    assert file_title(name) == title
