"""Access to the running process tree: supervisord and the health checks."""

import http.client
import os
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from supervisor.xmlrpc import SupervisorTransport

from proj.environment import Environment

RUNNING, STARTING, STOPPING = 20, 10, 40  # supervisor.states.ProcessStates
POLL = 0.05  # s between two calls
STOPPED_WITHIN = 90  # s; supervisord kills after stopwaitsecs, which is 60 at most

T = TypeVar("T")


def address(environment: Environment) -> str:
    """The address to connect to: 0.0.0.0 is only valid for listening."""
    return "127.0.0.1" if environment.HOST == "0.0.0.0" else environment.HOST


def is_alive(environment: Environment, timeout: float = 10) -> bool:
    """Whether an interface server is healthy. Raises OSError if nothing responds."""
    return answers_well(environment, "/healthz", timeout)


def is_ready(environment: Environment, timeout: float = 10) -> bool:
    """Whether the whole site works. Raises OSError if nothing responds."""
    return answers_well(environment, "/readyz", timeout)


def answers_well(environment: Environment, path: str, timeout: float) -> bool:
    connection = http.client.HTTPConnection(address(environment), environment.PORT, timeout=timeout)
    try:
        # HOST is always among the allowed hosts.
        connection.request("GET", path, headers={"Host": environment.HOST})
        return connection.getresponse().status == 200
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


class ProcessInfo(TypedDict):
    """The members of supervisord's getProcessInfo() that are used here."""

    group: str
    name: str
    pid: int  # 0 while it does not run
    state: int


class Supervisor:
    """supervisord's XML-RPC on its unix socket (http://supervisord.org/api.html)."""

    def __init__(self, run_dir: Path) -> None:
        transport = SupervisorTransport(serverurl=f"unix://{run_dir}/supervisor.sock")
        self.rpc: Any = xmlrpc.client.ServerProxy("http://unix", transport).supervisor

    def main_pid(self) -> int:
        """supervisord's own process id. Raises OSError if it does not run."""
        pid: int = self.rpc.getPID()
        return pid

    def infos(self) -> list[ProcessInfo]:
        infos: list[ProcessInfo] = self.rpc.getAllProcessInfo()
        return infos

    def info(self, name: str) -> ProcessInfo:
        info: ProcessInfo = self.rpc.getProcessInfo(name)
        return info

    def environ(self) -> dict[str, str]:
        """The environment variables that the processes inherit."""
        data = Path(f"/proc/{self.main_pid()}/environ").read_bytes().decode()
        return dict(item.split("=", 1) for item in data.split("\0") if "=" in item)

    def names(self, *groups: str, but: Sequence[str] = ()) -> list[str]:
        """`group:process` of the processes of these groups, or of all `but` some, in order."""
        return sorted(
            f"{info['group']}:{info['name']}"
            for info in self.infos()
            if (info["group"] in groups if groups else info["group"] not in but)
        )

    def pids(self) -> list[int]:
        """The process ids of all running processes."""
        return [info["pid"] for info in self.infos() if info["pid"]]

    def pid(self, name: str) -> int | None:
        """The process's id while it runs or starts, else None."""
        info = self.info(name)
        return info["pid"] if info["state"] in (RUNNING, STARTING) else None

    def folder(self, name: str) -> Path | None:
        """The folder that the process was started in; None while it does not run."""
        pid = self.pid(name)
        return folder_of(pid) if pid else None

    def is_running(self, name: str) -> bool:
        return self.info(name)["state"] == RUNNING

    def is_stopped(self, name: str) -> bool:
        return self.info(name)["state"] not in (RUNNING, STARTING, STOPPING)

    def stop(self, *names: str) -> None:
        """Stop the processes at the same time, and wait until they have ended."""
        for name in names:
            try:
                self.rpc.stopProcess(name, False)
            except xmlrpc.client.Fault as fault:
                if "NOT_RUNNING" not in fault.faultString:
                    raise
        wait_until(lambda: all(self.is_stopped(name) for name in names), STOPPED_WITHIN)

    def signal(self, name: str, signum: str) -> None:
        """Send it a signal, such as HUP."""
        self.rpc.signalProcess(name, signum)

    def start(self, name: str) -> None:
        """Start the process without waiting for it."""
        self.rpc.startProcess(name, False)

    def last_lines(self, name: str, number: int = 12) -> list[str]:
        text: str = self.rpc.tailProcessStdoutLog(name, 0, 8192)[0]
        return text.strip().splitlines()[-number:]


def children(pid: int) -> list[int]:
    """The ids of its child processes, the oldest first; none where it has ended."""
    with suppress(OSError):
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in listed.split()]
    return []


def folder_of(pid: int) -> Path | None:
    """The folder in which the process runs; None if it has ended."""
    with suppress(OSError):
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    return None


@contextmanager
def as_caller() -> Iterator[None]:
    """Run as the user who called deploy/release, to whom RELEASES_DIR may belong."""
    user = os.geteuid()
    os.seteuid(os.getuid())
    try:
        yield
    finally:
        os.seteuid(user)


def wait_until(condition: Callable[[], T], within: float) -> T:
    """Poll until the condition holds and return its value, or its last one after `within` s."""
    deadline = time.monotonic() + within
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(POLL)
    return value
