"""Sends what a consumer left to be sent, with as few round trips as its order allows."""

import logging
import time

import redis
from channels.channel import Group
from channels.message import pending_message_store

from channels_realtime.layer.commands import Command

logger = logging.getLogger("channels_realtime.sending")

DELIVER_WITHIN = 2.0  # s that a full channel may take a consumer's message
RETRY = 0.05  # s between tries of a full channel


def take_pending():
    """The (Channel or Group, message) pairs that this thread's consumer has sent so far."""
    store = pending_message_store.threadlocal
    pending, store.messages = getattr(store, "messages", []), []
    return pending


def flush(layer):
    """Send them all now. Returns the names of the channels that stayed full."""
    batch, undelivered = send_groups(layer, [], take_pending())
    return undelivered + run(layer, batch)


def send_groups(layer, writes, pending):
    """Send (Channel or Group, message) pairs in their order, but for the last run of channels.

    The session writes go before them. A full channel is tried again for DELIVER_WITHIN. Returns
    the commands of the last run, and the names of the channels that stayed full.
    """
    batch = list(writes)
    undelivered = []
    for sender, message in pending:
        if isinstance(sender, Group) or sender.channel_layer is not layer:
            try:
                undelivered += run(layer, batch)
                batch = []
                sender.send(message, immediately=True)
            except sender.channel_layer.ChannelFull:
                undelivered.append(sender.name)
            except redis.RedisError as error:
                undelivered.append(sender.name)
                logger.error("A message for %s was lost with Redis: %s", sender.name, error)
        else:
            batch.append(layer.send_command(sender.name, message))
    return batch, undelivered


def run(layer, batch: list[Command]) -> list[str]:
    """Run the commands; returns the channels that stayed full."""
    deadline = time.monotonic() + DELIVER_WITHIN
    while batch:
        batch = refused(batch, layer.run_many(batch))
        if not batch:
            break
        if time.monotonic() > deadline:
            return [command.keys[0].removeprefix(layer.prefix) for command in batch]
        time.sleep(RETRY)
    return []


def refused(batch: list[Command], replies: list) -> list[Command]:
    """Those of the commands whose channel was full: only then a script replies with 0."""
    return [command for command, reply in zip(batch, replies, strict=True) if reply == 0]
