"""Several rankings of the same things into one, by reciprocal rank."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

K = 60
"""How slowly the worth of a rank falls; the usual value, at which no first place decides alone."""

Thing = TypeVar("Thing", bound=Hashable)


def fuse(rankings: Iterable[tuple[float, Sequence[Thing]]]) -> list[Thing]:
    """Merge rankings with their weights, best first; of equal things the first met goes first."""
    worth: defaultdict[Thing, float] = defaultdict(float)
    for weight, ranking in rankings:
        for rank, thing in enumerate(ranking, start=1):
            worth[thing] += weight / (K + rank)
    return sorted(worth, key=lambda thing: -worth[thing])


def descending(scores: Sequence[float]) -> list[float]:
    """Scores that agree with their order: none lower than one that stands behind it.

    The order, made of several judgements, is better founded than a single score. So what is placed
    before another fits at least as well, and a threshold cuts off the end and nothing within.
    """
    agreed = list(scores)
    for index in range(len(agreed) - 2, -1, -1):
        agreed[index] = max(agreed[index], agreed[index + 1])
    return agreed
