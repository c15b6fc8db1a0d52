from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.turns.sentences import Boundaries, Boundary, Break, sentences

SPLITS = [
    ("en", "Hello there. | How are you? | Fine!"),
    ("en", "Mr. Smith met Mrs. Jones and Dr. Who in St. Petersburg. | They talked."),
    ("en", "Pi is 3.14 or so. | Use version 2.0.1. | It works."),
    ("en", "It began in 1980. | Then it stopped."),
    ("en", "It cost $29.95. | That is cheap."),
    ("en", "See https://example.com/a.b?c=d. | Or write to a.b@example.com. | Thanks."),
    ("en", "J. R. R. Tolkien wrote it. | J.K. Rowling did not."),
    ("en", "I live in the U.S. | The weather is fine."),
    ("en", "The U.S. Government agreed. | So did we."),
    ("en", "Take fruit, e.g. Apples or pears, i.e. Food. | Good."),
    ("en", "See No. 5 on p. 12 of vol. 3. | No. | I did not."),
    ("en", "Apples, pears, etc. | Buy them."),
    ("en", "We meet at 5 p.m. Monday. | We meet at 5 p.m. | The door is open."),
    ("en", "Well... maybe not. | Well... | Maybe."),
    ("en", "Wait… what? | Yes…"),
    ("en", "“Is it you?” she asked. | “It is.” | He left."),
    ("en", 'She said "Come in. Sit down." and left. | Then it rained.'),
    ("en", "He left (she stayed. Really.) and came back. | Done."),
    ("en", "(He left.) | She stayed."),
    ("en", "Steps: 1. Wash it. | 2. Cut it."),
    ("en", "1. First\n2. Second"),
    ("en", "I love Yahoo! and Google. | Really?! | Yes!!!"),
    ("en", "Title\n\n| Text without an end\n\n| More"),
    ("en", "Done.\n| Next one"),
    ("en", "Is it 5 o'clock? | It is 12:30. | It is 1,000.50 m."),
    ("en", "The answer is 42. | 43 is wrong."),
    ("de", "Am 3. Oktober ist Feiertag, z. B. in Berlin. | Das ist bekannt."),
    ("de", "Er kam am 2. Mai. | Er blieb am 3. | Das war der 4. Besuch."),
    ("de", "Das kostet ca. 5 Euro bzw. 6 Franken, d.h. viel. | Ja."),
    ("fr", "M. Dupont est là. | Mme. Martin aussi ! | Vraiment ?"),
    ("es", "¿Cómo estás? | ¡Muy bien! | El Sr. López también."),
    ("zh", "你好。| 你叫什么名字？| 我叫“小明。”| 很高兴！"),
    ("zh", "价格是3．5元。| 好；| 再见。"),
    ("ja", "こんにちは。| 「元気ですか？」| はい。"),
    ("ko", "안녕하세요. | 잘 지내요?"),
    ("ar", "كيف حالك؟ | أنا بخير."),
    ("hi", "नमस्ते। | आप कैसे हैं?"),
    ("el", "Τι κάνεις; | Καλά."),
    ("hy", "Բարև: | Ինչպես ես։ | Լավ։"),
    ("ru", "А. С. Пушкин родился в 1799 г. в Москве. | Это т.е. Давно."),
    ("ur", "آپ کیسے ہیں؟ | میں ٹھیک ہوں۔"),
    ("my", "မင်္ဂလာပါ။ | နေကောင်းလား။"),
    ("am", "ሰላም። | ደህና።"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "marked"), SPLITS)
def test_sentences_end_where_marked(language: str, marked: str):
    parts = [part.lstrip(" ") for part in marked.split("|")]
    assert [
        part.strip() for part in sentences("|".join(marked.split("|")).replace("|", ""), language)
    ] == [part.strip() for part in parts]


def cut(text: str, kind: Break, language: str | None = None) -> list[str]:
    boundaries = Boundaries(language)
    found = boundaries.push(text) + boundaries.flush()
    return [text[: boundary.end] for boundary in found if boundary.kind is kind]


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("one, two; three: four", ["one,", "one, two;", "one, two; three:"]),
        ("1,000 at 12:30 of a:b", []),
        ("word—word", ["word—"]),
        ("word – word - word", ["word –", "word – word -"]),
        ("well-known 3 - 4", []),
        ("你好，世界、好", ["你好，", "你好，世界、"]),
        ("one\ntwo", ["one"]),
        ('"Yes," he said', ['"Yes,"']),
        ('"Stop!" he said', ['"Stop!"']),
        ("สวัสดี ครับ", ["สวัสดี"]),
        ("مرحبا، كيف", ["مرحبا،"]),
    ],
)
def test_clauses_end_where_marked(text: str, ends: list[str]):
    assert cut(text, Break.CLAUSE) == ends


def test_what_ends_inside_brackets_is_only_a_nested_boundary():
    assert cut("He left (early, alone. And sad) today.", Break.NESTED) == [
        "He left (early,", "He left (early, alone.",
    ]  # fmt: skip


def test_a_bracket_that_is_never_closed_is_forgotten():
    assert len(sentences("Look :( " + "This is a sentence. " * 30)) > 15


@pytest.mark.parametrize(
    ("arrived", "follows", "certain"),
    [
        ("Hi.", " There", False),
        ("Hi. ", "There", False),
        ("Hi. T", "here", True),
        ("Hi.\n", "", True),
        ("你好。", "”", False),
        ("你好。再", "", True),
        ("the U.S. The", "re", False),
        ("the U.S. The ", "end", True),
        ("one, ", "two", True),
        ("one,", "000", False),
    ],
)
def test_a_boundary_is_told_once_it_is_certain(arrived: str, follows: str, certain: bool):
    boundaries = Boundaries("en")
    assert bool(boundaries.push(arrived)) is certain


TEXTS = st.one_of(
    st.sampled_from([marked.replace("|", "") for _, marked in SPLITS]),
    st.text("aB1 .,!?。，、;:—-–…()\"“”'\n你ก", max_size=60),
)


@given(TEXTS, st.lists(st.integers(0, 60), max_size=6), st.sampled_from([None, "en", "de"]))
def test_boundaries_do_not_depend_on_how_the_text_arrives(
    text: str, cuts: list[int], language: str | None
):
    whole = Boundaries(language)
    expected = whole.push(text) + whole.flush()
    pieces = Boundaries(language)
    found: list[Boundary] = []
    places = sorted({0, *(min(place, len(text)) for place in cuts), len(text)})
    for start, end in pairwise(places):
        found += pieces.push(text[start:end])
    assert found + pieces.flush() == expected


@given(TEXTS)
def test_sentences_add_up_to_the_text(text: str):
    assert "".join(sentences(text)) == text


def test_a_long_text_arriving_letter_by_letter_keeps_its_offsets():
    text = "A short sentence, no more. " * 200
    boundaries = Boundaries("en")
    found = [boundary for char in text for boundary in boundaries.push(char)]
    assert [text[: each.end][-5:] for each in found if each.kind is Break.SENTENCE] == [
        "more."
    ] * 199
