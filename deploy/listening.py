"""Keeps the listening socket open while no interface server runs: connections wait in its backlog.

supervisord would close it with the last process of its group, and whoever comes then is refused. An
`rpcinterface` is the door that supervisord has for such an extension; this one offers no methods.
"""

from supervisor import events
from supervisor.states import RUNNING_STATES

GROUP = "interface"


class Holder:
    """Holds the group's socket, but where nobody is going to accept from it."""

    def __init__(self, supervisord):
        self.group = supervisord.process_groups[GROUP]
        self.socket = self.group.socket_manager.get_socket()
        events.subscribe(events.SupervisorStoppingEvent, self.release)
        events.subscribe(events.ProcessStateRunningEvent, self.running)
        # Ended for good: by an exit code that stops the respawning, or after too many tries.
        events.subscribe(events.ProcessStateExitedEvent, self.ended)
        events.subscribe(events.ProcessStateFatalEvent, self.ended)

    def release(self, event=None):
        self.socket = None

    def running(self, event):
        if self.socket is None and event.process in self.processes():
            self.socket = self.group.socket_manager.get_socket()

    def ended(self, event):
        left = any(process.get_state() in RUNNING_STATES for process in self.processes())
        if event.process in self.processes() and event.expected and not left:
            self.release()

    def processes(self):
        return self.group.processes.values()


def make(supervisord, **config):
    """What `supervisor.rpcinterface_factory` names."""
    return Holder(supervisord)
