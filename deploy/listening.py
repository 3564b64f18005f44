"""Keeps the listening socket open while no interface server runs: connections wait in its backlog.

supervisord would close it with the last process of its group, and refuse connections from then on.
This is an extension of supervisord, which it loads as an `rpcinterface`; it offers no methods.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from supervisor import events
from supervisor.process import Subprocess
from supervisor.states import RUNNING_STATES

if TYPE_CHECKING:  # it runs as __main__, which another import would load again
    from supervisor.supervisord import Supervisor

GROUP = "interface"


class Holder:
    """Holds the group's socket, unless no process of the group will accept from it."""

    def __init__(self, supervisord: "Supervisor") -> None:
        self.group = supervisord.process_groups[GROUP]
        self.socket = self.group.socket_manager.get_socket()
        events.subscribe(events.SupervisorStoppingEvent, self.release)
        events.subscribe(events.ProcessStateRunningEvent, self.running)
        # Not started again: by its exit code, or after too many tries.
        events.subscribe(events.ProcessStateExitedEvent, self.ended)
        events.subscribe(events.ProcessStateFatalEvent, self.ended)

    def release(self, event: events.Event | None = None) -> None:
        self.socket = None

    def running(self, event: events.ProcessStateEvent) -> None:
        if self.socket is None and event.process in self.processes():
            self.socket = self.group.socket_manager.get_socket()

    def ended(self, event: events.ProcessStateEvent) -> None:
        left = any(process.get_state() in RUNNING_STATES for process in self.processes())
        if event.process in self.processes() and event.expected and not left:
            self.release()

    def processes(self) -> Collection[Subprocess]:
        processes: Collection[Subprocess] = self.group.processes.values()
        return processes


def make(supervisord: "Supervisor", **config: str) -> Holder:
    """The extension; supervisord.conf names it as `supervisor.rpcinterface_factory`."""
    return Holder(supervisord)
