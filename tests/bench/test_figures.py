import pytest

from voice.bench.figures import Spread, percentiles, quantile, spread


def test_the_median_and_the_95th_percentile_are_values_that_occurred():
    values = [float(each) for each in range(20, 0, -1)]
    assert (quantile(values, 0.5), quantile(values, 0.95)) == (10, 19)


def test_one_value_is_every_percentile():
    assert spread([7.04]) == Spread(p50=7.0, p95=7.0, count=1)


def test_of_few_values_the_95th_percentile_is_the_largest():
    assert quantile([3.0, 1.0, 2.0], 0.95) == 3.0


def test_nothing_measured_has_no_spread():
    assert spread([]) is None
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


def test_the_99th_percentile_is_a_value_that_occurred():
    seen = percentiles(float(each) for each in range(200))
    assert (seen.p50, seen.p95, seen.p99, seen.count) == (99, 189, 197, 200)
    assert percentiles([]) is None
