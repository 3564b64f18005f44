"""The running tree as deploy/run.py and deploy/release.py see it: supervisord, health checks."""

import http.client
import time
import xmlrpc.client
from pathlib import Path

from supervisor.xmlrpc import SupervisorTransport

RUNNING, STARTING = 20, 10  # supervisor.states.ProcessStates
POLL = 0.05  # s between two questions


def address(environment) -> str:
    """Where to ask: 0.0.0.0 can be listened on, but is no place to go to."""
    return "127.0.0.1" if environment.HOST == "0.0.0.0" else environment.HOST


def is_alive(environment, timeout: float = 10) -> bool:
    """Whether an interface server can do its work. Raises OSError where nothing answers."""
    return answers_well(environment, "/healthz", timeout)


def is_ready(environment, timeout: float = 10) -> bool:
    """Whether everything works. Raises OSError where nothing answers."""
    return answers_well(environment, "/readyz", timeout)


def answers_well(environment, path: str, timeout: float) -> bool:
    connection = http.client.HTTPConnection(address(environment), environment.PORT, timeout=timeout)
    try:
        # HOST is always among the allowed hosts.
        connection.request("GET", path, headers={"Host": environment.HOST})
        return connection.getresponse().status == 200
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


class Supervisor:
    """supervisord's XML-RPC on its unix socket (http://supervisord.org/api.html)."""

    def __init__(self, run_dir):
        transport = SupervisorTransport(serverurl=f"unix://{run_dir}/supervisor.sock")
        self.rpc = xmlrpc.client.ServerProxy("http://unix", transport).supervisor

    def environ(self) -> dict[str, str]:
        """The environment in which the tree was started, and which its processes inherit."""
        data = Path(f"/proc/{self.rpc.getPID()}/environ").read_bytes().decode()
        return dict(item.split("=", 1) for item in data.split("\0") if "=" in item)

    def names(self, group) -> list[str]:
        """`group:process` of the group's processes, in order."""
        found = (info for info in self.rpc.getAllProcessInfo() if info["group"] == group)
        return sorted(f"{info['group']}:{info['name']}" for info in found)

    def pid(self, name) -> int | None:
        """The process's id while it runs or starts, else None."""
        info = self.rpc.getProcessInfo(name)
        return info["pid"] if info["state"] in (RUNNING, STARTING) else None

    def is_running(self, name) -> bool:
        return self.rpc.getProcessInfo(name)["state"] == RUNNING

    def stop(self, name):
        """Stop it and wait for its end; does nothing where it does not run."""
        try:
            self.rpc.stopProcess(name, True)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise

    def start(self, name):
        """Start it; does not wait."""
        self.rpc.startProcess(name, False)

    def last_lines(self, name, number=12) -> list[str]:
        text, _, _ = self.rpc.tailProcessStdoutLog(name, 0, 8192)
        return text.strip().splitlines()[-number:]


def wait_until(condition, within):
    """Ask until the condition holds and return its value, or its last one after `within` s."""
    deadline = time.monotonic() + within
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(POLL)
    return value
