"""Systems and scenarios are found by name; a wrong one is answered with a sentence."""

import pytest

from bench import scenarios, systems
from bench.errors import MissingComponent, UnknownName
from bench.plan import FULL, QUICK
from bench.run import wanted
from bench.systems.base import require


def test_no_name_means_all():
    assert [system.name for system in systems.choose([])] == list(systems.SYSTEMS)
    assert [scenario.name for scenario in scenarios.choose([])] == list(scenarios.SCENARIOS)


def test_names_choose_in_the_order_of_the_report():
    assert [system.name for system in systems.choose(["nchan", "ours"])] == ["ours", "nchan"]


@pytest.mark.parametrize(
    ("choose", "option"), [(systems.choose, "--only"), (scenarios.choose, "--scenarios")]
)
def test_an_unknown_name_is_refused_with_those_that_exist(choose, option):
    with pytest.raises(UnknownName, match=rf"^{option} does not know 'nothing'; it takes \w+,"):
        choose(["nothing"])


def test_systems_name_only_scenarios_that_exist():
    for system in systems.SYSTEMS.values():
        assert system.scenarios <= set(scenarios.SCENARIOS)


def test_a_missing_program_is_a_sentence_with_its_install_line():
    with pytest.raises(MissingComponent) as caught:
        require(systems.SYSTEMS["nchan"], "no-such-program", "some-package")
    assert str(caught.value) == (
        "nchan needs no-such-program, which is not installed; install it with "
        "`apt-get install some-package`, or leave nchan out with --only."
    )


@pytest.mark.parametrize("plan", [FULL, QUICK])
def test_repetitions_interleave_the_systems(plan):
    sessions = list(wanted(systems.choose([]), scenarios.choose([]), plan))
    repetitions = [session[0] for session in sessions]
    assert repetitions == sorted(repetitions)
    assert set(repetitions) == set(range(1, plan.repetitions + 1))
    crowds = [s for s in sessions if s[1].name == "ours" and scenarios.SCENARIOS["crowd"] in s[3]]
    assert len(crowds) == min(plan.repetitions, plan.crowd_repetitions)
