"""Logs which programs supervisord does not restart; its own log does not say so.

An extension of supervisord, like deploy/listening.py; it offers no methods.
"""

from typing import TYPE_CHECKING

from supervisor import events
from supervisor.datatypes import RestartUnconditionally

if TYPE_CHECKING:  # it runs as __main__, which another import would load again
    from supervisor.supervisord import Supervisor


class Endings:
    """Listens for processes that exit."""

    def __init__(self, supervisord: "Supervisor") -> None:
        self.logger = supervisord.options.logger
        events.subscribe(events.ProcessStateExitedEvent, self.exited)
        events.subscribe(events.ProcessStateFatalEvent, self.gave_up)

    def exited(self, event: events.ProcessStateExitedEvent) -> None:
        """supervisord itself logs unexpected exits."""
        process = event.process.config
        if event.expected and process.autorestart is not RestartUnconditionally:
            self.logger.warn(f"{process.name} exited and will not be restarted; see its last lines")

    def gave_up(self, event: events.ProcessStateFatalEvent) -> None:
        name = event.process.config.name
        self.logger.warn(f"{name} could not be started; see its last lines")


def make(supervisord: "Supervisor", **config: str) -> Endings:
    """The extension; supervisord.conf names it as `supervisor.rpcinterface_factory`."""
    return Endings(supervisord)
