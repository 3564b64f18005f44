"""Logs which program supervisord does not start again; its own log does not say so.

An extension of supervisord, like deploy/listening.py; it offers no methods.
"""

from typing import TYPE_CHECKING

from supervisor import events
from supervisor.datatypes import RestartUnconditionally

if TYPE_CHECKING:  # it runs as __main__, which another import would load again
    from supervisor.supervisord import Supervisor


class Endings:
    """Subscribes to the ends of processes."""

    def __init__(self, supervisord: "Supervisor") -> None:
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


def make(supervisord: "Supervisor", **config: str) -> Endings:
    """The extension; supervisord.conf names it as `supervisor.rpcinterface_factory`."""
    return Endings(supervisord)
