"""Keeps the listening socket open while no interface server runs: connections wait in its backlog.

supervisord would close it with the last process of its group, and whoever comes then is refused. An
`rpcinterface` is the door that supervisord has for such an extension; this one offers no methods.
"""

from supervisor import events

GROUP = "interface"


class Holder:
    """Holds the group's socket until supervisord begins to stop."""

    def __init__(self, supervisord):
        self.socket = supervisord.process_groups[GROUP].socket_manager.get_socket()
        events.subscribe(events.SupervisorStoppingEvent, self.release)

    def release(self, event):
        self.socket = None


def make(supervisord, **config):
    """What `supervisor.rpcinterface_factory` names."""
    return Holder(supervisord)
