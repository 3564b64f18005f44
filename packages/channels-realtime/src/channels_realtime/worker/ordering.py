"""`enforce_ordering` that cannot block a socket for ever; compat puts it in the place of channels'.

A message that comes before its turn waits in a channel of its socket's. Its turn comes when the
one before it has run, whether that succeeded or not. If that one was lost with its worker, the
wait is bounded: the socket is closed with TRY_AGAIN_LATER and its client begins another.
"""

import functools
import logging
import time

from channels.message import Message
from channels.sessions import (
    channel_session,
    requeue_messages,
    session_for_reply_channel,
    wait_channel_name,
)

from channels_realtime.close_codes import TRY_AGAIN_LATER
from channels_realtime.worker.sending import flush

logger = logging.getLogger("channels_realtime.ordering")

NEXT = "__channels_next_order"  # channels' own key, so that old sessions go on
PATIENCE = 5.0  # s that a message waits for the one before it

overdue = {}  # reply channel -> (deadline, the order that is missing, the layer)


def enforce_ordering(func=None, slight=False):
    """Run the consumers of one socket in the order in which its messages were sent."""
    if slight:
        raise ValueError("Slight ordering is always on since Channels 1.0; remove the decorator.")
    if func is None:
        return enforce_ordering

    @channel_session
    @functools.wraps(func)
    def inner(message, *args, **kwargs):
        if "order" not in message.content:
            raise ValueError("enforce_ordering needs messages that hold an `order`.")
        order = int(message.content["order"])
        session = message.channel_session
        expected = session.get(NEXT, 0)
        if order == expected:
            try:
                func(message, *args, **kwargs)
            finally:
                if message.channel.name != "websocket.connect":
                    # Before the next one may run. Nothing comes before a connect is accepted, and
                    # its accept goes out with the session; see channels_realtime.layer.handling.
                    for full in flush(message.channel_layer):
                        logger.error("A message for %s was dropped: it stayed full.", full)
                session[NEXT] = order + 1
                session.save()
                session.modified = False
                overdue.pop(message.reply_channel.name, None)
                requeue_messages(message)
        elif order > expected:
            wait(message, order, expected)

    return inner


def wait(message, order, expected):
    """Put the message aside until the ones before it have run."""
    name = message.reply_channel.name
    message.content["original_channel"] = message.channel.name
    message.channel_layer.send(wait_channel_name(name), message.content)
    # The one before may have ended while this one was put aside.
    if message.channel_session.load().get(NEXT, 0) == order:
        requeue_messages(message)
        return
    overdue.setdefault(name, (time.monotonic() + PATIENCE, expected, message.channel_layer))


def give_up_overdue():
    """Close the sockets whose missing message did not come. Workers call this between messages."""
    now = time.monotonic()
    for name, (deadline, missing, layer) in list(overdue.items()):
        if deadline > now:
            continue
        overdue.pop(name, None)
        if session_for_reply_channel(name).get(NEXT, 0) == missing:
            logger.error("Message %d of %s was lost; closing the socket", missing, name)
            layer.send(name, {"close": TRY_AGAIN_LATER})
        else:
            # Others have run since. Should one of those that wait have been missed, it runs now.
            requeue_messages(Message({"reply_channel": name}, "", layer))
