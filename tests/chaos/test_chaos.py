"""After every fault, the invariants of tests/chaos/trial.py must hold.

This is the diagonal of the fault matrix: every dependency and every fault, for one to five
seconds. CHAOS_SEED is the seed, CHAOS_SECONDS the length of the random sequence that follows.
`python -m tests.chaos --matrix` runs every cell.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.cells import Cell, Group, diagonal
from tests.chaos.network.machines import why_not
from tests.chaos.sequence import in_any_order
from tests.e2e.stack import ROOT

SEED = int(os.environ.get("CHAOS_SEED", "7"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
# On a machine with two cores, the readers and the proxy use more CPU than the product.
READERS = 40
PATIENCE = 20  # s, for a shared machine; the report has the measured times
SHORTEST_TRIAL = 3  # s

pytestmark = pytest.mark.skipif(bool(why_not()), reason=str(why_not()))


class Runner:
    """`python -m tests.chaos --serve`, which reuses a stage for several trials."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Runner:
        command = [sys.executable, "-m", "tests.chaos", "--serve", "--seed", str(SEED)]
        command += ["--output", str(self.folder)]
        self.process = subprocess.Popen(
            [*command, "--readers", str(READERS), "--patience", str(PATIENCE)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(120)
        self.process.stdout.close()

    def ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def run(self, cells: Sequence[Cell]) -> dict[str, Any]:
        """Run a trial, which must violate no invariant; returns its result."""
        result = self.ask(" + ".join(map(str, cells)))
        print(json.dumps({name: result[name] for name in ("recovered", "served", "refusals")}))
        assert result["violations"] == []
        return result


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with Runner(tmp_path_factory.mktemp("chaos")) as runner:
        yield runner


def of(group: Group) -> list[tuple[Cell, ...]]:
    return [cells for cells in diagonal() if cells[0].group is group]


def name_of(cells: tuple[Cell, ...]) -> str:
    return "+".join(str(cell).replace("/", "-") for cell in cells)


@pytest.mark.parametrize("cells", of(Group.SINGLE), ids=name_of)
def test_the_product_recovers_from_a_fault(runner: Runner, cells: tuple[Cell, ...]) -> None:
    runner.run(cells)


def test_the_product_recovers_from_random_faults_two_at_once(runner: Runner) -> None:
    left = SECONDS
    for cells in islice(in_any_order(SEED), 1000):
        left -= max(SHORTEST_TRIAL, runner.run(cells)["took"])
        if left < 0:
            break


def test_pages_show_the_number_of_readers(runner: Runner) -> None:
    assert runner.ask("counts") == {}


@pytest.mark.parametrize("cells", of(Group.SHARDS), ids=name_of)
def test_the_product_recovers_from_a_fault_of_a_shard_or_postgresql(
    runner: Runner, cells: tuple[Cell, ...]
) -> None:
    runner.run(cells)


@pytest.mark.parametrize("cells", of(Group.SENTINEL), ids=name_of)
def test_the_product_recovers_from_a_fault_of_sentinels_master(
    runner: Runner, cells: tuple[Cell, ...]
) -> None:
    runner.run(cells)
