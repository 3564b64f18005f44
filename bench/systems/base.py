"""What a system under test is: how it is installed and started."""

import shutil
import subprocess
from pathlib import Path

from bench.errors import InstallFailed, MissingComponent
from bench.systems.stack import Stack, find_redis_server

REPOSITORY = Path(__file__).resolve().parents[2]
PEERS = REPOSITORY / "bench" / "peers"
INSTALLED = REPOSITORY / "var" / "bench"


class System:
    """One row of the table. `scenarios` are the names of those that apply to it."""

    name: str
    title: str
    label: str  # the title, short enough for the chart
    scenarios: frozenset[str]

    def prepare(self):
        """Install what the system needs; raises MissingComponent, InstallFailed."""

    def versions(self):
        """What runs, as {component: version}."""
        return {}

    def stack_for(self, scenario):
        """The name of the stack that serves a scenario; scenarios with the same one share it."""
        return "all"

    def start(self, stack_name, payload_size):
        """Start all processes; return the Stack, ready to serve messages of that many bytes."""
        stack = Stack(payload_size)
        try:
            self.assemble(stack, stack_name)
        except BaseException:
            stack.stop()
            raise
        return stack

    def assemble(self, stack, stack_name):
        """Add Redis, server, helpers and publisher to an empty Stack."""
        raise NotImplementedError


def require(system, program, package):
    """Return the path of a program; raises MissingComponent that names its Debian package."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if path is None:
        raise MissingComponent(system.name, program, f"apt-get install {package}")
    return path


def require_redis(system):
    """Raise MissingComponent unless there is a Redis to start."""
    if find_redis_server() is None:
        raise MissingComponent(system.name, "redis-server", "apt-get install redis-server")


def run(system, command, **options):
    """Run an installing command to its end; return its output; raises InstallFailed."""
    result = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    if result.returncode:
        raise InstallFailed(system.name, " ".join(map(str, command)), result.stdout)
    return result.stdout
