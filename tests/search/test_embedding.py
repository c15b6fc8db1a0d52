import numpy as np
import pytest

from tests.search.libraries import WordEmbedder, chunks
from voice.engines.fake_embedder import FakeEmbedder
from voice.engines.protocols import EngineError
from voice.search import embedding
from voice.search.embedding import chunk_text, embed_texts


async def test_each_text_has_a_vector_of_length_1():
    found = await embed_texts(WordEmbedder(), ["one", "two three", "one"])
    assert found.shape == (3, 64)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    assert (found[0] == found[2]).all()


async def test_no_texts_have_no_vectors():
    assert (await embed_texts(WordEmbedder(), [])).shape == (0, 64)


async def test_a_long_text_is_embedded_in_pieces():
    embedder = WordEmbedder(max_tokens=50)
    text = " ".join(f"word{number}" for number in range(200))
    (found,) = await embed_texts(embedder, [text])
    whole = (await WordEmbedder(max_tokens=1000).embed([text])).vectors
    assert len(embedder.asked) > 1
    assert float(found @ np.frombuffer(whole, "<f4")) > 0.95


async def test_a_text_of_more_tokens_than_usual_is_cut_smaller():
    embedder = WordEmbedder(max_tokens=50)
    (found,) = await embed_texts(embedder, ["a b c d e f g h " * 100])
    assert np.linalg.norm(found) == pytest.approx(1)
    assert all(len(asked.split()) <= 50 for asked in embedder.asked)


async def test_the_pieces_of_a_text_are_of_one_size():
    embedder = FakeEmbedder(max_tokens=30)
    await embed_texts(embedder, ["one", "b c " * 20, "d " * 20])
    (asked,) = embedder.requests
    assert [len(each.split()) for each in asked] == [1, 20, 20, 20]


async def test_a_text_of_more_tokens_than_it_seemed_is_cut_alone(monkeypatch):
    embedder = FakeEmbedder(max_tokens=20)
    monkeypatch.setattr(embedding, "MARGIN", 3.0)
    found = await embed_texts(embedder, ["b " * 15, "a " * 40, "c " * 20])
    first, second = embedder.requests
    assert [len(each.split()) for each in first] == [15, 40, 20]
    assert [len(each.split()) for each in second] == [15, 20, 20, 20]
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)


async def test_a_text_that_cannot_be_cut_smaller_is_refused():
    class Refusing(WordEmbedder):
        async def embed(self, inputs):
            raise EngineError("This input is too long", "context_length_exceeded", "input[0]")

    with pytest.raises(EngineError, match="too long"):
        await embed_texts(Refusing(), ["one two three", "four"])


async def test_a_text_without_words_has_a_vector_too():
    found = await embed_texts(WordEmbedder(), ["", "  "])
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)


async def test_what_else_goes_wrong_is_told():
    class Broken(WordEmbedder):
        async def embed(self, inputs):
            raise EngineError("The worker has died")

    with pytest.raises(EngineError, match="died"):
        await embed_texts(Broken(), ["text"])


def test_a_chunk_is_searched_by_its_headings_too():
    (plain,) = chunks("text")
    (below,) = chunks("text", headings=("Top", "Below"))
    assert chunk_text(plain) == "text"
    assert chunk_text(below) == "Top > Below\ntext"
