import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.search.libraries import vectors
from voice.search.database import first_chunk
from voice.search.filters import compile_filter, parse_filter
from voice.search.matrix import BLOCK_ROWS, Matrix
from voice.search.store import Change

EVEN = compile_filter(parse_filter({"type": "eq", "key": "even", "value": True}))


def change(name, number, rows, attributes=None):
    ids = range(first_chunk(number), first_chunk(number) + len(rows))
    kept = np.array(rows, np.float32).tobytes() if len(rows) else None
    return Change(name, attributes or {}, ids, kept)


def ids(found):
    """Of chunk 2 of document 1: 12."""
    places = (divmod(each.chunk_id, first_chunk(1)) for each in found)
    return [10 * number + place for number, place in places]


def test_the_nearest_goes_first_with_its_cosine():
    matrix = Matrix(2)
    matrix.apply(change("a", 1, vectors([0, 1], [1, 0], [1, 1])))
    (found,) = matrix.nearest(vectors([1, 0]), None, 2)
    assert ids(found) == [11, 12]
    assert [each.relevance for each in found] == pytest.approx([1.0, 0.5**0.5])


def test_each_query_has_its_own_answer():
    matrix = Matrix(2)
    matrix.apply(change("a", 1, vectors([0, 1], [1, 0])))
    found = matrix.nearest(vectors([1, 0], [0, 1]), None, 1)
    assert [ids(each) for each in found] == [[11], [10]]


def test_what_points_away_fits_not_at_all():
    matrix = Matrix(2)
    matrix.apply(change("a", 1, vectors([-1, 0])))
    assert matrix.nearest(vectors([1, 0]), None, 1)[0][0].relevance == 0.0


def test_of_equally_near_ones_the_older_goes_first():
    matrix = Matrix(1)
    for number in (3, 1, 2):
        matrix.apply(change(str(number), number, vectors([1], [1])))
    assert ids(matrix.nearest(vectors([1]), None, 6)[0]) == [10, 11, 20, 21, 30, 31]


def test_an_empty_matrix_finds_nothing():
    matrix = Matrix(2)
    assert matrix.nearest(vectors([1, 0], [0, 1]), None, 5) == [[], []]
    matrix.apply(change("a", 1, []))
    assert matrix.nearest(vectors([1, 0]), None, 5) == [[]]
    assert matrix.similarities(vectors([1, 0])[0], [1]) == {}


def test_a_filter_works_within_the_search():
    matrix = Matrix(2)
    for number in range(20):
        near = vectors([1, 0]) if number else vectors([1, 9])
        matrix.apply(change(str(number), number, near, {"even": number == 0}))
    assert ids(matrix.nearest(vectors([1, 0]), EVEN, 1)[0]) == [0]


def test_the_similarity_of_some_chunks_is_told():
    matrix = Matrix(2)
    matrix.apply(change("a", 1, vectors([0, 1], [1, 0])))
    matrix.apply(change("b", 2, vectors([1, 1])))
    wanted = [first_chunk(2), first_chunk(1), 5]
    told = matrix.similarities(vectors([1, 0])[0], wanted)
    assert told == pytest.approx({first_chunk(1): 0.0, first_chunk(2): 0.5**0.5})


def test_room_that_was_given_up_is_used_again():
    matrix = Matrix(4)
    rows = np.ones((100, 4), np.float32) / 2
    for number in range(1000):
        matrix.apply(change("a", number, rows))
    assert matrix.bytes < 2 * BLOCK_ROWS * (4 * 4 + 8 + 4)
    assert len(matrix.nearest(rows[:1], None, 1000)[0]) == 100


def test_growing_copies_no_vectors():
    matrix = Matrix(2)
    matrix.apply(change("a", 1, np.ones((BLOCK_ROWS, 2))))
    first = matrix._blocks[0]
    matrix.apply(change("b", 2, np.ones((2 * BLOCK_ROWS, 2))))
    assert matrix._blocks[0] is first
    assert len(matrix._blocks) == 3


def test_a_search_copies_no_vectors():
    matrix = Matrix(64)
    for number in range(8):
        matrix.apply(change(str(number), number, np.ones((BLOCK_ROWS, 64)) / 8, {"even": True}))
    matrix.remove("3")
    tracemalloc.start()
    try:
        matrix.nearest(np.ones((2, 64), np.float32), EVEN, 10)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < matrix.bytes / 4


ROWS = st.lists(st.tuples(st.integers(-3, 3), st.integers(1, 3)), max_size=5)
STEPS = st.lists(st.tuples(st.sampled_from("abcde"), st.none() | ROWS, st.booleans()), max_size=30)


@settings(max_examples=200)
@given(STEPS, st.booleans())
def test_after_any_changes_it_finds_what_a_plain_search_finds(steps, filtered):
    matrix, kept = Matrix(2), {}
    for number, (name, rows, even) in enumerate(steps):
        if rows is None:
            matrix.keep_only(kept.keys() - {name})
            kept.pop(name, None)
        else:
            unit = vectors(*rows) if rows else np.empty((0, 2), np.float32)
            kept[name] = change(name, number, unit, {"even": even})
            matrix.apply(kept[name])
    assert len(matrix) == len(kept)
    query = vectors([2, 1])
    (found,) = matrix.nearest(query, EVEN if filtered else None, 7)
    expected = [
        (-float(row @ query[0]), chunk_id)
        for each in kept.values()
        if each.vectors and (each.attributes["even"] or not filtered)
        for chunk_id, row in zip(
            each.chunk_ids, np.frombuffer(each.vectors, np.float32).reshape(-1, 2), strict=True
        )
    ]
    best = sorted(expected)[:7]
    assert [each.relevance for each in found] == pytest.approx(
        [max(0.0, -cosine) for cosine, _ in best], abs=1e-6
    )
    assert {each.chunk_id for each in found} <= {chunk_id for _, chunk_id in expected}
    assert len({each.chunk_id for each in found}) == len(best)
