"""What can stop a benchmark. Exceptions carry facts; `__str__` writes the sentence."""


class BenchError(Exception):
    """Anything that a person who runs the benchmark can act on."""


class MissingComponent(BenchError):
    """A program or library that a system needs is not installed."""

    def __init__(self, system, component, install):
        super().__init__(system, component, install)
        self.system, self.component, self.install = system, component, install

    def __str__(self):
        return (
            f"{self.system} needs {self.component}, which is not installed; "
            f"install it with `{self.install}`, or leave {self.system} out with --only."
        )


class InstallFailed(BenchError):
    """A command of bench's own that installs a peer ended with an error."""

    def __init__(self, system, command, output):
        super().__init__(system, command, output)
        self.system, self.command, self.output = system, command, output

    def __str__(self):
        last_lines = "\n".join(self.output.strip().splitlines()[-8:])
        return f"{self.system} could not be installed: `{self.command}` failed with\n{last_lines}"


class ProcessFailed(BenchError):
    """A process ended, or did not come up, when it should have been serving."""

    def __init__(self, name, problem, log_lines):
        super().__init__(name, problem, log_lines)
        self.name, self.problem, self.log_lines = name, problem, log_lines

    def __str__(self):
        said = "\n".join(self.log_lines) or "(nothing)"
        return f"{self.name} {self.problem}; its last output was:\n{said}"


class HandshakesFailed(BenchError):
    """Fewer sockets opened than the scenario needs."""

    def __init__(self, opened, wanted, refusals):
        super().__init__(opened, wanted, refusals)
        self.opened, self.wanted, self.refusals = opened, wanted, refusals

    def __str__(self):
        why = ", ".join(f"{count} × {reason}" for reason, count in self.refusals.items())
        return f"only {self.opened} of {self.wanted} sockets opened ({why or 'no reason given'})"


class UnknownName(BenchError):
    """A name given on the command line is not one of those that exist."""

    def __init__(self, option, name, known):
        super().__init__(option, name, known)
        self.option, self.name, self.known = option, name, known

    def __str__(self):
        return f"{self.option} does not know {self.name!r}; it takes {', '.join(self.known)}."
