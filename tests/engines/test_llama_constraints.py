"""Answers that are bound to a form, by a model that would rather say hello."""

import re
from collections.abc import Callable

import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from tests.engines import models
from tests.engines.answers import answer, finished, said
from tests.engines.conftest import HELLO
from voice.engines.llama import Llama
from voice.engines.protocols import CallStarted, EngineError, Finished, Tool

pytestmark = pytest.mark.engine

Maker = Callable[..., Llama]

TIME = Tool(name="time")
TEMPLATE = models.CHATML + "{# tools: <tool_call> #}"


@pytest.mark.parametrize("temperature", [0.0, 3.0])
@pytest.mark.parametrize(
    "pattern",
    [
        r"[A-Z]{3}-\d{4}",
        "yes|no",
        r"(\d{1,3}\.){3}\d{1,3}",
        "[^a-z]{5}",
        "日(本|🎉){2}",
        r"\w+@\w+\.org",
    ],
)
def test_a_regex_is_kept(llama: Llama, pattern: str, temperature: float):
    """As a whole, at any temperature."""
    pieces = answer(llama, regex=pattern, temperature=temperature, seed=1, max_tokens=400)
    assert re.fullmatch(pattern, said(pieces)) or finished(pieces).reason == "length"
    assert said(pieces)


def test_a_regex_that_the_model_keeps_by_itself_changes_nothing(llama: Llama):
    assert said(answer(llama, regex=r"Hello .*!")) == HELLO


def test_a_regex_with_too_many_repetitions_is_an_error(llama: Llama):
    """llama.cpp's own bound."""
    with pytest.raises(EngineError, match=r"regular expression .* number of repetitions") as error:
        answer(llama, regex="a{100000}")
    assert error.value.param == "regex"


@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_one_of_the_choices_is_made(llama: Llama, temperature: float):
    """Whatever letters it has."""
    choices = ('say "hi"', "back\\slash", "two\nlines", "日本", "Hello there!")
    for seed in range(5):
        text = said(answer(llama, choices=choices, temperature=temperature, seed=seed))
        assert text in choices


def test_the_choice_is_the_models(llama: Llama):
    """It began what it would say."""
    assert said(answer(llama, choices=("Goodbye.", HELLO))) == HELLO


def test_a_grammar_is_kept(llama: Llama):
    grammar = 'root ::= greeting ", " ("you" | "me")\ngreeting ::= "Hi" | "Bye"\n'
    assert said(answer(llama, grammar=grammar)) in {"Hi, you", "Hi, me", "Bye, you", "Bye, me"}


@pytest.mark.parametrize(
    ("grammar", "trouble"),
    [
        ('root = "a"', "expecting ::= at line 1, column 6: '= \"a\"'"),
        ('root ::= "a"\nb = "c"\n', "expecting ::= at line 2, column 3: '= \"c\"'"),
        ('root ::= "a" thing', "Undefined rule identifier 'thing'"),
        ('root ::= "a', "unexpected end of input"),
        ('root ::= "日" "\\q"', "unknown escape at line 1, column 15"),
        ('start ::= "a"', "grammar does not contain a 'root' symbol"),
        ('root ::= root "a" | "b"', "left recursion"),
        ("", "it is empty"),
        ("root ::= " + "(" * 2001 + '"a"' + ")" * 2001, "more than 2000 brackets"),
    ],
)
def test_a_grammar_that_is_none_is_an_error_that_says_where(
    llama: Llama, capfd: pytest.CaptureFixture[str], grammar: str, trouble: str
):
    """What the library prints is in the message, and nowhere else."""
    with pytest.raises(EngineError, match=re.escape(trouble)) as error:
        answer(llama, grammar=grammar)
    assert str(error.value).startswith("the grammar is no valid GBNF: ")
    assert (error.value.code, error.value.param) == ("invalid_value", "grammar")
    assert capfd.readouterr().err == ""
    assert said(answer(llama)) == HELLO


def test_a_dead_end_is_an_error(llama: Llama):
    """Rather than a token that is not allowed, of which llama.cpp would die."""
    only = llama._model.tokenized("x")
    bias = dict.fromkeys(only, -100.0)
    for temperature in (0.0, 1.0):
        with pytest.raises(EngineError, match="leave none of the model's tokens"):
            answer(llama, grammar='root ::= "x"', logit_bias=bias, temperature=temperature)
    assert said(answer(llama)) == HELLO


