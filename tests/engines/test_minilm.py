import json
from pathlib import Path

import numpy as np
import pytest

from tests.engines import tiny_bert
from voice.config import Settings
from voice.engines import bert_model
from voice.engines.minilm import BATCH_TOKENS, MiniLM
from voice.engines.protocols import EngineError
from voice.engines.weights import weights_of

LONG = "cat " * (tiny_bert.POSITIONS - 2)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tiny_bert.write(tmp_path / "tiny")


@pytest.fixture
def exact(folder) -> MiniLM:
    return MiniLM(str(folder), "float32", threads=1)


@pytest.fixture
def real() -> MiniLM:
    """The true model, where somebody has it."""
    if (model := next(weights_of(Settings()).minilms(), None)) is None:
        pytest.skip("the weights are not here: voice pull minilm")
    return MiniLM(str(model.path), threads=1)


def vectors(engine: MiniLM, *inputs) -> np.ndarray:
    found = engine.embed(inputs)
    return np.frombuffer(found.vectors, "<f4").reshape(len(inputs), engine.dimensions)


# ---------------------------------------------------------------- what comes out


def test_in_float32_it_is_the_model_that_its_weights_say(folder, exact):
    texts = ("the cat sat on a mat", "dogs", LONG)
    tokenizer = bert_model.open_tokenizer(folder)
    weights = tiny_bert.random_tensors()
    right = [tiny_bert.reference(tokenizer.encode(text).ids, weights) for text in texts]
    np.testing.assert_allclose(vectors(exact, *texts), right, atol=2e-6)


def test_in_8_bits_it_is_nearly_the_same(folder, exact):
    texts = ("the cat sat on a mat", "dogs run", LONG)
    close = (vectors(exact, *texts) * vectors(MiniLM(str(folder)), *texts)).sum(axis=1)
    assert close.min() > 0.995
    assert close.max() < 1


def test_a_vector_does_not_depend_on_what_it_is_batched_with(exact):
    alone = vectors(exact, "dogs run far away")
    together = vectors(exact, LONG, "dogs run far away", "the")
    np.testing.assert_allclose(together[1], alone[0], atol=1e-6)


def test_many_inputs_come_back_in_their_order(exact):
    count = 3 * BATCH_TOKENS // tiny_bert.POSITIONS
    texts = [f"{LONG[: 4 * (number % 20)]} dogs" for number in range(count)]
    found = vectors(exact, *texts)
    for number in range(0, count, 37):
        np.testing.assert_allclose(found[number], vectors(exact, texts[number])[0], atol=1e-6)


def test_tokens_are_the_same_as_their_text(exact):
    text = vectors(exact, "the cat sat")
    ids = (2, *(tiny_bert.WORDS.index(word) for word in ("the", "cat", "sat")), 3)
    np.testing.assert_array_equal(vectors(exact, ids), text)


def test_vectors_have_length_one_and_tokens_are_counted(exact):
    found = exact.embed(["the cat", (4, 5, 6)])
    assert found.tokens == (4, 3)
    lengths = np.linalg.norm(np.frombuffer(found.vectors, "<f4").reshape(2, -1), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)
    assert exact.embed([]).vectors == b""


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (LONG + "cat", "context_length_exceeded", "has 25 tokens; the model takes 24 at most"),
        ((2,) * 25, "context_length_exceeded", "has 25 tokens"),
        ((2, len(tiny_bert.WORDS)), "invalid_value", "whose ids go from 0 to 13"),
        ((-1,), "invalid_value", "no tokens of this model"),
        ((), "invalid_value", "has no tokens"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(exact, wrong, code, words):
    with pytest.raises(EngineError, match=words) as caught:
        exact.embed(["the cat", wrong])
    assert (caught.value.code, caught.value.param) == (code, "input[1]")


@pytest.mark.parametrize("missing", bert_model.FILES)
def test_a_folder_without_one_of_its_files_is_no_model(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(EngineError, match=f"{missing} is missing"):
        MiniLM(str(folder))


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("config.json", "{}", "is no BERT: Object missing required field"),
        ("config.json", json.dumps(tiny_bert.CONFIG | {"model_type": "t5"}), "but a 't5'"),
        ("config.json", json.dumps(tiny_bert.CONFIG | {"num_hidden_layers": 9}), "has no tensor"),
        ("tokenizer.json", "{}", "is no tokenizer"),
        ("model.safetensors", "x" * 100, "is no safetensors file"),
        ("1_Pooling/config.json", '{"pooling_mode_mean_tokens": false}', "wants another pooling"),
    ],
)
def test_a_broken_model_is_an_error_that_names_the_file(folder, file, content, words):
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(content)
    with pytest.raises(EngineError, match=words) as caught:
        MiniLM(str(folder))
    assert str(folder) in str(caught.value)


def test_weights_that_were_cut_short_are_an_error_and_leave_nothing(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(EngineError, match="is cut short"):
        MiniLM(str(folder))
    assert list(bert_model.cache_folder().iterdir()) == []


# ---------------------------------------------------------------- the converted model


def conversions() -> list[Path]:
    return sorted(bert_model.cache_folder().iterdir())


def test_the_second_start_takes_what_the_first_made(folder):
    first = MiniLM(str(folder))
    (made,) = conversions()
    made_ns = (made / "model.bin").stat().st_mtime_ns
    second = MiniLM(str(folder))
    assert (made / "model.bin").stat().st_mtime_ns == made_ns
    assert first.embed(["the cat"]) == second.embed(["the cat"])


def test_other_weights_or_types_are_converted_on_their_own(folder):
    MiniLM(str(folder))
    MiniLM(str(folder), "float32")
    tiny_bert.write(folder, tiny_bert.random_tensors(seed=2))
    MiniLM(str(folder))
    assert len(conversions()) == 3


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_conversion_that_is_damaged_is_made_anew(folder, size):
    right = MiniLM(str(folder)).embed(["the cat"])
    (made,) = conversions()
    model = made / "model.bin"
    model.write_bytes(model.read_bytes()[:size])
    assert MiniLM(str(folder)).embed(["the cat"]) == right


def test_a_folder_that_cannot_be_written_is_named(folder, monkeypatch):
    blocked = folder / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.raises(EngineError, match=r"cannot hold the converted model .* XDG_CACHE_HOME"):
        MiniLM(str(folder))


# ---------------------------------------------------------------- the true weights


@pytest.mark.engine
def test_the_true_model_finds_paraphrases_closer_than_other_things(real):
    pairs = [
        ("How do I reset my password?", "I forgot my login and need a new one."),
        ("The shop opens at nine.", "We start selling at 9 in the morning."),
        ("A man is playing a guitar.", "Someone strums a string instrument."),
    ]
    left, right = (vectors(real, *side) for side in zip(*pairs, strict=True))
    likeness = left @ right.T
    assert likeness.argmax(axis=1).tolist() == [0, 1, 2]
    assert likeness.diagonal().min() > 0.3
    assert likeness[~np.eye(3, dtype=bool)].max() < 0.2
    assert (real.dimensions, real.max_tokens) == (384, 512)
