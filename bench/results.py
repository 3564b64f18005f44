"""The figures of a run: medians and spreads, and their form in results.json."""

import datetime
import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

FOLDER = Path(__file__).with_name("results")
RESULTS = "results.json"


class Summary(NamedTuple):
    """One metric over all repetitions, in the metric's unit: a single run is never reported."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The summary of a non-empty sequence."""
        return cls(statistics.median(values), min(values), max(values))


class Key(NamedTuple):
    """What a figure is of."""

    system: str
    scenario: str
    metric: str


@dataclass
class Results:
    """Figures by system, scenario and metric; what failed is in `errors`, never left out."""

    about: dict[str, Any]  # machine, plan, date
    systems: dict[str, dict[str, Any]]  # name -> title, label, versions
    values: dict[Key, list[float]] = field(default_factory=dict)
    errors: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What as_json() wrote; each figure has three values, the median, lowest and highest."""
        stored = json.loads(path.read_text())
        values = {
            Key(system, scenario, metric): figures
            for system, scenarios in stored["measured"].items()
            for scenario, metrics in scenarios.items()
            for metric, figures in metrics.items()
        }
        return cls(stored["about"], stored["systems"], values, stored["errors"])

    def update(self, later: "Results", order: Sequence[str]) -> None:
        """Replace what a later run has measured, scenario by scenario; systems come in `order`."""
        again = {(key.system, key.scenario) for key in later.values}
        again |= {(error["system"], error["scenario"]) for error in later.errors}
        kept = {key: values for key, values in self.values.items() if key[:2] not in again}
        self.values = kept | later.values
        self.errors = later.errors + [
            error for error in self.errors if (error["system"], error["scenario"]) not in again
        ]
        systems = self.systems | later.systems
        self.systems = {name: systems[name] for name in order if name in systems}
        names = sorted(map(": ".join, again))
        runs = []
        for run in self.about.get("later", []):
            if left := [name for name in run["measured"] if name not in names]:
                runs.append(run | {"measured": left})
        about = {key: later.about[key] for key in ("date", "quick")}
        about |= {"repetitions": later.about["plan"]["repetitions"], "measured": names}
        self.about["later"] = [*runs, about]

    def add(self, system: str, scenario: str, figures: dict[str, float]) -> None:
        """Take the figures of one repetition, {metric: number}."""
        for metric, value in figures.items():
            self.values.setdefault(Key(system, scenario, metric), []).append(value)

    def add_error(self, system: str, scenario: str, error: Exception) -> None:
        """Note a failure once, however often it came."""
        entry = {"system": system, "scenario": scenario, "error": str(error)}
        if entry not in self.errors:
            self.errors.append(entry)

    def summary(self, system: str, scenario: str, metric: str) -> Summary | None:
        """The Summary of one metric; None when it was not measured."""
        values = self.values.get(Key(system, scenario, metric))
        return Summary.of(values) if values else None

    def as_json(self) -> str:
        """A JSON text; a figure is [median, lowest, highest], a scenario of a system a line."""
        measured: dict[str, dict[str, dict[str, list[float]]]] = {}
        for key, values in self.values.items():
            figures = [float(f"{value:.4g}") for value in Summary.of(values)]
            by_scenario = measured.setdefault(key.system, {})
            by_scenario.setdefault(key.scenario, {})[key.metric] = figures
        parts = {"about": self.about, "systems": self.systems, "measured": measured}
        return as_lines(parts | {"errors": self.errors}, depth=2) + "\n"


def as_lines(value: object, depth: int, indent: str = "") -> str:
    """JSON with the entries of objects on lines of their own, to that depth below the first."""
    if not isinstance(value, dict) or depth < 0 or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + " "
    entries = (f"{inner}{json.dumps(k)}: {as_lines(v, depth - 1, inner)}" for k, v in value.items())
    return "{\n" + ",\n".join(entries) + f"\n{indent}}}"


def percentile(values: Iterable[float], percent: float) -> float:
    """The nearest-rank percentile (0 < percent <= 100) of non-empty values."""
    ranked = sorted(values)
    rank = -(-len(ranked) * percent // 100)
    return ranked[max(0, int(rank) - 1)]


def ratio(ours: float, theirs: float) -> float:
    """ours / theirs; infinite when theirs is zero, 1 when both are."""
    if theirs:
        return ours / theirs
    return float("inf") if ours else 1.0


def describe_machine() -> dict[str, Any]:
    """Processor, cores, kernel, Python, date; nothing that names the host."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def processor() -> str:
    """The processor's model name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
