"""What this thread's worker handles just now: shortcuts that are right only while it does."""

import threading
from contextlib import contextmanager

from channels_realtime.layer.commands import Command

PROCESS = "realtime."  # begins the names of channels that our interface servers hold

current = threading.local()


@contextmanager
def of(message):
    """While entered, this thread handles the message."""
    name = message.content.get("reply_channel")
    current.writes = []
    if message.channel.name == "websocket.connect" and "__retries__" not in message.content:
        current.fresh = name
    if message.channel.name == "websocket.disconnect" and name and name.startswith(PROCESS):
        current.gone = name
    try:
        yield
    finally:
        current.fresh = current.gone = None


def is_fresh(channel) -> bool:
    """Whether it is the socket of a connect to which nothing has been said.

    It has no session that could be loaded, and nothing else of it can arrive before it is accepted.
    """
    return channel is not None and channel == getattr(current, "fresh", None)


def is_gone(channel) -> bool:
    """Whether it is a socket of our interface servers that is gone: it has left its groups."""
    return channel is not None and channel == getattr(current, "gone", None)


def said(channel):
    """Something goes to the channel at once: perhaps it is accepted now."""
    if is_fresh(channel):
        current.fresh = None


def defer(write: Command) -> None:
    """Keep a command that goes out with what the consumer sends at its end."""
    current.writes.append(write)


def take_writes() -> list[Command]:
    writes, current.writes = current.writes, []
    return writes
