from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.turns.speakable import Speakable

ENGLISH = [
    # emphasis and other marks
    ("**Hello** *there*, my __dear__ _friend_.", "Hello there, my dear friend."),
    ("***Both*** and ~~gone~~ and un**believ**able.", "Both and gone and unbelievable."),
    ("2 * 3 is 2*3, snake_case stays.", "2 times 3 is 2 times 3, snake_case stays."),
    ("Use `foo_bar(*x)` and ``a b``.", "Use foo_bar(*x) and a b."),
    ("An open ` tick\nand *more*", "An open tick\nand more"),
    (r"\*not bold\* and 1\. no list", "*not bold* and 1. no list"),
    # lines
    ("# Title\n\nText\n## Next ##\nmore", "Title.\nText.\nNext ##.\nmore"),
    ("Title\n=====\nText", "Title.\nText"),
    ("Fruit:\n\n- apples\n* **pears**\n+ plums!\n\nThen", "Fruit:\napples.\npears.\nplums!\nThen"),
    ("- [ ] one\n- [x] two\n  - inner", "one.\ntwo.\ninner."),
    ("1. First\n2) Second step\n   goes on\n10. Last", "1: First.\n2: Second step\ngoes on.\n10: Last."),
    ("1980. was a year", "1980. was a year"),
    ("> quoted\n> more\n\nsaid he", "quoted\nmore.\nsaid he"),
    ("One\n\n---\n\n***\n_ _ _\nTwo", "One.\nTwo"),
    ("No stop\n\nNext", "No stop.\nNext"),
    ("Roses are red\nViolets are blue", "Roses are red\nViolets are blue"),
    ('(In brackets)\n\n"Quoted."\n\nEnd', '(In brackets).\n"Quoted."\nEnd'),
    # tables and code
    ("| Name | Age |\n|:-----|----:|\n| **Ann** | 3 |\n| Bob | |\n", "Name, Age.\nAnn, 3.\nBob."),
    ("Look:\n```python\nx = 1\n\n# no heading\n```\nOK", "Look:\n(code omitted).\nOK"),
    ("~~~\na ``` b\n~~~\nOK", "(code omitted).\nOK"),
    ("```\nnever closed\n1. x", "(code omitted).\n"),
    # links
    ('See [the **docs**](https://x.com/a_(b) "T").', "See the docs."),
    ("See [docs][1] and ![a cat](cat.png) and [[1]](x) and [Your name].", "See docs and a cat and and Your name."),
    ("It is so[1], truly[^2]. Yes【4†source】.", "It is so, truly. Yes."),
    ("[^1]: The note\n\n[docs]: https://x.com\nEnd", "The note.\nEnd"),
    ("Visit https://www.example.com/path?x=1_2. Or (www.a.org/b)!", "Visit example dot com. Or (a dot org)!"),
    ("<https://example.com:8080/x> or joe.b@x.co.uk.", "example dot com or joe dot b at x dot co dot uk."),
    ("[https://example.com](https://example.com)", "example dot com"),
    # other
    ("Great 😀! Hi 👍🏽 there 🇩🇪. 1️⃣ one 👨‍👩‍👧\n🎉 Done✨", "Great! Hi there. 1 one\nDone"),
    ("a <b>bold</b> x<br/>y &amp; z&nbsp;w, 3 < 5 <!-- no -->.", "a bold x y & z w, 3 < 5."),
    ("$x^2 + y = \\frac{1}{2}$ and $$a \\times b$$", "x squared plus y equals 1 over 2 and a times b"),
    ("\\(\\sqrt{x}\\) or \\[y \\le 2\\]", "the square root of x or y is at most 2"),
    # what a synthesizer reads wrongly
    ("$29.95, $1.00, $0.50, $1,000.", "29 dollars 95, 1 dollar, 50 cents, 1,000 dollars."),
    ("$3.5 million, $5k, $10/month, €5, £2.50, ¥500, US$5", ("3.5 million dollars, 5 thousand dollars,"
     " 10 dollars per month, 5 euros, 2 pounds 50, 500 yen, US 5 dollars")),
    ("costs $5 and $10.", "costs 5 dollars and 10 dollars."),
    ("from $5–$10", "from 5 dollars to 10 dollars"),
    ("20°C, 1 km, 5 km/h, 50%, 5 % and 3 kg.", ("20 degrees Celsius, 1 kilometer, 5 kilometers per hour, 50 percent,"
     " 5 percent and 3 kilograms.")),
    ("3–5 apples, 3-5, 3 – 5, 10–20%, 1990-1995, 555-1234", ("3 to 5 apples, 3 to 5, 3 to 5, 10 to 20 percent,"
     " 1990 to 1995, 555-1234")),
    ("at 10:00, 10:05, 10:30, 10:00 am, 3:00pm", "at 10 o'clock, 10 oh 5, 10:30, 10 am, 3 pm"),
    ("2024-03-05 or 2024-11-22.", "March 5th, 2024 or November 22nd, 2024."),
    ("the 1990s, #5, No. 5 and Fig. 2. No. Really", "the nineteen nineties, number 5, Number 5 and Figure 2. No. Really"),
    ("e.g. this, i.e. that; cats vs. dogs, etc. And (e.g., it) etc.", ("for example this, that is that; cats versus dogs,"
     " et cetera. And (for example, it) et cetera.")),
    ("Dr. Who & Mr. T w/ ½ cup, ~5 or 1/2", "Doctor Who and Mister T with one half cup, about 5 or one half"),
    ("I'm here 24/7. From 9:00–10:30, 9am-5pm, or 25°C–30°C!", "I'm here 24 7. From 9 to 10:30, 9am to 5pm, or 25 to 30 degrees Celsius!"),
    ("$6CO_2 \\rightarrow C_6H_{12}$ and $\\left(x_i\\right)$", "6CO2 to C6 H12 and (x i )"),
    ("pi is 3.14159, v1.2.3, 1,000,000 and 42", "pi is 3.14159, v1.2.3, 1,000,000 and 42"),
]  # fmt: skip
OTHERS = [
    (
        "de",
        "**Das** kostet 29,95 € bzw. $5, z. B. 20°C.",
        "Das kostet 29,95 € bzw. $5, z. B. 20°C.",
    ),
    (
        "de",
        "Siehe https://beispiel.de/x:\n- eins\n- zwei",
        "Siehe beispiel Punkt de:\neins.\nzwei.",
    ),
    ("zh", "今天**天气**很好。\n\n- 苹果\n- 梨\n", "今天天气很好。\n苹果。\n梨。"),
    ("ja", "## 見出し\n「はい」と言った😀。", "見出し。\n「はい」と言った。"),
    ("xx", "example: https://a.org/b", "example: a.org"),
    ("en-GB", "5 km", "5 kilometers"),
]
ALL = [("en", text, spoken) for text, spoken in ENGLISH] + OTHERS


