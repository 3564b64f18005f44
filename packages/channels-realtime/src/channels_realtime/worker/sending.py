"""Sends what a consumer left to be sent, with as few round trips as its order allows."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import redis
from channels.channel import Channel, Group
from channels.message import pending_message_store

from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.commands import Command
from channels_realtime.layer.envelope import Content
from channels_realtime.layer.scripts import SendReply
from channels_realtime.worker import conversation

logger = logging.getLogger("channels_realtime.sending")

DELIVER_WITHIN = 2.0  # s that a full channel may take a consumer's message
RETRY = 0.05  # s between tries of a full channel

# A message of a consumer, a session's write, an acknowledgement, or counters.
Outgoing = Command[SendReply | None]


@dataclass(slots=True)
class Outcome:
    """What became of a consumer's messages.

    `unsent`: commands that are left to be sent. `undelivered`: channels and groups that messages
    were lost for.
    """

    unsent: list[Outgoing] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)


def take_pending() -> list[tuple[Channel | Group, Content]]:
    """The messages that this thread's consumer has sent so far, and where to."""
    store = pending_message_store.threadlocal
    pending: list[tuple[Channel | Group, Content]] = getattr(store, "messages", [])
    store.messages = []
    return pending


def flush(layer: Transport) -> list[str]:
    """Send them all now. Returns the names of the channels that stayed full."""
    outcome = send_groups(layer, conversation.take_writes(), take_pending())
    return outcome.undelivered + run(layer, outcome.unsent)


def send_groups(
    layer: Transport,
    writes: Sequence[Outgoing],
    pending: Sequence[tuple[Channel | Group, Content]],
) -> Outcome:
    """Send messages in their order, but for the last run of those to channels.

    The session writes go before them. A full channel is tried again for DELIVER_WITHIN. A new
    socket that a group message accepts is accepted at the end.
    """
    outcome = Outcome([*writes])
    is_overridden = conversation.overrides_send(layer)
    for sender, message in pending:
        if (
            is_overridden
            or isinstance(sender, Group)
            or sender.channel_layer.channel_layer is not layer
        ):
            try:
                outcome.undelivered += run(layer, outcome.unsent)
                outcome.unsent = []
                sender.send(message, immediately=True)
            except sender.channel_layer.ChannelFull:
                outcome.undelivered.append(sender.name)
            except redis.RedisError as error:
                outcome.undelivered.append(sender.name)
                logger.error("A message for %s was lost with Redis: %s", sender.name, error)
        else:
            outcome.unsent.append(layer.send_command(sender.name, message))
    if accepted := conversation.take_accept({sender.name for sender, _ in pending}):
        outcome.unsent.append(layer.send_command(accepted, {"accept": True}))
    return outcome


def run(layer: Transport, batch: Sequence[Outgoing]) -> list[str]:
    """Run the commands; returns the channels that stayed full."""
    if not batch:
        return []
    deadline = time.monotonic() + DELIVER_WITHIN
    while batch := refused(batch, layer.run_many(batch)):
        if time.monotonic() > deadline:
            return [command.keys[0].removeprefix(layer.prefix) for command in batch]
        time.sleep(RETRY)
    return []


def refused(batch: Sequence[Outgoing], replies: Sequence[SendReply | None]) -> list[Outgoing]:
    """Those of the commands whose channel was full."""
    if SendReply.FULL not in replies:
        return []
    full = SendReply.FULL
    return [command for command, reply in zip(batch, replies, strict=True) if reply is full]
