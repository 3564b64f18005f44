"""A made-up run for the tests of the report."""

import dataclasses
from collections.abc import Collection

from bench.plan import QUICK
from bench.results import Results
from bench.scenarios import SCENARIOS
from bench.systems import SYSTEMS


def made_up(without: Collection[str] = ()) -> Results:
    """Results with two repetitions of every figure that any system has."""
    about = {
        "processor": "A & B <processor>",
        "cores": 2,
        "system": "Linux 6",
        "python": "3.11.7",
        "date": "2026-11-20",
        "quick": True,
        "plan": dataclasses.asdict(dataclasses.replace(QUICK, repetitions=2)),
    }
    systems = {
        name: {"title": system.title, "label": system.label, "versions": {"thing": "1.0"}}
        for name, system in SYSTEMS.items()
        if name not in without
    }
    results = Results(about, systems)
    for number, name in enumerate(systems, start=1):
        for scenario in SCENARIOS.values():
            if scenario.name in SYSTEMS[name].scenarios:
                for extra in (0, 1):
                    figures = {metric.key: 10.0 * number + extra for metric in scenario.metrics}
                    results.add(name, scenario.name, figures)
    return results
