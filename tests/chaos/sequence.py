"""The order of the cells, and the stages that they run on."""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.cells import CLIENT_SIDE, GROUPS, PAIRS, Cell, Group
from tests.chaos.report import Report
from tests.chaos.stage import Stage
from tests.chaos.trial import Result, Trial

TWO_AT_ONCE = 0.3  # probability of a second fault
LONGEST = 10  # s; the longest fault in a random sequence
PER_STAGE = 25  # trials; the tombstones of the blog slow down the comparison


@dataclass(frozen=True)
class Plan:
    """How trials are run.

    Args:
        readers: Pages in Node.
        patience: Minimum seconds to recover; a fault may allow more.
        folder: Where reports and logs are written.
    """

    seed: int
    readers: int
    patience: float
    folder: Path


class Stages:
    """A context manager that keeps one stage open, that of the current group."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.stage: Stage | None = None
        self.trials = 0

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        if self.stage:
            stage, self.stage = self.stage, None
            stage.__exit__()

    def of(self, group: Group) -> Stage:
        if self.stage and (self.stage.group is not group or self.trials >= PER_STAGE):
            self.leave()
        if self.stage is None:
            self.stage = Stage(
                group, self.plan.seed, self.plan.readers, self.plan.folder
            ).__enter__()
            self.trials = 0
        return self.stage

    def run(self, cells: tuple[Cell, ...]) -> Result:
        """Run a trial and return its result; an exception in the trial counts as a violation."""
        stage = self.of(cells[0].group)
        self.trials += 1
        trial = Trial(stage, cells, self.plan.patience)
        try:
            result = trial.run()
        except Exception:
            result = trial.result
            result.recovered["trial"] = None
            result.violations.append(traceback.format_exc(limit=-3))
        if not result.is_whole:
            self.leave()
        return result


def run_all(chosen: list[tuple[Cell, ...]], report: Report, plan: Plan) -> None:
    """Run all trials and print a line for each."""
    wanted = [cells for cells in chosen if not report.has(cells)]
    report.total = len(wanted)
    with Stages(plan) as stages:
        for cells in wanted:
            report.add(stages.run(cells))


def endless(seconds: float, report: Report, plan: Plan) -> None:
    """Run random trials on one stage for so many seconds."""
    ends = time.monotonic() + seconds
    with Stages(plan) as stages:
        for cells in in_any_order(plan.seed):
            if time.monotonic() > ends:
                break
            report.add(stages.run(cells))
        stages.of(Group.SINGLE).check_counts()


def in_any_order(seed: int) -> Iterator[tuple[Cell, ...]]:
    """Rounds of all faults of the first group in random order, mixed with pairs of faults."""
    generator = random.Random(seed)
    pairs = [pair for pair in PAIRS if pair[0] in GROUPS[Group.SINGLE]]

    def cell(chosen: Iterable[tuple]) -> Cell:
        dependency, fault = generator.choice(list(chosen))
        return Cell(dependency, fault, float(generator.randint(1, LONGEST)))

    while True:
        for pair in generator.sample(pairs, len(pairs)):
            yield (cell([pair]),)
            if generator.random() < TWO_AT_ONCE:
                yield (
                    cell(pair for pair in pairs if pair[0] not in CLIENT_SIDE),
                    cell(pair for pair in pairs if pair[0] in CLIENT_SIDE),
                )


def serve(plan: Plan) -> int:
    """For tests: each line of standard input names a trial; prints its result as a line of JSON."""
    with Stages(plan) as stages:
        for line in sys.stdin:
            if line.strip() == "counts":
                stages.of(Group.SINGLE).check_counts()
                print("{}", flush=True)
                continue
            cells = tuple(Cell.parse(name) for name in line.strip().split(" + "))
            print(stages.run(cells).json(), flush=True)
    return 0
