"""Medians, spreads and ratios."""

import pytest

from bench.results import Summary, percentile, ratio


def test_a_summary_has_the_median_and_the_spread() -> None:
    summary = Summary.of([3, 1, 2, 10, 2.5])
    assert (summary.median, summary.low, summary.high) == (2.5, 1, 10)


@pytest.mark.parametrize(("percent", "value"), [(1, 1), (50, 50), (99, 99), (100, 100)])
def test_a_percentile_is_one_of_the_values(percent: int, value: int) -> None:
    assert percentile(range(100, 0, -1), percent) == value


def test_a_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7], 99) == 7


def test_a_ratio_to_nothing_is_infinite_and_of_nothing_to_nothing_is_one() -> None:
    assert ratio(3, 2) == 1.5
    assert ratio(3, 0) == float("inf")
    assert ratio(0, 0) == 1
