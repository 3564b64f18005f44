"""Sends what a consumer left to be sent, with as few round trips as its order allows."""

import time

from channels.channel import Group

RETRY = 0.05  # s between tries of a full channel


def send_all(layer, writes, pending, within):
    """Run the session writes, then send (Channel or Group, message) pairs in their order.

    Messages to channels that follow each other go in one round trip, with the writes before them.
    A full channel is tried again for `within` seconds; returns the names of those still full.
    """
    batch = [(index, script) for index, script in writes]
    undelivered = []
    for sender, message in pending:
        if isinstance(sender, Group) or sender.channel_layer is not layer:
            undelivered += run(layer, batch, within)
            batch = []
            try:
                sender.send(message, immediately=True)
            except sender.channel_layer.ChannelFull:
                undelivered.append(sender.name)
        else:
            index = layer.shard_of(sender.name)
            batch.append((index, layer.send_script(sender.name, message)))
    return undelivered + run(layer, batch, within)


def run(layer, batch, within):
    """Run (shard, script) pairs; returns the lists that stayed full."""
    deadline = time.monotonic() + within
    while batch:
        answers = layer.run_many(batch)
        # Only a send answers 0: its channel was full.
        batch = [pair for pair, answer in zip(batch, answers, strict=True) if answer == 0]
        if not batch:
            break
        if time.monotonic() > deadline:
            return [script[1][0].removeprefix(layer.prefix) for _, script in batch]
        time.sleep(RETRY)
    return []
