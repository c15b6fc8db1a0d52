"""Packs inputs of many lengths into batches that take bounded memory and little padding."""

from collections.abc import Iterator, Sequence


def longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda index: lengths[index], reverse=True)


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indexes of inputs, the longest first, so many at a time as fit when padded to the longest.

    An input that is larger than the budget goes alone.
    """
    batch: list[int] = []
    for index in longest_first(lengths):
        # The first of a batch is its longest.
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
