"""Systems and scenarios are found by name, repeated as planned, and compute what they say."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bench import scenarios, systems
from bench.errors import MissingComponent, UnknownName
from bench.plan import FULL, QUICK, Plan
from bench.session import Delivery, Used, wanted
from bench.systems import require


def test_no_name_means_all() -> None:
    assert [system.name for system in systems.choose([])] == list(systems.SYSTEMS)
    assert [scenario.name for scenario in scenarios.choose([])] == list(scenarios.SCENARIOS)


def test_names_choose_in_the_order_of_the_report() -> None:
    assert [system.name for system in systems.choose(["nchan", "ours"])] == ["ours", "nchan"]


@pytest.mark.parametrize(
    ("choose", "option"), [(systems.choose, "--only"), (scenarios.choose, "--scenarios")]
)
def test_an_unknown_name_is_refused_with_those_that_exist(
    choose: Callable[[Sequence[str]], object], option: str
) -> None:
    with pytest.raises(UnknownName, match=rf"^{option} does not know 'nothing'; it takes \w+,"):
        choose(["nothing"])


def test_systems_name_only_scenarios_that_exist() -> None:
    for system in systems.SYSTEMS.values():
        assert system.scenarios <= set(scenarios.SCENARIOS)


def test_a_missing_program_is_a_sentence_with_its_install_line() -> None:
    with pytest.raises(MissingComponent) as caught:
        require(systems.SYSTEMS["nchan"], "no-such-program", "some-package")
    assert str(caught.value) == (
        "nchan needs no-such-program, which is not installed; install it with "
        "`apt-get install some-package`, or leave nchan out with --only."
    )


@pytest.mark.parametrize("plan", [FULL, QUICK])
def test_repetitions_interleave_the_systems(plan: Plan) -> None:
    parts = list(wanted(systems.choose([]), scenarios.choose([]), plan))
    repetitions = [part.repetition for part in parts]
    assert repetitions == sorted(repetitions)
    assert set(repetitions) == set(range(1, plan.repetitions + 1))
    crowd = scenarios.SCENARIOS["crowd"]
    crowds = [part for part in parts if part.system.name == "ours" and crowd in part.scenarios]
    assert len(crowds) == min(plan.repetitions, plan.long_repetitions)


class Talk:
    """A session in which every message reaches all readers after 2 ms at a fixed CPU cost."""

    plan = QUICK
    costs = {"interface server": 0.03, "runworker": 0.02, "redis-server": 0.01}

    def __init__(self) -> None:
        self.opened: list[tuple[int, str]] = []
        self.messages = 0

    def open_readers(self, count: int, path: str) -> None:
        self.opened.append((count, path))

    def close_readers(self) -> None:
        pass

    def meter(self) -> "Talk":
        self.messages = 0
        return self

    def used(self) -> Used:
        processes = {name: self.messages * cost for name, cost in self.costs.items()}
        return Used(1.0, processes["interface server"], sum(processes.values()), 0.1, processes)

    def say(self) -> Delivery:
        self.messages += 1
        count = self.opened[-1][0]
        account = {"wanted": count, "delivered": count, "duplicates": 0, "lost_sockets": 0}
        return Delivery(account, 0.002)


def test_the_cpu_of_a_message_is_shared_out_among_its_deliveries() -> None:
    session: Any = Talk()
    figures = scenarios.by_hand(session)
    assert set(figures) == {metric.key for metric in scenarios.SCENARIOS["by-hand"].metrics}
    assert session.opened == [(1000, "/channel/test/"), (1000, "/channel/by-hand/")]
    expected = {
        "delivered": 100,
        "last_reader": 2,
        "stack_cpu": 60,
        "worker_cpu": 20,
        "redis_cpu": 10,
        "server_cpu": 30,
    }
    for key, value in expected.items():
        assert figures[f"loop_{key}"] == pytest.approx(value)
