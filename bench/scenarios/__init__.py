"""The scenarios, in the order in which a session runs them. To add one: a module, a line here."""

from bench.errors import UnknownName
from bench.scenarios import (
    broadcast,
    burst,
    by_hand,
    crowd,
    echo,
    handshake,
    herd,
    http,
    idle,
    memory,
    page,
)

SCENARIOS = {
    module.SCENARIO.name: module.SCENARIO
    for module in (
        idle,
        memory,
        handshake,
        broadcast,
        burst,
        echo,
        http,
        crowd,
        by_hand,
        page,
        herd,
    )
}


def choose(names):
    """Return the scenarios with these names; all when there are none. Raises UnknownName."""
    for name in names:
        if name not in SCENARIOS:
            raise UnknownName("--scenarios", name, SCENARIOS)
    return [scenario for name, scenario in SCENARIOS.items() if not names or name in names]
