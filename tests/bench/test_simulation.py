"""The plan for large crowds: arithmetic and simulation agree, with each other and with what was
measured."""

import dataclasses

import pytest

from bench import purchases
from bench.report import OURS
from bench.results import FOLDER, RESULTS, Results
from bench.simulation import (
    PAGE,
    PROCESS_SOCKETS,
    READERS,
    Crowd,
    measured,
    plan,
    simulate,
    table,
    with_table,
)

RUN = Results.load(FOLDER / RESULTS)
COSTS = measured(RUN)
LARGE = {
    "largest_delivery": 20.0,
    "largest_handshake": 0.5,
    "largest_stack_handshake": 1.25,
    "largest_idle": 2.0,
    "largest_memory": 5.0,
    "largest_slab": 4.0,
    "largest_buffers": 1.0,
}


def test_the_last_reader_is_where_it_was_measured() -> None:
    crowd = RUN.summary(OURS, "crowd", "last_reader")
    assert crowd
    seen = simulate(Crowd(RUN.about["plan"]["crowd_readers"]), 1, COSTS)
    assert 0.6 < seen.median_ms / crowd.median < 1.6


def test_the_costs_are_those_of_the_largest_crowd() -> None:
    others = {key: found for key, found in RUN.values.items() if key.scenario != "large-crowd"}
    results = Results(RUN.about, RUN.systems, others)
    results.add(OURS, "large-crowd", LARGE)
    costs = measured(results)
    assert costs.delivery == pytest.approx(20e-6)
    assert costs.handshake == pytest.approx(0.5e-3)
    assert costs.handshake_elsewhere == pytest.approx(0.75e-3)
    assert (costs.idle, costs.socket_kib) == pytest.approx((2e-6, 10.0))


@pytest.mark.parametrize("idle", [0.0, 2e-6, 12e-6])
@pytest.mark.parametrize("readers", READERS)
def test_the_simulation_agrees_with_the_arithmetic(readers: int, idle: float) -> None:
    crowd, costs = Crowd(readers), dataclasses.replace(COSTS, idle=idle)
    wanted = plan(crowd, costs)
    seen = simulate(crowd, wanted.processes, costs)
    assert seen.utilisation == pytest.approx(wanted.utilisation, rel=0.3)
    assert readers / wanted.processes <= PROCESS_SOCKETS


def test_more_posts_than_a_process_can_write_pile_up() -> None:
    costs = dataclasses.replace(COSTS, delivery=10e-6)
    crowd = Crowd(10_000, posts=20.0)
    assert plan(crowd, costs).utilisation > 1
    assert simulate(crowd, 1, costs, seconds=60).worst_ms > 5_000


def test_the_docs_show_the_plan_that_follows_from_the_results() -> None:
    """`python -m bench.simulation --write` and the same of bench.purchases update the page."""
    assert table(COSTS) in PAGE.read_text()
    assert purchases.table(COSTS) in PAGE.read_text()


def test_a_new_plan_replaces_the_table_of_the_page_and_nothing_else() -> None:
    page = PAGE.read_text()
    doubled = with_table(page, dataclasses.replace(COSTS, delivery=2 * COSTS.delivery))
    assert doubled != page
    assert with_table(doubled, COSTS) == page
    changed = purchases.with_table(page, dataclasses.replace(COSTS, socket_kib=99.0))
    assert changed != page
    assert purchases.with_table(changed, COSTS) == page


def test_twice_the_readers_need_twice_of_what_grows_with_them() -> None:
    def egress(readers: int) -> float:
        rows = purchases.purchases(Crowd(readers), COSTS)
        [row] = [row for row in rows if row.what == "egress of posts"]
        return float(row.amount.split()[0])

    assert egress(2_000_000) == pytest.approx(2 * egress(1_000_000), rel=0.01)
