"""The processes of a running product, by supervisord's own account."""

import os
import signal
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from tests.services import wait_until


class Tree:
    """Kills, stops and starts the processes of `stack`, and no others."""

    def __init__(self, stack):
        self.stack = stack
        address = f"unix://{stack.folder.name}/run/supervisor.sock"
        proxy = ServerProxy("http://127.0.0.1", SupervisorTransport(None, None, address))
        self.supervisor = proxy.supervisor

    def members(self, group):
        """name -> pid of a group's processes (redis, interface, workers, pulse); 0 where none."""
        return {
            f"{info['group']}:{info['name']}": info["pid"]
            for info in self.supervisor.getAllProcessInfo()
            if info["group"] == group
        }

    def pids(self, group):
        return [pid for pid in self.members(group).values() if pid]

    def signal(self, group, signum, number=None):
        """Send a signal to all of a group, or to one of them."""
        pids = self.pids(group)
        for pid in pids if number is None else [pids[number % len(pids)]]:
            os.kill(pid, signum)

    def kill(self, group, number=None):
        """kill -9; returns once others have taken their place."""
        before = self.members(group)
        self.signal(group, signal.SIGKILL, number)
        wait_until(lambda: self.members(group) != before, f"the end of {group}")
        self.wait_whole()

    def restart(self, name):
        """Stop one process as an operator does, wait for its end, start it again."""
        self.supervisor.stopProcess(name)
        self.supervisor.startProcess(name, False)
        self.wait_whole()

    def is_whole(self):
        try:
            found = self.supervisor.getAllProcessInfo()
        except (OSError, Fault):
            return False
        # The candidate runs during a release alone.
        return {info["statename"] for info in found if info["name"] != "candidate"} == {"RUNNING"}

    def wait_whole(self):
        """Until every process runs and a request finds its way through all of them."""
        wait_until(self.is_whole, "all processes")
        wait_until(self.stack.healthy, "an answer of /readyz")
