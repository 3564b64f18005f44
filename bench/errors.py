"""What can stop a benchmark. Exceptions carry facts; `__str__` writes the sentence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


class BenchError(Exception):
    """Anything that a person who runs the benchmark can act on."""


@dataclass(eq=False)  # as exceptions compare
class MissingComponent(BenchError):
    """A program or library that a system needs is not installed."""

    system: str
    component: str
    install: str  # the command that installs it

    def __str__(self) -> str:
        return (
            f"{self.system} needs {self.component}, which is not installed; "
            f"install it with `{self.install}`, or leave {self.system} out with --only."
        )


@dataclass(eq=False)  # as exceptions compare
class InstallFailed(BenchError):
    """A command of bench's own that installs a peer ended with an error."""

    system: str
    command: str
    output: str

    def __str__(self) -> str:
        last_lines = "\n".join(self.output.strip().splitlines()[-8:])
        return f"{self.system} could not be installed: `{self.command}` failed with\n{last_lines}"


@dataclass(eq=False)  # as exceptions compare
class ProcessFailed(BenchError):
    """A process ended, or did not come up, when it should have been serving."""

    name: str
    problem: str
    log_lines: Sequence[str]

    def __str__(self) -> str:
        last = "\n".join(self.log_lines) or "(nothing)"
        return f"{self.name} {self.problem}; its last output was:\n{last}"


@dataclass(eq=False)  # as exceptions compare
class HandshakesFailed(BenchError):
    """Fewer sockets opened than the scenario needs."""

    opened: int
    wanted: int
    refusals: Mapping[str, int]  # by reason

    def __str__(self) -> str:
        why = ", ".join(f"{count} × {reason}" for reason, count in self.refusals.items())
        return f"only {self.opened} of {self.wanted} sockets opened ({why or 'no reason given'})"


@dataclass(eq=False)  # as exceptions compare
class UnknownName(BenchError):
    """A name given on the command line is not one of those that exist."""

    option: str
    name: str
    known: Iterable[str]

    def __str__(self) -> str:
        return f"{self.option} does not know {self.name!r}; it takes {', '.join(self.known)}."
