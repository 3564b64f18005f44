"""What a scenario measures."""

from typing import NamedTuple

Figures = dict[str, float]  # of one repetition, by the metrics' keys


class Metric(NamedTuple):
    """One figure of a scenario; `digits` are those after the point that mean something."""

    key: str
    title: str
    unit: str
    digits: int = 0

    @property
    def heading(self) -> str:
        return f"{self.title}, {self.unit}".rstrip(", ")
