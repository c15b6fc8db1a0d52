import numpy as np
import pytest

from tests.search.libraries import EMBEDDER, STORE, chunks, document, store, vectors
from voice.search.filters import compile_filter, parse_filter
from voice.search.memory_index import MemoryIndex

QUERY = vectors([1, 0])


@pytest.fixture
def index(records):
    """The database's own, or that in memory."""
    return records.vector_index or MemoryIndex(records)


def put(records, name, *rows, **fields):
    texts = [f"{name}{number}" for number in range(len(rows))]
    records.put(
        document(name, **fields), chunks(*texts), vectors(*rows) if rows else None, EMBEDDER
    )


def nearest(records, index, limit=10, wanted=None, store_id=STORE):
    compiled = compile_filter(parse_filter(wanted)) if wanted else None
    with records.snapshot():
        (found,) = index.nearest(store_id, QUERY, compiled, limit)
        return [each.chunk.text for each in records.passages(found)]


def test_the_nearest_of_a_store_are_found(records, index):
    records.put_store(store("vs_2"))
    put(records, "a", [0, 1], [1, 0], [1, 1])
    put(records, "b", [3, 1])
    put(records, "c", [1, 0], store_id="vs_2")
    assert nearest(records, index) == ["a1", "b0", "a2", "a0"]
    assert nearest(records, index, limit=2) == ["a1", "b0"]
    assert nearest(records, index, store_id="vs_2") == ["c0"]


def test_its_relevance_is_the_cosine_but_never_below_nothing(records, index):
    put(records, "a", [1, 1], [-1, 0])
    with records.snapshot():
        (found,) = index.nearest(STORE, QUERY, None, 5)
    assert [each.relevance for each in found] == pytest.approx([0.5**0.5, 0.0])


def test_a_filter_works_within_the_search(records, index):
    for number in range(20):
        put(records, f"d{number}", [1, 0], attributes={"n": number})
    put(records, "last", [1, 9], attributes={"n": 99})
    assert nearest(records, index, 1, {"type": "gt", "key": "n", "value": 50}) == ["last0"]


@pytest.mark.parametrize("own", [True, False], ids=["by itself", "by another process"])
def test_every_change_is_seen_by_the_next_search(opened, records, index, own):
    writer = records if own else opened()
    put(writer, "a", [1, 0])
    put(writer, "b", [1, 1], attributes={"n": 1})
    assert nearest(records, index) == ["a0", "b0"]
    put(writer, "a", [0, 1], [1, 2])
    assert nearest(records, index) == ["b0", "a1", "a0"]
    writer.set_attributes(STORE, "b", {"n": 2})
    assert nearest(records, index, wanted={"type": "eq", "key": "n", "value": 2}) == ["b0"]
    writer.delete_document(STORE, "a", now=0)
    assert nearest(records, index) == ["b0"]
    writer.delete_document(STORE, "b", now=0)
    put(writer, "c", [1, 0])
    assert nearest(records, index) == ["c0"]
    writer.delete_store(STORE, now=0)
    assert nearest(records, index) == []


def test_vectors_that_come_later_or_go_are_noticed(records, index):
    put(records, "a")
    records.put(document("b"), chunks("b0"), None, "")
    assert nearest(records, index) == []
    records.add_vectors(document("b"), vectors([1, 0]), EMBEDDER)
    assert nearest(records, index) == ["b0"]
    records.drop_vectors(STORE)
    assert nearest(records, index) == []
    records.add_vectors(document("b"), vectors([1, 0, 1]), "other")
    with records.snapshot():
        (found,) = index.nearest(STORE, vectors([1, 0, 1]), None, 5)
    assert [each.relevance for each in found] == pytest.approx([1.0])


def test_the_similarity_of_chunks_is_told_of_those_in_the_store(records, index):
    put(records, "a", [1, 0], [1, 1])
    records.put(document("b"), chunks("b0"), None, "")
    ids = [*records.keywords([STORE], ["a1", "b0"], None, 5).ranked, 7]
    with records.snapshot():
        told = index.similarities(STORE, QUERY[0], ids)
        assert index.similarities("vs_other", QUERY[0], ids) == {}
        assert index.similarities(STORE, QUERY[0], []) == {}
    assert list(told.values()) == pytest.approx([0.5**0.5])


class Watched:
    """Records that note which documents were read again."""

    def __init__(self, records):
        self._records = records
        self.read = []

    def __getattr__(self, name):
        return getattr(self._records, name)

    def changes(self, store_id, since):
        for change in self._records.changes(store_id, since):
            self.read.append(change.document_id)
            yield change


def test_only_what_has_changed_is_read_again(records):
    watched = Watched(records)
    index = MemoryIndex(watched)
    for name in "abc":
        put(records, name, [1, 0])
    assert len(nearest(records, index)) == 3
    put(records, "b", [0, 1])
    records.delete_document(STORE, "c", now=0)
    assert nearest(records, index) == ["a0", "b0"]
    nearest(records, index)
    assert watched.read == ["a", "b", "c", "b"]


def test_stores_that_were_not_searched_for_longest_leave_when_memory_is_short(records):
    watched = Watched(records)
    index = MemoryIndex(watched, max_bytes=1)
    for name in ("vs_2", "vs_3"):
        records.put_store(store(name))
        put(records, name, [1, 0], store_id=name)
    for name in ("vs_2", "vs_2", "vs_3", "vs_2"):
        assert nearest(records, index, store_id=name) == [f"{name}0"]
    assert watched.read == ["vs_2", "vs_3", "vs_2"]


def test_memory_is_that_of_the_vectors_and_little_more(records):
    rng = np.random.default_rng(0)
    for number in range(10):
        rows = rng.standard_normal((500, 64)).astype(np.float32)
        records.put(document(str(number)), chunks(*["text"] * 500), rows, EMBEDDER)
    index = MemoryIndex(records)
    with records.snapshot():
        index.nearest(STORE, rows[:1], None, 1)
    assert 5000 * 64 * 4 <= index.bytes < 2 * 5000 * 64 * 4
