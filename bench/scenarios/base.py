"""What a scenario is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One figure of a scenario; `digits` are those after the point that mean something."""

    key: str
    title: str
    unit: str
    digits: int = 0


@dataclass(frozen=True)
class Scenario:
    """`measure(session)` returns a number for each metric, of one repetition."""

    name: str
    title: str
    metrics: tuple[Metric, ...]
    measure: Callable
    # Some are too long to be repeated as often as the others: plan -> number.
    repetitions: Callable = lambda plan: plan.repetitions
