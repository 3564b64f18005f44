"""The product is hurt, again and again; after every fault every reader equals the database.

CHAOS_SEED says what happens in which order, CHAOS_SECONDS how long it goes on once every fault
has come. `python -m tests.chaos` is the long run.
"""

import os
import time
from itertools import islice

import pytest

from tests.chaos.scenarios import SCENARIOS
from tests.chaos.sequence import each_once, endless
from tests.chaos.world import World
from tests.e2e.stack import ROOT

SEED = int(os.environ.get("CHAOS_SEED", "7"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "30"))
# The readers and the proxy take more of a small machine's two cores than the product does: 60 are
# on both interface servers and on every lane, and leave it the time to be measured. The long run
# has 200.
READERS = 60
PATIENCE = 15  # s; a machine may be shared. The report says what it took.


@pytest.fixture(scope="module")
def world():
    with World(SEED, READERS, PATIENCE) as world:
        yield world
        print(f"\n{world.finish().text()}")


@pytest.mark.parametrize("names", each_once(SEED), ids="+".join)
def test_after_the_faults_every_reader_equals_the_database(world, names):
    world.run(*names)


def test_faults_in_any_order_and_two_at_once(world):
    for names in islice(endless(SEED), 1000):
        if time.monotonic() - world.report.started > SECONDS:
            break
        world.run(*names)


def test_the_pages_show_how_many_readers_there_are(world):
    world.check_counts()


def test_every_scenario_stands_in_the_table():
    table = (ROOT / "ARCHITECTURE.md").read_text().split("\n## Reliability\n")[1]
    named = [line.split("`")[1] for line in table.split("\n## ")[0].splitlines() if "| `" in line]
    assert named == list(SCENARIOS)
