import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.search.libraries import EMBEDDER, STORE, chunks, document, store, vectors
from voice.search.errors import SearchError
from voice.search.filters import compile_filter, parse_filter
from voice.search.memory_index import MemoryIndex
from voice.search.searcher import Questions, Ranking, Searcher


@pytest.fixture
def searcher(records):
    return Searcher(records, records.vector_index or MemoryIndex(records))


def ask(searcher, *texts, rows=None, stores=(STORE,), wanted=None, limit=10, **ranking):
    return searcher.search(
        Questions(
            store_ids=stores,
            texts=texts,
            vectors=None if rows is None else vectors(*rows),
            embedder=EMBEDDER,
            wanted=compile_filter(parse_filter(wanted)) if wanted else None,
            limit=limit,
            ranking=Ranking(**ranking),
        )
    )


def texts(passages):
    return [each.chunk.text for each in passages]


@pytest.fixture
def _four(records):
    """By words b, c and d fit; by vectors a and b do, the latter less."""
    kept = chunks("lava flows", "volcano erupts", "volcano and sea", "a volcano among many others")
    rows = vectors([1, 0, 0], [1, 0.3, 0], [0, 1, 0], [0, 1, 1])
    records.put(document(), kept, rows, EMBEDDER)


@pytest.mark.usefixtures("_four")
class TestFused:
    def test_what_fits_by_words_and_by_vectors_goes_first(self, searcher):
        found = ask(searcher, "volcano", rows=[[1, 0, 0]])
        assert texts(found)[0] == "volcano erupts"
        assert len(found) == 4

    def test_scores_fall_from_one_to_nothing(self, searcher):
        scores = [each.score for each in ask(searcher, "volcano", rows=[[1, 0, 0]])]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)

    def test_a_score_is_the_mean_of_cosine_and_share_of_words(self, searcher):
        best = ask(searcher, "volcano", rows=[[1, 0.3, 0]])[0]
        assert best.chunk.text == "volcano erupts"
        assert best.score == pytest.approx(1.0)
        assert ask(searcher, "volcano", rows=[[0, 0, -1]])[0].score == pytest.approx(0.5)

    def test_a_score_does_not_depend_on_how_many_are_asked_for(self, searcher):
        one = ask(searcher, "volcano", rows=[[1, 0, 0]], limit=1)
        assert one == ask(searcher, "volcano", rows=[[1, 0, 0]])[:1]

    def test_by_vectors_alone(self, searcher):
        found = ask(searcher, "volcano", rows=[[1, 0, 0]], keyword_weight=0.0)
        assert texts(found)[:2] == ["lava flows", "volcano erupts"]
        assert found[0].score == pytest.approx(1.0)

    def test_by_keywords_alone(self, searcher):
        found = ask(searcher, "volcano", rows=[[1, 0, 0]], vector_weight=0.0)
        assert len(found) == 3
        assert "lava flows" not in texts(found)
        assert found[0].score == pytest.approx(1.0)

    def test_by_nothing_nothing_is_found(self, searcher):
        assert ask(searcher, "volcano", keyword_weight=0.0, vector_weight=0.0) == []

    def test_without_vectors_of_the_question_keywords_are_searched(self, searcher):
        assert len(ask(searcher, "volcano")) == 3

    def test_several_questions_are_fused_and_the_best_counts(self, searcher):
        found = ask(searcher, "lava", "sea", rows=[[1, 0, 0], [0, 1, 0]], limit=2)
        assert set(texts(found)) == {"lava flows", "volcano and sea"}
        assert [each.score for each in found] == pytest.approx([1.0, 1.0])

    def test_another_embedder_is_refused_with_the_remedy(self, searcher):
        with pytest.raises(SearchError, match=r"3 dimensions.*voice index --rebuild"):
            ask(searcher, "volcano", rows=[[1, 0]])

    def test_another_embedder_does_not_matter_where_keywords_are_asked_for(self, searcher):
        assert ask(searcher, "volcano", rows=[[1, 0]], vector_weight=0.0)


def test_several_stores_are_searched_as_one(records, searcher):
    records.put_store(store("vs_2"))
    records.put_store(store("vs_3"))
    records.put(document("a"), chunks("volcano one"), vectors([1, 1]), EMBEDDER)
    records.put(document("b", store_id="vs_2"), chunks("lava"), vectors([1, 0]), EMBEDDER)
    records.put(document("c", store_id="vs_3"), chunks("volcano three"), None, "")
    found = ask(searcher, "volcano", rows=[[1, 0]], stores=(STORE, "vs_2", "vs_3"))
    assert {each.document.store_id for each in found} == {STORE, "vs_2", "vs_3"}
    only = ask(searcher, "volcano", rows=[[1, 0]], stores=("vs_2", "vs_3"))
    assert set(texts(only)) == {"lava", "volcano three"}


def test_a_filter_holds_for_words_and_vectors(records, searcher):
    for number in range(200):
        records.put(
            document(str(number), {"n": number}), chunks("volcano"), vectors([1, 0]), EMBEDDER
        )
    wanted = {"type": "gte", "key": "n", "value": 197}
    found = ask(searcher, "volcano", rows=[[1, 0]], wanted=wanted, limit=50)
    assert sorted(each.document.attributes["n"] for each in found) == [197, 198, 199]


def test_an_unknown_store_is_named(searcher):
    with pytest.raises(SearchError, match="no vector store 'vs_9'") as refused:
        ask(searcher, "volcano", stores=(STORE, "vs_9"))
    assert refused.value.code == "not_found"


def test_a_question_without_words_is_judged_by_vectors_alone(records, searcher):
    records.put(document(), chunks("lava"), vectors([1, 0]), EMBEDDER)
    assert ask(searcher, "?!", rows=[[1, 0]])[0].score == pytest.approx(1.0)
    assert ask(searcher, "nowhere", rows=[[1, 0]])[0].score == pytest.approx(0.5)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_whatever_is_asked_is_a_question(records, searcher, text):
    records.put(document(), chunks("lava"), vectors([1, 0]), EMBEDDER)
    assert len(ask(searcher, text + " lava", rows=[[1, 0]])) == 1
    ask(searcher, text)


def test_a_warm_store_is_read_before_it_is_searched(records):
    index = MemoryIndex(records)
    searcher = Searcher(records, index)
    searcher.warm(STORE)
    searcher.warm("vs_9")
    assert index.bytes == 0
    records.put(document(), chunks("lava"), vectors([1, 0]), EMBEDDER)
    searcher.warm(STORE)
    assert index.bytes > 0


def test_an_empty_store_answers_with_nothing(searcher):
    assert ask(searcher, "volcano", rows=[[1, 0]]) == []
    assert ask(searcher, "...", rows=[[1, 0]]) == []
