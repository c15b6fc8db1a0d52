"""Figures of many measurements: median and 95th percentile, with the number they stand on."""

import math
from collections.abc import Iterable, Sequence

import msgspec


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The median and 95th percentile of `count` values."""

    p50: float
    p95: float
    count: int


def quantile(values: Sequence[float], share: float) -> float:
    """The least of the values that `share` of them do not exceed (nearest rank).

    Raises `ValueError` on no values.
    """
    if not values:
        raise ValueError("there is no quantile of no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def spread(values: Iterable[float]) -> Spread | None:
    """None when nothing was measured."""
    known = list(values)
    if not known:
        return None
    return Spread(
        p50=round(quantile(known, 0.5), 1),
        p95=round(quantile(known, 0.95), 1),
        count=len(known),
    )
