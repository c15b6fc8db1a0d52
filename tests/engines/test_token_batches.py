from hypothesis import given
from hypothesis import strategies as st

from voice.engines.token_batches import batches

LENGTHS = st.lists(st.integers(1, 50), max_size=60)


@given(LENGTHS, st.integers(1, 200))
def test_every_input_is_in_one_batch_and_none_is_over_the_budget(lengths, budget):
    found = list(batches(lengths, budget))
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    for batch in found:
        longest = max(lengths[index] for index in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget


@given(LENGTHS)
def test_the_longest_go_first(lengths):
    order = [lengths[index] for batch in batches(lengths, 100) for index in batch]
    assert order == sorted(lengths, reverse=True)


def test_as_many_as_fit_go_together():
    assert list(batches([1, 4, 2, 2], 8)) == [[1, 2], [3, 0]]
    assert list(batches([9, 1], 8)) == [[0], [1]]
