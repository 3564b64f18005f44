"""The processes that are measured or help to measure: started, accounted for, and ended."""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness import process as harness
from harness.network import can_connect
from harness.process import Command, send

from bench.errors import ProcessFailed

START_TIMEOUT = 60.0  # s
# 10 s: a graceful drain; bench closes its sockets first, so nobody needs longer.
STOP_TIMEOUT = 10.0
LOG_LINES = 30
TICK = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}
libc = ctypes.CDLL(None)

# Every process that was started and not yet stopped; an interrupted run ends them.
running: "set[Process]" = set()


def end_with_parent() -> None:
    """Runs in the child: a benchmark that is killed outright takes its servers along."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold Ctrl-C back while a process is started but not yet in `running`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_all() -> None:
    """End whatever is still running."""
    for process in list(running):
        process.stop()


class Process(harness.Process):
    """A server, worker or helper; its last output is part of the sentence when it fails."""

    log: Path

    def __init__(
        self,
        name: str,
        command: Command,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        pipes: bool = False,
    ) -> None:
        self.name = name
        descriptor, log = tempfile.mkstemp(prefix="liveblog-bench-")
        os.close(descriptor)
        with undisturbed():
            super().__init__(
                command,
                log=Path(log),
                cwd=cwd,
                env=os.environ | (env or {}),
                pipes=pipes,
                # A group of its own: Ctrl-C reaches only the benchmark, which ends its children.
                process_group=0,
                preexec_fn=end_with_parent,
            )
            running.add(self)

    def fail(self, problem: str) -> ProcessFailed:
        """The error that says what went wrong with this process."""
        return ProcessFailed(self.name, problem, self.output().splitlines()[-LOG_LINES:])

    def wait_listening(self, port: int) -> None:
        """Wait until it accepts connections on the port. Raises ProcessFailed."""
        deadline = time.monotonic() + START_TIMEOUT
        while not can_connect(port):
            self.check_alive()
            if time.monotonic() > deadline:
                raise self.fail(f"did not listen on port {port} within {START_TIMEOUT:.0f} s")
            time.sleep(0.02)
        self.check_alive()

    def check_alive(self) -> None:
        """Raise ProcessFailed when the process has ended."""
        if not self.is_running():
            raise self.fail(f"ended with status {self.popen.returncode}")

    def cpu_seconds(self) -> float:
        """CPU time of the process and its living descendants, in seconds. Raises ProcessFailed."""
        self.check_alive()
        return sum(map(cpu_seconds, self.pids()))

    def memory_kib(self) -> int:
        """Proportional set size of it and its living descendants, in KiB. Raises ProcessFailed."""
        self.check_alive()
        return sum(map(memory_kib, self.pids()))

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """End the process by the signal, then by SIGKILL what is left of it."""
        # Descendants may be in groups of their own, as those of a supervisor are.
        left = self.pids()[1:] if self.is_running() else []
        self.send_signal(signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(STOP_TIMEOUT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        send(left, signal.SIGKILL)
        code = self.wait()
        running.discard(self)
        for stream in (self.popen.stdin, self.popen.stdout):
            with contextlib.suppress(BrokenPipeError):
                if stream:
                    stream.close()
        self.log.unlink(missing_ok=True)
        return code


class Talker(Process):
    """A helper: a line to its standard input, a JSON line from its standard output."""

    def __init__(self, name: str, command: Command, **options: Any) -> None:
        super().__init__(name, command, pipes=True, **options)
        self.received = b""

    def ask(self, line: str, timeout: float) -> dict[str, Any]:
        """Send one line; return the answer, waited for so many seconds. Raises ProcessFailed."""
        self.tell(line)
        return self.answer(timeout)

    def tell(self, line: str) -> None:
        """Send one line, whose answer must be fetched by `answer`. Raises ProcessFailed."""
        assert self.popen.stdin
        try:
            self.popen.stdin.write(line.encode() + b"\n")
            self.popen.stdin.flush()
        except BrokenPipeError:
            raise self.fail("ended before its work was done") from None

    def answer(self, timeout: float) -> dict[str, Any]:
        """The next answer. Raises ProcessFailed after `timeout` seconds without one."""
        deadline = time.monotonic() + timeout
        stdout = self.popen.stdout
        while b"\n" not in self.received:
            ready, _, _ = select.select([stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise self.fail(f"gave no answer within {timeout:.0f} s")
            data = os.read(stdout.fileno(), 65536)
            if not data:
                self.wait(5)
                raise self.fail("ended before its work was done")
            self.received += data
        line, _, self.received = self.received.partition(b"\n")
        return json.loads(line)


def module(name: str, *arguments: str, python: str | Path = sys.executable) -> list[str]:
    """The command that runs a Python module."""
    return [str(python), "-m", name, *arguments]


def cpu_seconds(pid: int) -> float:
    """User and system time of the process, all its threads included, in seconds.

    The process's CPU clock has nanoseconds; /proc/<pid>/stat has the same sum in ticks of 10 ms,
    too coarse for the fastest servers here, and stands in where the kernel refuses the clock.
    """
    try:
        # The clock id as the C library's clock_getcpuclockid makes it.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK


def memory_kib(pid: int) -> int:
    """Proportional set size in KiB: private pages, and a fair share of the shared ones."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ValueError(f"/proc/{pid}/smaps_rollup has no Pss")


def command(pid: int) -> list[str]:
    """The process's command line, in words; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