def test_any_object_is_one(make_llama: Maker):
    """A schema may ask for no more than that."""
    text = '{"a": [1, {"b": null}], "c": "日"}'
    assert said(answer(make_llama(text), json_schema={"type": "object"})) == text
    found = said(answer(make_llama(), json_schema={"type": "object"}, max_tokens=100))
    assert found.startswith("{")
    assert said(answer(make_llama("[1]"), json_schema={"type": "object"}, max_tokens=1)) == "{"


def test_the_name_of_a_control_token_is_no_text(make_llama: Maker):
    """Its letters keep the grammar, but nobody would see them."""
    model = make_llama("abc<|im_start|>xyz")
    assert said(answer(model)) == "abcxyz"
    control = models.CONTROL.index("<|im_start|>")
    pieces = answer(model, regex="a.*", max_tokens=8, logit_bias={control: 50.0})
    assert len(said(pieces).encode()) >= 8
    assert control not in model._sequence.tokens[finished(pieces).input_tokens :]


# ---------------------------------------------------------------- beside tools


OPENED = TEMPLATE.replace("assistant\n", "assistant\n<think>\n")


def test_a_bound_answer_is_not_taken_for_a_thought(make_llama: Maker):
    """The template has opened one, in which the grammar would keep the model for ever."""
    model = make_llama(template=OPENED)
    pieces = answer(model, choices=("x", "y"))
    assert said(pieces) in {"x", "y"}
    rendered = "|user\nHi|\n|assistant\n<think>\n\n</think>\n\n"
    assert finished(pieces).input_tokens == len(rendered)


def test_a_forced_call_is_made_outside_of_thoughts(make_llama: Maker):
    pieces = answer(make_llama(template=OPENED), tools=(TIME,), tool_choice="required")
    rendered = "|user\nHi|\n|assistant\n<think>\n\n</think>\n\n<tool_call>\n"
    assert finished(pieces) == Finished("tool_calls", len(rendered), finished(pieces).output_tokens)


@pytest.mark.parametrize(
    "fields",
    [
        {"json_schema": {"type": "object", "properties": {"x": {"type": "null"}}}},
        {"regex": r"\{.*\}"},
        {"choices": ("{}", "{ }")},
        {"grammar": 'root ::= "{" item "}"\nitem ::= ""'},
    ],
)
def test_an_answer_is_bound_where_a_tool_may_be_called(llama: Llama, fields: dict[str, object]):
    """The model is free to call one, or to answer in the form that is asked for."""
    pieces = answer(llama, tools=(TIME,), max_tokens=60, **fields)
    assert said(pieces).startswith("{") or any(isinstance(piece, CallStarted) for piece in pieces)


@pytest.mark.parametrize(
    "fields",
    [
        {"json_schema": {"type": "object"}},
        {"regex": r'\{"x": \w+\}'},
        {"choices": ('{"x": null}', "never")},
        {"grammar": 'root ::= "{" item "}"\nitem ::= "\\"x\\": null"'},
    ],
)
def test_no_tool_need_be_called_where_an_answer_is_bound(
    make_llama: Maker, fields: dict[str, object]
):
    """The model keeps to the form by itself."""
    text = '{"x": null}'
    assert said(answer(make_llama(text, template=TEMPLATE), tools=(TIME,), **fields)) == text


@pytest.mark.parametrize("fields", [{"regex": "never"}, {"json_schema": {"type": "object"}}])
def test_a_tool_may_be_called_where_an_answer_is_bound(
    make_llama: Maker, fields: dict[str, object]
):
    """With the model's own marker."""
    call = '<tool_call>\n{"name": "time", "arguments": {}}'
    pieces = answer(make_llama(call, template=TEMPLATE), tools=(TIME,), **fields)
    assert said(pieces) == ""
    assert [piece.name for piece in pieces if isinstance(piece, CallStarted)] == ["time"]
    assert finished(pieces).reason == "tool_calls"


def test_without_a_choice_of_tools_the_answer_is_bound(llama: Llama):
    assert said(answer(llama, tools=(TIME,), tool_choice="none", choices=("x",))) == "x"
