"""Embeddings by llama.cpp, compared with the same arithmetic in plain numpy."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from tests.engines import embedding_models as models
from voice.engines.llama_embedder import LlamaEmbedder
from voice.engines.protocols import Embeddings, EngineError

pytestmark = pytest.mark.engine

CLS, SEP, THE, CAT, DOG, SAT = 2, 3, 4, 5, 6, 7
MEAN, FIRST, LAST, RANK = 1, 2, 3, 4


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def rows(found: Embeddings) -> np.ndarray:
    """(inputs, WIDTH) float32."""
    return np.frombuffer(found.vectors, "<f4").reshape(len(found.tokens), models.WIDTH)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> tuple[LlamaEmbedder, models.Tensors]:
    path = tmp_path_factory.mktemp("bert") / "bert.gguf"
    tensors = models.bert(path)
    return LlamaEmbedder(str(path), n_threads=1), tensors


def test_a_text_becomes_the_mean_of_what_the_model_made_of_its_tokens(bert):
    """Between the tokens that frame a text."""
    embedder, tensors = bert
    found = embedder.embed(["the cat sat"])
    expected = unit(models.bert_hidden(tensors, [CLS, THE, CAT, SAT, SEP]).mean(axis=0))
    assert found.tokens == (5,)
    assert rows(found)[0] == pytest.approx(expected, abs=5e-3)


def test_inputs_are_answered_in_order_and_do_not_touch_each_other(bert):
    """Texts and tokens, of any lengths."""
    embedder, tensors = bert
    inputs = ["the cats sat the dog", (THE, DOG), "dog", (CLS, THE, CAT, SAT, SEP), "the cat sat"]
    found = embedder.embed(inputs)
    assert found.tokens == (8, 2, 3, 5, 5)
    for one, row in zip(inputs, rows(found), strict=True):
        assert row == pytest.approx(rows(embedder.embed([one]))[0], abs=1e-6)
    assert rows(found)[1] == pytest.approx(
        unit(models.bert_hidden(tensors, [THE, DOG]).mean(axis=0)), abs=5e-3
    )
    assert rows(found)[3] == pytest.approx(rows(found)[4], abs=1e-6)
    assert np.abs(rows(found)[0] - rows(found)[4]).max() > 0.01


def test_vectors_have_length_one(bert):
    embedder, _ = bert
    assert embedder.dimensions == models.WIDTH
    lengths = np.linalg.norm(rows(embedder.embed(["the", "cat dog sat"])), axis=1)
    assert lengths == pytest.approx([1.0, 1.0], abs=1e-6)


def test_nothing_is_asked_and_nothing_told(bert):
    assert bert[0].embed([]) == Embeddings(vectors=b"", tokens=())


@pytest.mark.parametrize(("pooling", "row"), [(FIRST, 0), (LAST, -1)])
def test_the_vector_is_the_token_that_the_model_names(tmp_path: Path, pooling: int, row: int):
    tensors = models.bert(tmp_path / "m.gguf", pooling)
    found = LlamaEmbedder(str(tmp_path / "m.gguf"), n_threads=1).embed(["the cat"])
    expected = unit(models.bert_hidden(tensors, [CLS, THE, CAT, SEP])[row])
    assert rows(found)[0] == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize("pooling", [None, MEAN, LAST])
def test_a_decoder_embeds_too(tmp_path: Path, pooling: int | None):
    """By its last token, or the mean of all; one that does not say takes the mean."""
    tensors = models.llama(tmp_path / "m.gguf", pooling)
    embedder = LlamaEmbedder(str(tmp_path / "m.gguf"), n_threads=1)
    for text, tokens in (("fa", [0, 7, 2]), ("abc", [0, 2, 3, 4]), ("fa", [0, 7, 2])):
        hidden = models.llama_hidden(tensors, tokens)
        expected = unit(hidden[-1] if pooling == LAST else hidden.mean(axis=0))
        found = embedder.embed([text])
        assert found.tokens == (len(tokens),)
        assert rows(found)[0] == pytest.approx(expected, abs=2e-3)


def test_what_looks_like_a_control_token_is_text(tmp_path: Path):
    """A document may speak of them."""
    models.llama(tmp_path / "m.gguf", MEAN)
    embedder = LlamaEmbedder(str(tmp_path / "m.gguf"), n_threads=1)
    with pytest.raises(EngineError, match="has 51 tokens"):
        embedder.embed(["a" * 50])
    # Of `</s>` no letter is in the vocabulary: as a token it would count.
    assert embedder.embed(["ab</s>"]).tokens == embedder.embed(["ab"]).tokens


# ---------------------------------------------------------------- what is refused


def test_an_input_that_is_too_long_is_refused_and_not_cut(bert):
    """It is named; what fits to the last token is embedded."""
    embedder, tensors = bert
    longest = (CAT,) * models.CONTEXT
    assert embedder.max_tokens == models.CONTEXT
    expected = unit(models.bert_hidden(tensors, [*longest]).mean(axis=0))
    assert rows(embedder.embed([longest]))[0] == pytest.approx(expected, abs=5e-3)
    with pytest.raises(EngineError, match=r"has 49 tokens .* at most 48 at once") as error:
        embedder.embed(["the", (*longest, CAT)])
    assert (error.value.code, error.value.param) == ("context_length_exceeded", "input[1]")


def test_a_smaller_context_may_be_asked_for(tmp_path: Path):
    """Never a larger one than the model was trained for."""
    models.bert(tmp_path / "m.gguf")
    assert LlamaEmbedder(str(tmp_path / "m.gguf"), n_ctx=8, n_threads=1).max_tokens == 8
    assert LlamaEmbedder(str(tmp_path / "m.gguf"), n_ctx=0, n_threads=1).max_tokens == 48


@pytest.mark.parametrize("token", [-1, 9, 2**40])
def test_an_unknown_token_is_an_error(bert, token: int):
    with pytest.raises(EngineError, match=f"no token {token}: its tokens are 0 to 8") as error:
        bert[0].embed([(THE, token)])
    assert (error.value.code, error.value.param) == ("invalid_value", "input[0]")


def test_an_empty_input_is_an_error(bert):
    with pytest.raises(EngineError, match="input is empty"):
        bert[0].embed(["the", ()])


def test_a_model_that_only_ranks_is_an_error(tmp_path: Path):
    models.bert(tmp_path / "m.gguf", RANK)
    with pytest.raises(EngineError, match="ranks texts"):
        LlamaEmbedder(str(tmp_path / "m.gguf"), n_threads=1)