def speak(text: str, language: str = "en") -> str:
    speakable = Speakable(language)
    return speakable.push(text) + speakable.flush()


@pytest.mark.parametrize(("language", "text", "spoken"), ALL)
def test_markdown_becomes_words(language: str, text: str, spoken: str):
    assert speak(text, language) == spoken


@pytest.mark.parametrize(("language", "text", "spoken"), ALL)
def test_every_split_says_the_same(language: str, text: str, spoken: str):
    for split in range(len(text) + 1):
        speakable = Speakable(language)
        assert (
            speakable.push(text[:split]) + speakable.push(text[split:]) + speakable.flush()
            == spoken
        )
    speakable = Speakable(language)
    assert "".join(map(speakable.push, text)) + speakable.flush() == spoken


@pytest.mark.parametrize(
    ("arrived", "said"),
    [
        ("Hello there, my", "Hello there, "),
        ("**Bold and", "Bold "),
        ("你好世界", "你好世界"),
        ("it is `code more", "it is code "),
        ("see [the docs](https://exam", "see"),
        ("a [bracket\nthat", "a bracket\n"),
        ("```python\nx = ", "(code omitted).\n"),
    ],
)
def test_text_is_held_back_only_while_a_pattern_may_be_open(arrived: str, said: str):
    assert Speakable().push(arrived) == said


FRAGMENTS = st.sampled_from(
    ["a", "Bc", " ", "\n", "\n\n", "*", "**", "_", "`", "```", "~", "#", "# ", "- ", "1. ", "> ", "| ", "|", "---", "[", "]",
     "](", "](u)", "[^1]", "(", ")", "<", "<b>", ">", "&", "&amp;", "$", "$5", "$x$", "\\", "\\(", "\\)", "http://a.b",
     "www.", "@", ".", ",", "!", "![", "?", ":", "😀", "️", "5", " km", "–", "—", "…", "10:00", "e.g.", "etc. ", "No. ",
     "你", "。", "「", "【", "†", "】", "\u00a0", "\r\n", "\t", "'", '"', "%", "°C", "=", "==="]
)  # fmt: skip
MARKDOWN = st.one_of(st.lists(FRAGMENTS, max_size=25).map("".join), st.text(max_size=40))


@given(MARKDOWN, st.lists(st.integers(0, 80), max_size=5), st.sampled_from(["en", "de", "zh"]))
def test_speech_does_not_depend_on_how_the_text_arrives(text: str, cuts: list[int], language: str):
    places = sorted({0, *(min(cut, len(text)) for cut in cuts), len(text)})
    speakable = Speakable(language)
    parts = [text[start:end] for start, end in pairwise(places)]
    assert "".join(map(speakable.push, parts)) + speakable.flush() == speak(text, language)


@given(MARKDOWN)
def test_pieces_add_up_to_the_original(text: str):
    speakable = Speakable()
    pieces = [piece for char in text for piece in speakable.pieces(char)] + speakable.last_pieces()
    assert "".join(piece.text for piece in pieces) == text


def test_brackets_nested_without_end_are_survived():
    assert speak("[" * 300 + "x" + "]" * 300).count("x") == 1
