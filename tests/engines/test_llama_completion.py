"""Going on from a text or tokens of one's own, without a chat around them."""

from collections.abc import Callable

import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from tests.engines import models
from tests.engines.answers import answer, finished, never, said
from tests.engines.conftest import HELLO
from voice.engines.llama import Llama
from voice.engines.protocols import EngineError, Finished, Prompt

pytestmark = pytest.mark.engine

Maker = Callable[..., Llama]

LINE_END = len(models.CONTROL) + ord("\n")
BEGIN = models.CONTROL.index("<|im_start|>")


def test_a_text_is_gone_on_from_as_it_is(llama: Llama):
    """No template is around it: the model has read nothing else."""
    pieces = answer(llama, text="abc\n")
    assert said(pieces) == HELLO
    assert finished(pieces).input_tokens == 4
    assert llama._sequence.tokens[:4] == [len(models.CONTROL) + byte for byte in b"abc\n"]


def test_tokens_are_gone_on_from_as_they_are(make_llama: Maker):
    """Even by a model that wants a first token before a text."""
    model = make_llama(begins=True)
    pieces = answer(model, text=(LINE_END + 1, LINE_END))
    assert said(pieces) == HELLO
    assert finished(pieces).input_tokens == 2
    assert model._sequence.tokens[:2] == [LINE_END + 1, LINE_END]


def test_a_text_begins_as_the_model_wants(make_llama: Maker):
    """Once, even where the text does so itself."""
    model = make_llama(begins=True)
    for text in ("\n", "<|im_start|>\n"):
        assert finished(answer(model, text=text)).input_tokens == 2
        assert model._sequence.tokens[:2] == [BEGIN, LINE_END]


def test_nothing_is_gone_on_from_as_well(llama: Llama):
    """From the token that begins a text, which is counted."""
    for nothing in ("", ()):
        pieces = answer(llama, text=nothing, max_tokens=1)
        assert finished(pieces) == Finished("length", 1, 1)
        assert llama._sequence.tokens[0] == BEGIN


def test_thoughts_are_passed_on(make_llama: Maker):
    """Who wrote the text knows what follows it."""
    thinking = "<think>Hm.</think>\n\nFour."
    assert said(answer(make_llama(thinking), text="\n")) == thinking


def test_the_last_message_is_not_read_beside_a_text(llama: Llama):
    """The text stands instead of a chat."""
    asked = Prompt(text="\n", temperature=0.0)
    assert list(llama.generate(asked, never))[-1].input_tokens == 1


def test_all_else_acts_on_a_completion_too(llama: Llama):
    """Stops, limits and forms."""
    assert said(answer(llama, text="\n", stop=(" there",))) == "Hello"
    assert finished(answer(llama, text="\n", max_tokens=3)) == Finished("length", 1, 3)
    assert said(answer(llama, text="\n", choices=("x", "y"))) in {"x", "y"}


@pytest.mark.parametrize("token", [-1, 100_000, 2**40])
@pytest.mark.parametrize("suffix", [None, "b"])
def test_an_unknown_token_is_an_error(make_llama: Maker, token: int, suffix: str | None):
    """It names the token and the vocabulary; llama.cpp is not asked."""
    model = make_llama(infills=True)
    last = model._model.n_tokens - 1
    with pytest.raises(EngineError, match=f"no token {token}: its tokens are 0 to {last}") as error:
        answer(model, text=(LINE_END, token), suffix=suffix)
    assert (error.value.code, error.value.param) == ("invalid_value", "text")


def test_a_text_that_is_too_long_is_an_error_with_numbers(llama: Llama):
    """Not cut."""
    with pytest.raises(EngineError, match=r"prompt has 600 tokens .* context holds 512:") as error:
        answer(llama, text="x" * 600)
    assert (error.value.code, error.value.param) == ("context_length_exceeded", "text")
    with pytest.raises(EngineError) as error:
        answer(llama, text=(LINE_END,) * 513, max_tokens=0)
    assert error.value.code == "context_length_exceeded"


def test_a_text_may_fill_the_context_up_to_what_is_asked_for(llama: Llama):
    """Room for an answer that is not wanted need not be left."""
    text = "x" * 508 + "\n"
    assert finished(answer(llama, text=text, max_tokens=3)) == Finished("length", 509, 3)
    with pytest.raises(EngineError):
        answer(llama, text=text, max_tokens=4)


@pytest.mark.parametrize("letter", ["1", "x", "?", " ", "日"])
def test_a_long_run_of_a_letter_does_not_kill_the_process(llama: Llama, letter: str):
    """llama.cpp takes texts apart by recursion."""
    with pytest.raises(EngineError, match=f"has {300_000 * len(letter.encode())} tokens"):
        answer(llama, text=letter * 300_000)


def test_a_long_run_does_not_hide_the_control_tokens_around_it(make_llama: Maker):
    """Wherever it is cut; the text is the same in parts as as a whole."""
    model = make_llama(begins=True)._model
    for size in range(4085, 4110):
        text = "<" * size + "<|im_end|>" + "1" * size + "<|im_end|>"
        letters = [len(models.CONTROL) + byte for byte in text.replace("<|im_end|>", "").encode()]
        tokens = model.tokenized(text, controls=True, framed=True)
        assert tokens == [BEGIN, *letters[:size], 0, *letters[size:], 0]


# ---------------------------------------------------------------- filling in


def test_a_gap_is_filled(make_llama: Maker):
    """The model is shown what comes before and after it, each marked as it was trained."""
    model = make_llama(begins=True, infills=True)
    before, after, gap = model._model.infill_tokens()
    letters = {letter: len(models.CONTROL) + ord(letter) for letter in "abcd"}
    expected = [BEGIN, before, letters["a"], letters["b"], after, letters["c"], letters["d"], gap]
    for text in ("ab", (letters["a"], letters["b"])):
        pieces = answer(model, text=text, suffix="cd")
        assert said(pieces) == HELLO
        assert model._sequence.tokens[:8] == expected
        assert finished(pieces).input_tokens == 8


def test_a_marker_in_what_is_filled_in_is_text(make_llama: Maker):
    """It could otherwise move the gap."""
    model = make_llama(infills=True)
    pieces = answer(model, text="<|gap|>", suffix="<|after|>")
    assert finished(pieces).input_tokens == 3 + len("<|gap|><|after|>")


def test_a_model_without_marks_takes_no_suffix(llama: Llama, make_llama: Maker):
    """It says so, before and when it is asked."""
    assert "suffix" not in llama.accepts
    assert "suffix" in make_llama(infills=True).accepts
    with pytest.raises(EngineError, match="takes no suffix") as error:
        answer(llama, text="a", suffix="b")
    assert (error.value.code, error.value.param) == ("unsupported_parameter", "suffix")
    assert said(answer(llama, text="\n", suffix="")) == HELLO


def test_all_fields_of_a_prompt_are_honoured(llama: Llama):
    """What is added to a prompt later is to be thought of here."""
    assert llama.accepts == {
        "text",
        "tools",
        "tool_choice",
        "temperature",
        "top_p",
        "seed",
        "top_k",
        "min_p",
        "presence_penalty",
        "frequency_penalty",
        "repetition_penalty",
        "logit_bias",
        "logprobs",
        "json_schema",
        "regex",
        "choices",
        "grammar",
    }
