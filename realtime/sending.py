"""Sends what a consumer left to be sent, with as few round trips as its order allows."""

import time

from channels.channel import Group
from channels.message import pending_message_store

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
    the (shard, script) pairs of the last run, and the names of the channels that stayed full.
    """
    batch = list(writes)
    undelivered = []
    for sender, message in pending:
        if isinstance(sender, Group) or sender.channel_layer is not layer:
            undelivered += run(layer, batch)
            batch = []
            try:
                sender.send(message, immediately=True)
            except sender.channel_layer.ChannelFull:
                undelivered.append(sender.name)
        else:
            index = layer.shard_of(sender.name)
            batch.append((index, layer.send_script(sender.name, message)))
    return batch, undelivered


def run(layer, batch):
    """Run (shard, script) pairs; returns the lists that stayed full."""
    deadline = time.monotonic() + DELIVER_WITHIN
    while batch:
        answers = layer.run_many(batch)
        batch = refused(batch, answers)
        if not batch:
            break
        if time.monotonic() > deadline:
            return [script[1][0].removeprefix(layer.prefix) for _, script in batch]
        time.sleep(RETRY)
    return []


def refused(batch, answers):
    """Those of the (shard, script) pairs whose channel was full: only then a script answers 0."""
    return [pair for pair, answer in zip(batch, answers, strict=True) if answer == 0]
