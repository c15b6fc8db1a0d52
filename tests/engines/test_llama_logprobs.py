"""What llama.cpp's model thought of the tokens it said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from tests.engines import models
from tests.engines.answers import USER, answer, never, prompt, said, tokens
from tests.engines.conftest import HELLO
from voice.engines.llama import Llama
from voice.engines.protocols import CallStarted, Piece, TextDelta, TokenLogprob, Tool
from voice.engines.token_trail import bytes_of

pytestmark = pytest.mark.engine

Maker = Callable[..., Llama]


def check_that_tokens_are_the_text(pieces: list[Piece]) -> None:
    """Of each piece, byte for byte."""
    for piece in pieces:
        if isinstance(piece, TextDelta):
            assert b"".join(map(bytes_of, piece.logprobs)) == piece.text.encode()


def test_nothing_is_told_unless_asked(llama: Llama):
    assert tokens(answer(llama)) == []


def test_logprobs_are_those_of_the_model(tmp_path: Path):
    """Computed anew from the weights in the file, for one token after another."""
    path = models.gguf(tmp_path / "m.gguf", HELLO, certainty=0.3)
    llama = Llama(str(path), n_threads=1)
    told = tokens(answer(llama, text="\n", logprobs=4, max_tokens=5))
    token = models.CONTROL.index("<|im_end|>") + len(models.CONTROL) + ord("\n")
    assert len(told) == 5
    for taken in told:
        expected = log_probabilities(path, token)
        token, *others = np.argsort(-expected)[:4]
        assert taken.logprob == pytest.approx(expected[token], abs=2e-3)
        assert [best.logprob for best in taken.top] == pytest.approx(
            expected[[token, *others]], abs=2e-3
        )
        assert taken.top[0].token == taken.token


def log_probabilities(path: Path, token: int) -> np.ndarray:
    """What the tiny model thinks after a token: (tokens,) float32."""
    from gguf import GGUFReader  # noqa: PLC0415 - only tests of this engine need it

    weights = {tensor.name: np.array(tensor.data) for tensor in GGUFReader(path).tensors}

    def norm(vector: np.ndarray) -> np.ndarray:
        return vector / np.sqrt((vector**2).mean() + 1e-5)

    hidden = weights["token_embd.weight"][token]
    gate = weights["blk.0.ffn_gate.weight"] @ norm(hidden)
    up = weights["blk.0.ffn_up.weight"] @ norm(hidden)
    hidden = hidden + weights["blk.0.ffn_down.weight"] @ (gate / (1 + np.exp(-gate)) * up)
    logits = weights["output.weight"] @ norm(hidden)
    return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())


@pytest.mark.parametrize("count", [0, 1, 5, 20, 10_000])
def test_so_many_of_the_likeliest_are_told(llama: Llama, count: int):
    """Best first, and never more than there are."""
    for token in tokens(answer(llama, logprobs=count)):
        assert len(token.top) == min(count, llama._model.n_tokens)
        best = [other.logprob for other in token.top]
        assert best == sorted(best, reverse=True)
        assert all(not other.top for other in token.top)


def test_an_end_that_could_have_been_is_told_by_its_name(llama: Llama):
    """After the last token nothing is likelier."""
    model = answer(llama, logprobs=3, logit_bias={0: -100}, max_tokens=40)
    ends = [token for token in tokens(model) if token.top[0].token == "<|im_end|>"]
    assert ends
    assert ends[0].token != "<|im_end|>"


def test_what_sampling_changes_is_not_in_the_logprobs(llama: Llama):
    """Neither biases nor penalties nor temperature."""
    (plain,) = tokens(answer(llama, logprobs=2, max_tokens=1))
    for fields in ({"temperature": 0.1, "seed": 1}, {"top_k": 1}, {"logit_bias": {30: 5.0}}):
        (changed,) = tokens(answer(llama, logprobs=2, max_tokens=1, **fields))
        assert changed == plain
    (banned,) = tokens(answer(llama, logprobs=2, max_tokens=1, grammar='root ::= "x"'))
    assert banned.token == "x"
    assert banned.top == plain.top
    assert banned.logprob < plain.top[1].logprob


def test_tokens_within_characters_are_told_in_bytes(llama: Llama):
    """The text is whole, and so is what its tokens are together."""
    pieces = answer(llama, logprobs=0)
    check_that_tokens_are_the_text(pieces)
    assert said(pieces) == HELLO
    parts = [token for token in tokens(pieces) if token.raw]
    assert parts
    assert all("\ufffd" in token.token for token in parts)


@pytest.mark.parametrize("start", range(len(HELLO) - 2))
def test_a_stop_string_cuts_the_tokens_where_it_cuts_the_text(llama: Llama, start: int):
    """Wherever it begins."""
    stop = HELLO[start : start + 2]
    pieces = answer(llama, logprobs=0, stop=(stop,))
    assert said(pieces) == HELLO[: HELLO.find(stop)]
    check_that_tokens_are_the_text(pieces)


def test_what_a_stop_string_held_back_keeps_its_tokens(llama: Llama):
    """It looked like a stop until the end."""
    pieces = answer(llama, logprobs=0, stop=("lo, ", "away!!", " therefore"))
    assert said(pieces) == HELLO
    check_that_tokens_are_the_text(pieces)


def test_a_character_cut_by_the_limit_has_its_token(make_llama: Maker):
    """The token is told in its own bytes, the text with a replacement."""
    pieces = answer(make_llama("a日本"), max_tokens=1, logprobs=0)
    assert said(pieces) == "a\ufffd"
    assert [token.raw for token in tokens(pieces)] == ["a日".encode()[:3]]


def test_tokens_of_thoughts_are_not_told(make_llama: Maker):
    """Even where a thought has the words of the answer."""
    for template in (models.CHATML, models.CHATML.replace("assistant\n", "assistant\n<think>\n")):
        opening = "" if "<think>" in template else "<think>"
        model = make_llama(opening + "Four? Yes, 4.</think>\n\nFour.", template=template)
        pieces = answer(model, logprobs=0)
        assert said(pieces) == "Four."
        check_that_tokens_are_the_text(pieces)


def test_tokens_of_calls_are_not_told(make_llama: Maker):
    """Those of what is said before them are, and come before them."""
    call = '<tool_call>{"name": "time", "arguments": {}}</tool_call>'
    model = make_llama(f"Wait. {call}", template=models.CHATML + "{# tools: <tool_call> #}")
    pieces = answer(model, tools=(Tool(name="time"),), logprobs=0)
    kinds = [type(piece) for piece in pieces]
    assert said(pieces) == "Wait."
    assert TextDelta not in kinds[kinds.index(CallStarted) :]
    check_that_tokens_are_the_text(pieces)


def test_tokens_of_what_is_said_after_a_call_are_told(make_llama: Maker):
    """They are those at the end."""
    call = '<tool_call>{"name": "time", "arguments": {}}</tool_call>'
    model = make_llama(f"Wait. {call}So it is.", template=models.CHATML + "{# <tool_call> tools #}")
    pieces = answer(model, tools=(Tool(name="time"),), logprobs=0)
    assert said(pieces) == "Wait.So it is."
    check_that_tokens_are_the_text(pieces)


def test_a_cancelled_answer_ends_within_one_token_with_logprobs_too(llama: Llama):
    seen: list[Piece] = []
    for piece in llama.generate(prompt(USER, logprobs=5), lambda: len(seen) == 3):
        seen.append(piece)  # noqa: PERF402 - the generator looks at what was seen
    assert len(seen) == 3
    assert said(seen) == "Hello the"
    check_that_tokens_are_the_text(seen)


def test_logprobs_cross_the_border_of_a_process(llama: Llama):
    """As MessagePack."""
    import msgspec  # noqa: PLC0415 - of no other use here

    whole = tokens(list(llama.generate(prompt(USER, logprobs=2), never)))
    decoder = msgspec.msgpack.Decoder(list[TokenLogprob])
    assert decoder.decode(msgspec.msgpack.encode(whole)) == whole
