"""Writes into supervisord's log which program is not started again. Its own log leaves that out.

An extension of supervisord, as deploy/listening.py; it offers no methods.
"""

from supervisor import events
from supervisor.datatypes import RestartUnconditionally


class Endings:
    """Subscribes to the ends of processes."""

    def __init__(self, supervisord) -> None:
        self.logger = supervisord.options.logger
        events.subscribe(events.ProcessStateExitedEvent, self.exited)
        events.subscribe(events.ProcessStateFatalEvent, self.gave_up)

    def exited(self, event: events.ProcessStateExitedEvent) -> None:
        """supervisord logs unexpected ends itself."""
        process = event.process.config
        if event.expected and process.autorestart is not RestartUnconditionally:
            self.logger.warn(f"{process.name} ended and is not started again; see its last lines")

    def gave_up(self, event: events.ProcessStateFatalEvent) -> None:
        name = event.process.config.name
        self.logger.warn(f"{name} cannot be started; see its last lines")


def make(supervisord, **config: str) -> Endings:
    """What `supervisor.rpcinterface_factory` names."""
    return Endings(supervisord)
