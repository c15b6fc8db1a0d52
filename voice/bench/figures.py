"""Figures of many measurements: percentiles, with the number they stand on."""

import math
from collections.abc import Iterable, Sequence

import msgspec


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The median and 95th percentile of `count` values."""

    p50: float
    p95: float
    count: int


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """The median, 95th and 99th percentile of `count` values."""

    p50: float
    p95: float
    p99: float
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


def percentiles(values: Iterable[float]) -> Percentiles | None:
    """None when nothing was measured."""
    known = sorted(values)
    if not known:
        return None
    p50, p95, p99 = (round(quantile(known, share), 3) for share in (0.5, 0.95, 0.99))
    return Percentiles(p50=p50, p95=p95, p99=p99, count=len(known))
