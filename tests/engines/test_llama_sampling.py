"""How llama.cpp's tokens are chosen: each setting of a prompt changes what it says it changes."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from tests.engines.answers import answer, said
from tests.engines.conftest import HELLO
from voice.engines.llama import Llama
from voice.engines.protocols import EngineError

pytestmark = pytest.mark.engine

Maker = Callable[..., Llama]

HOT = {"temperature": 5.0, "max_tokens": 30}
OPEN = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}


@pytest.fixture(scope="module")
def unsure(make_llama: Maker) -> Llama:
    """Says anything when it is hot."""
    return make_llama(certainty=0.2)


@pytest.fixture(scope="module")
def looping(make_llama: Maker) -> Llama:
    """Says `la ` for ever, in one token."""
    return make_llama("la ", loops=True)


def logits(llama: Llama, *, after: str | tuple[int, ...]) -> np.ndarray:
    """What the model thinks of each token that may follow."""
    answer(llama, text=after, max_tokens=0)
    return llama._sequence.logits().copy()


def number(llama: Llama, text: str) -> int:
    """The one token that is this text."""
    (found,) = [
        token for token in range(llama._model.n_tokens) if llama._piece(token) == text.encode()
    ]
    return found


def distinct(llama: Llama, **fields: object) -> int:
    """How many different tokens were said first, with many seeds."""
    fields |= {"max_tokens": 1}
    return len({said(answer(llama, text="\n", seed=seed, **fields)) for seed in range(150)})


# ---------------------------------------------------------------- who may be chosen


@pytest.mark.parametrize("only", [{"top_k": 1}, {"top_p": 0.0}, {"min_p": 1.0}])
def test_the_narrowest_choice_is_the_likeliest_token(unsure: Llama, only: dict[str, float]):
    """However hot the model is; each setting by itself."""
    hot = HOT | OPEN | only
    assert {said(answer(unsure, seed=seed, **hot)) for seed in range(5)} == {HELLO}


def test_top_k_is_how_many_may_be_chosen(unsure: Llama):
    """None but these; what is left open is 40, and 0 is all."""
    open_ = OPEN | {"temperature": 50.0}
    assert distinct(unsure, **open_ | {"top_k": 3}) == 3
    assert 10 < distinct(unsure, **{key: open_[key] for key in open_ if key != "top_k"}) <= 40
    assert distinct(unsure, **open_) > 50


def test_top_p_and_min_p_keep_the_unlikely_out(unsure: Llama):
    """Some of the vocabulary, more than one token."""
    open_ = OPEN | {"temperature": 50.0}
    assert 1 < distinct(unsure, **open_ | {"top_p": 0.1}) < 40
    raw = logits(unsure, after="\n")
    least = float(np.exp(np.sort(raw)[-4] - raw.max()))
    assert distinct(unsure, **open_ | {"min_p": least * 0.9999}) == 4


def test_temperature_zero_is_the_likeliest_token_whatever_the_seed(unsure: Llama):
    """Nothing is left to chance."""
    assert len({said(answer(unsure, seed=seed, temperature=0.0)) for seed in range(5)}) == 1


@pytest.mark.parametrize("seed", [-1, 0, 2**32 - 1, 2**63])
def test_any_seed_is_repeatable(unsure: Llama, seed: int):
    """llama.cpp takes one of them for the wish to have no seed."""
    first, again = (said(answer(unsure, seed=seed, **HOT | OPEN)) for _ in range(2))
    assert first == again


# ---------------------------------------------------------------- biases


def test_a_bias_of_minus_100_bans_a_token(llama: Llama):
    """Even one that the model is sure of."""
    first = number(llama, "Hel")
    assert "Hel" not in said(answer(llama, logit_bias={first: -100.0}))
    assert said(answer(llama, logit_bias={first: -0.001})) == HELLO


def test_a_bias_is_added_to_the_logits(llama: Llama):
    """It takes the lead when it is as large as the distance, and not before."""
    raw = logits(llama, after="\n")
    other = number(llama, "x")
    distance = float(raw.max() - raw[other])
    for bias, first in ((distance - 0.1, "H"), (distance + 0.1, "x")):
        assert said(answer(llama, logit_bias={other: bias}, max_tokens=1))[0] == first


@pytest.mark.parametrize("token", [-1, 1_000_000, 2**40])
def test_a_bias_of_an_unknown_token_is_an_error(llama: Llama, token: int):
    """It names the token and the vocabulary."""
    last = llama._model.n_tokens - 1
    with pytest.raises(
        EngineError, match=rf"no token {token}: its tokens are 0 to {last}"
    ) as error:
        answer(llama, logit_bias={token: 1.0})
    assert (error.value.code, error.value.param) == ("invalid_value", "logit_bias")
    assert said(answer(llama)) == HELLO


# ---------------------------------------------------------------- penalties


def rounds(llama: Llama, **penalties: float) -> int:
    """How often it says its word before it says something else."""
    text = said(answer(llama, max_tokens=12, **penalties))
    return (len(text) - len(text.lstrip("la "))) // 3


def lead(llama: Llama) -> float:
    """How far its word is ahead of all others once it is said."""
    second, first = np.sort(logits(llama, after=(number(llama, "la "),)))[-2:]
    return float(first - second)


def test_without_penalties_it_goes_on_for_ever(looping: Llama):
    """What the others are compared with."""
    assert rounds(looping) == 12
    assert rounds(looping, presence_penalty=0.0, repetition_penalty=1.0) == 12


def test_a_presence_penalty_counts_once(looping: Llama):
    """Less than the lead never matters; more does so after the first time."""
    distance = lead(looping)
    assert rounds(looping, presence_penalty=0.9 * distance) == 12
    assert rounds(looping, presence_penalty=1.1 * distance) == 1


def test_a_frequency_penalty_grows(looping: Llama):
    """Each time adds to it."""
    distance = lead(looping)
    assert rounds(looping, frequency_penalty=1.1 * distance) == 1
    assert rounds(looping, frequency_penalty=0.4 * distance) == 3


def test_only_a_repetition_penalty_looks_at_the_prompt(looping: Llama):
    """As the other two are about what has been written."""
    prompt = (number(looping, "la "), number(looping, "\n"))
    raw = logits(looping, after="\n")
    assert raw.max() > 0
    strong = {"repetition_penalty": 100.0, "max_tokens": 1}
    assert said(answer(looping, text=prompt[1:], **strong)) == "la "
    assert said(answer(looping, text=prompt, **strong)) != "la "
    for name in ("presence_penalty", "frequency_penalty"):
        assert said(answer(looping, text=prompt, max_tokens=1, **{name: 100.0})) == "la "


def test_a_repetition_penalty_divides_the_logit(looping: Llama):
    """By just enough, and by a little less."""
    second, first = np.sort(logits(looping, after=(number(looping, "la "),)))[-2:]
    assert second > 0
    enough = float(first / second)
    assert rounds(looping, repetition_penalty=enough * 0.99) == 12
    assert rounds(looping, repetition_penalty=enough * 1.01) == 1


def test_a_rejected_token_is_not_penalized(looping: Llama):
    """A grammar refuses what the model would say first; that was never said."""
    la, other = number(looping, "la "), number(looping, "y")
    raw = logits(looping, after="\nx")
    bias = {la: float(raw[other] - raw[la]) + 2.0}
    grammar = 'root ::= "x" ("la " | "y")'
    assert said(answer(looping, grammar=grammar, logit_bias=bias, frequency_penalty=5.0)) == "xla "


@pytest.mark.parametrize("penalty", [0.0, -1.0])
def test_a_repetition_penalty_that_means_nothing_is_an_error(llama: Llama, penalty: float):
    """It would divide by zero."""
    with pytest.raises(EngineError, match="repetition_penalty must be above 0") as error:
        answer(llama, repetition_penalty=penalty)
    assert error.value.param == "repetition_penalty"


def test_settings_do_not_outlive_their_answer(unsure: Llama):
    """One after the other, whatever comes between."""
    plain = said(answer(unsure))
    for fields in ({"logit_bias": {number(unsure, "Hel"): -100}}, HOT):
        assert said(answer(unsure, **fields)) != plain
        assert said(answer(unsure)) == plain


def test_all_seeds_differ_from_their_neighbours(unsure: Llama):
    """A seed is not rounded."""
    texts = [said(answer(unsure, seed=seed, **HOT | OPEN)) for seed in range(2**40, 2**40 + 5)]
    assert all(one != other for one, other in pairwise(texts))
