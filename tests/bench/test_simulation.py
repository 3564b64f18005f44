"""The plan for large crowds: arithmetic and simulation agree, with each other and with what was
measured."""

import pytest

from bench.simulation import PROCESS_SOCKETS, READERS, Crowd, plan, simulate, table
from tests.e2e.stack import ROOT

# `make bench` on two cores. At 10,000 the load client and others shared the cores, so that only
# the server's own CPU counts there.
LAST_READER_MS = {1_000: 12.6}
BROADCAST_CPU_MS = {1_000: 7.1, 10_000: 102.3}


@pytest.mark.parametrize("readers", LAST_READER_MS)
def test_the_last_reader_is_where_it_was_measured(readers: int) -> None:
    seen = simulate(Crowd(readers), 1)
    assert 0.6 < seen.median_ms / LAST_READER_MS[readers] < 1.6


@pytest.mark.parametrize("readers", BROADCAST_CPU_MS)
def test_a_broadcast_costs_what_was_measured(readers: int) -> None:
    crowd = Crowd(readers, posts=1.0, stay=1e9)
    seen = simulate(crowd, 1)
    cost = 1e3 * seen.utilisation * 600 / seen.posts
    assert 0.6 < cost / BROADCAST_CPU_MS[readers] < 1.6


@pytest.mark.parametrize("readers", READERS)
def test_the_simulation_agrees_with_the_arithmetic(readers: int) -> None:
    crowd = Crowd(readers)
    wanted = plan(crowd)
    seen = simulate(crowd, wanted.processes)
    assert seen.utilisation == pytest.approx(wanted.utilisation, rel=0.3)
    assert readers / wanted.processes <= PROCESS_SOCKETS


def test_more_posts_than_a_process_can_write_pile_up() -> None:
    """10,000 sockets take 102 ms a post: 20 a second are more than a core has time for."""
    crowd = Crowd(10_000, posts=20.0)
    assert plan(crowd).utilisation > 1
    assert simulate(crowd, 1, seconds=60).worst_ms > 5_000


def test_the_docs_show_the_table_that_the_simulation_prints() -> None:
    assert table() in (ROOT / "docs" / "scaling.md").read_text()
