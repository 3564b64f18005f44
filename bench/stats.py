"""Median and spread: a single run is never reported."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """The figure of one metric over all repetitions, in the metric's unit."""

    median: float
    low: float
    high: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, values):
        """Summarize a non-empty sequence of numbers."""
        values = tuple(float(value) for value in values)
        return cls(statistics.median(values), min(values), max(values), values)


def percentile(values, percent):
    """The nearest-rank percentile (0 < percent <= 100) of a non-empty sequence."""
    ranked = sorted(values)
    rank = -(-len(ranked) * percent // 100)
    return ranked[max(0, int(rank) - 1)]


def ratio(ours, theirs):
    """ours / theirs; infinite when theirs is zero, 1 when both are."""
    if theirs:
        return ours / theirs
    return float("inf") if ours else 1.0
