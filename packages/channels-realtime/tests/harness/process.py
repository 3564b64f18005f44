"""Processes: started with a log, waited for until they are ready, ended by their pid."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

from harness.waiting import PATIENCE, meanwhile, wait_until

Command = Sequence[str | os.PathLike[str] | int]


class Process:
    """A running program. A context manager, which kills it at the end.

    Args:
        log: the file that its output is appended to; without one, its output is dropped.
        stdin: as subprocess.Popen has it; nothing by default.
        output: where its output goes instead of a log.
        pipes: its standard input and output are pipes; the log has its errors.
        options: more of subprocess.Popen's arguments.
    """

    logged: "weakref.WeakSet[Process]" = weakref.WeakSet()  # for the report of a failed test

    def __init__(
        self,
        command: Command,
        *,
        log: Path | None = None,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int | IO[Any] | Any = subprocess.DEVNULL,
        output: int | None = None,
        pipes: bool = False,
        **options: Any,
    ):
        self.log = log
        with (log or Path(os.devnull)).open("ab") as stream:
            self.popen = subprocess.Popen(
                [str(word) for word in command],
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE if pipes else stdin,
                stdout=subprocess.PIPE if pipes else stream if output is None else output,
                stderr=stream if pipes else subprocess.STDOUT,
                **options,
            )
        self.pid = self.popen.pid
        Process.logged.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def output(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace") if self.log else "(its output was dropped)"

    def wait_ready(self, condition: Callable[[], object], what: str) -> Self:
        """Wait for the condition. Raises AssertionError with the log where the process ends."""
        wait_until(lambda: not self.is_running() or condition(), what)
        assert self.is_running(), f"{what}: the process has ended:\n{self.output()}"
        return self

    def wait_for_output(self, words: str) -> None:
        """Wait until it has written the words, which may be its last."""
        wait_until(lambda: not self.is_running() or words in self.output(), repr(words))
        assert words in self.output(), self.output()

    def is_running(self) -> bool:
        return self.popen.poll() is None

    def send_signal(self, signum: int) -> None:
        self.popen.send_signal(signum)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for its end; the exit code."""
        return self.popen.wait(patience)

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """End it by a signal; the exit code."""
        self.send_signal(signum)
        return self.wait()

    def pids(self) -> list[int]:
        """The process and its descendants that live."""
        return tree(self.pid)

    def kill(self) -> None:
        """End it and its descendants at once (SIGKILL), as a loss of power does."""
        pids = self.pids()
        send(pids, signal.SIGKILL)
        self.wait()
        wait_until(lambda: not any(map(runs, pids)), f"the end of {pids}")

    def end(self) -> None:
        """Kill it if it runs."""
        if self.is_running():
            self.popen.kill()
        self.wait()


class Server:
    """A program of the test's own, in a folder of its own. A context manager.

    start() starts it again after stop() or kill(); the folder stays until the end.
    """

    name: str
    process: Process
    prefix: Sequence[str] = ()  # what its command runs under, such as a network namespace
    stop_signal = signal.SIGTERM
    folder: Path | None = None

    def prepare(self, folder: Path) -> None:
        """Make what it needs in its folder, once."""

    def command(self) -> Command:
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it serves."""
        raise NotImplementedError

    def start(self) -> Self:
        """Start it and wait until it answers."""
        self.launch()
        self.process.wait_ready(self.answers, f"an answer of {self.name}")
        return self

    def launch(self) -> None:
        """Start it."""
        folder = self.make_folder()
        command = [*self.prefix, *self.command()]
        self.process = Process(command, cwd=folder, log=folder / "log")

    def make_folder(self) -> Path:
        """Its folder, which is made and prepared once."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix=f"liveblog-{self.name}-"))
            self.folder.chmod(0o755)  # some drop their rights
            self.prepare(self.folder)
        return self.folder

    def stop(self, signum: int | None = None) -> None:
        self.process.stop(self.stop_signal if signum is None else signum)

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        """End it and remove its folder."""
        if self.folder is None:
            return
        if self.process.is_running():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def tree(pid: int) -> list[int]:
    """The pids of the process and its descendants that live."""
    pids = [pid]
    for parent in pids:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):  # the thread ended between the listing and the reading
                pids += map(int, children.read_text().split())
    return pids


def runs(pid: int) -> bool:
    """Whether the process executes: a zombie waits only for its new parent."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def send(pids: Iterable[int], signum: int) -> None:
    """Send a signal to those that still run."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signum)


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Processes that do nothing (SIGSTOP) while the context lasts."""
    send(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        send(pids, signal.SIGCONT)


@contextmanager
def starved(pids: Callable[[], list[int]], stop: float, run: float) -> Iterator[None]:
    """Processes that in turns do nothing for `stop` and run for `run` seconds."""

    def stutter(ended: threading.Event) -> None:
        while not ended.wait(run):
            with stopped(*pids()):
                ended.wait(stop)

    with meanwhile(stutter):
        yield
