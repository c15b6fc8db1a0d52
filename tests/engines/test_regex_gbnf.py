"""Regular expressions as grammars: what llama.cpp then allows is what the expression matches."""

import re
from itertools import product

import pytest

from voice.engines.protocols import EngineError
from voice.engines.regex_gbnf import regex_gbnf


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("abc", 'root ::= "a" "b" "c"\n'),
        ("^a|b$", 'root ::= "a" | "b"\n'),
        ("(a|)", 'root ::= ("a" | "")\n'),
        ("a{2,3}?b{4}c{5,}", 'root ::= "a"{2,3} "b"{4} "c"{5,}\n'),
        (r"[a-c\-]", "root ::= [\\U00000061-\\U00000063\\U0000002D-\\U0000002D]\n"),
        (r"\.", "root ::= [\\U0000002E-\\U0000002E]\n"),
        ("", 'root ::= ""\n'),
        ("a{x}", 'root ::= "a" "{" "x" "}"\n'),
    ],
)
def test_a_pattern_is_written_in_gbnf(pattern: str, written: str):
    assert regex_gbnf(pattern) == written


@pytest.mark.parametrize(
    ("pattern", "trouble"),
    [
        ("(?=a)", "has lookahead, which is not supported; at position 1: '(?=a)'"),
        ("a(?<!b)", "has lookbehind, which is not supported; at position 2"),
        (r"(a)\1", "has a reference to a group, which is not supported; at position 4"),
        (r"(?P<x>a)(?P=x)", "has a reference to a group, which is not supported; at position 9"),
        (r"\bcat", "has a word boundary, which is not supported; at position 1"),
        (r"\p{L}", "has a Unicode property, which is not supported; at position 1"),
        ("(?i)a", "has a flag, which is not supported; at position 1"),
        ("(?>a)", "has an atomic group, which is not supported"),
        ("a++", "repeats a repetition, which is not supported; at position 3"),
        ("a{,3}", "leaves open how often to repeat at least, which is not supported"),
        ("a$b", "has an anchor that is not at its beginning or end, which is not supported"),
        ("[[:alpha:]]", "has a POSIX class, which is not supported; at position 2"),
    ],
)
def test_what_is_not_supported_is_named(pattern: str, trouble: str):
    with pytest.raises(EngineError, match=re.escape(trouble)) as error:
        regex_gbnf(pattern)
    assert (error.value.code, error.value.param) == ("unsupported_value", "regex")


@pytest.mark.parametrize(
    ("pattern", "trouble"),
    [
        ("(a", "opens a group that is never closed; at position 1: '(a'"),
        ("a)", "closes a group that is not open; at position 2: ')'"),
        ("[a", "opens a class that is never closed; at position 1"),
        ("x[]", "has a class of no characters, or of all; at position 2"),
        (r"[^\s\S]", "has a class of no characters, or of all; at position 1"),
        ("*a", "repeats nothing; at position 1"),
        ("a{3,2}", "repeats at least more often than at most; at position 2"),
        ("[z-a]", "has a range in a class that goes nowhere"),
        (r"\y", r"has an escape that means nothing: '\\y'; at position 1"),
        ("a\\", "has an escape that means nothing"),
        ("(" * 101 + ")" * 101, "has more than 100 groups within each other"),
    ],
)
def test_what_is_wrong_is_told_with_its_position(pattern: str, trouble: str):
    with pytest.raises(EngineError) as error:
        regex_gbnf(pattern)
    assert trouble in str(error.value)
    assert (error.value.code, error.value.param) == ("invalid_value", "regex")


# ---------------------------------------------------------------- as llama.cpp reads it

LETTERS = "ab1- \n"
TEXTS = ["".join(letters) for size in range(4) for letters in product(LETTERS, repeat=size)]


@pytest.mark.engine
@pytest.mark.parametrize(
    "pattern",
    [
        "a*b",
        "(a|b)+",
        "(?:a|b1)?",
        "a{2}|1{1,2}",
        "(a{0,2}b){1,}",
        r"\d\w\s",
        r"\D\W?\S*",
        "[^a-b]*",
        r"[\w-]+",
        r"[^\d\s]{2}",
        "a.b",
        ".*?",
        "(a*)*b",
        "(a|b?)+1",
        "^(?P<x>a)(?<y>b)$",
        r"\x61|\u0062|\n",
        r"[a\]\-1]{3}",
        r"[\]a-]",
        "",
    ],
)
def test_a_grammar_allows_what_the_pattern_matches(matches, pattern: str):
    """All short texts of a few letters, as the standard library sees them."""
    pythonic = pattern.replace("(?<y>", "(?P<y>")
    allowed = matches(regex_gbnf(pattern))
    for text in TEXTS:
        expected = re.fullmatch(pythonic, text, re.ASCII) is not None
        assert allowed(text) == expected, text


@pytest.fixture(scope="module")
def matches(make_llama):
    """Says whether a grammar allows a text as a whole; by llama.cpp."""
    from voice.engines.llama_grammar import compiled  # noqa: PLC0415 - an extra

    model = make_llama()._model
    lib = model.lib

    def allowed(grammar, token: int) -> bool:
        data = (lib.llama_token_data * 1)((token, 1.0, 0.0))
        candidates = lib.llama_token_data_array(data, 1, -1, False)
        lib.llama_sampler_apply(grammar, candidates)
        return data[0].logit == 1.0

    def of(gbnf: str):
        whole = compiled(model, gbnf, "regex")

        def match(text: str) -> bool:
            grammar = lib.llama_sampler_clone(whole)
            try:
                for token in model.tokenized(text):
                    if not allowed(grammar, token):
                        return False
                    lib.llama_sampler_accept(grammar, token)
                return allowed(grammar, lib.llama_vocab_eos(model.vocabulary))
            finally:
                lib.llama_sampler_free(grammar)

        return match

    return of
