import pytest

from voice.engines import gbnf


@pytest.mark.parametrize(
    ("text", "written"),
    [("yes", '"yes"'), ('a"b\\c', '"a\\"b\\\\c"'), ("1\n2\t3\r", '"1\\n2\\t3\\r"'), ("", '""')],
)
def test_a_text_is_written_as_a_literal(text: str, written: str):
    assert gbnf.literal(text) == written


def test_rules_of_two_grammars_do_not_meet():
    """Only names are renamed: no literals, classes, counts, tokens or comments."""
    first = 'root ::= item{2,3} "root" # root\nitem ::= [root] | "a\\"item" | <[10]>'
    second = 'root ::= item\nitem ::= "b"'
    assert gbnf.either(first, second) == (
        "root ::= first-root | second-root\n"
        'first-root ::= first-item{2,3} "root" # root\n'
        'first-item ::= [root] | "a\\"item" | <[10]>\n'
        'second-root ::= second-item\nsecond-item ::= "b"'
    )


@pytest.mark.parametrize(
    ("grammar", "deep"),
    [('root ::= "(((" [((] # (((', 0), ('root ::= (("a") | ("b"))', 2), ("root ::= (((", 3)],
)
def test_the_depth_is_that_of_brackets_alone(grammar: str, deep: int):
    assert gbnf.depth(grammar) == deep
