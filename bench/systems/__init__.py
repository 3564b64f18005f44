"""The systems under test, in the order of the report."""

from bench.errors import UnknownName
from bench.systems.channels1 import Ours, Stock
from bench.systems.channels4 import Channels4Daphne, Channels4Uvicorn
from bench.systems.nchan import Nchan
from bench.systems.node_ws import NodeWs
from bench.systems.twisted_loop import TwistedLoop

SYSTEMS = {
    system.name: system
    for system in (
        Ours(),
        Stock(),
        Channels4Daphne(),
        Channels4Uvicorn(),
        NodeWs(),
        Nchan(),
        TwistedLoop(),
    )
}


def choose(names):
    """Return the systems with these names; all when there are none. Raises UnknownName."""
    for name in names:
        if name not in SYSTEMS:
            raise UnknownName("--only", name, SYSTEMS)
    return [system for name, system in SYSTEMS.items() if not names or name in names]
