"""`enforce_ordering` that cannot block a socket for ever; compat puts it in the place of channels',
for the messages of our channel layer.

A message that comes before its turn waits in a channel of its socket's. Its turn comes when the
one before it has run, whether that succeeded or not. If that one was lost with its worker, the
wait is bounded: the socket is closed with TRY_AGAIN_LATER and its client begins another.
"""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from channels.asgi import ChannelLayerWrapper
from channels.message import Message
from channels.sessions import (
    channel_session,
    requeue_messages,
    session_for_reply_channel,
    wait_channel_name,
)

from channels_realtime.close_codes import TRY_AGAIN_LATER
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.worker.conversation import postpone
from channels_realtime.worker.sending import flush

logger = logging.getLogger("channels_realtime.ordering")

NEXT = "__channels_next_order"  # channels' own key, so that sessions survive the change to ours
PATIENCE = 5.0  # s that a message waits for the one before it

Consumer = Callable[..., Any]


class Gap(NamedTuple):
    """A message that others of its socket wait for, until the `deadline` (monotonic clock)."""

    deadline: float
    order: int
    layer: ChannelLayerWrapper


gaps: dict[str, Gap] = {}  # by reply channel


def enforce_ordering(consumer: Consumer, stock: Consumer) -> Consumer:
    """Run the consumers of one socket in the order in which its messages were sent.

    `stock`: the consumer as channels' own decorator returns it, for messages of other layers.
    """

    @functools.wraps(consumer)
    def inner(message: Message, *args: Any, **kwargs: Any) -> None:
        if "order" not in message.content:
            raise ValueError("enforce_ordering needs messages that hold an `order`.")
        order = int(message.content["order"])
        session = message.channel_session
        expected = session.get(NEXT, 0)
        if order == expected:
            try:
                consumer(message, *args, **kwargs)
            finally:
                if message.channel.name != "websocket.connect":
                    # Before the next one may run. Nothing comes before a connect is accepted, and
                    # its accept is sent with the session; see channels_realtime.sessions.
                    for full in flush(message.channel_layer.channel_layer):
                        logger.error("A message for %s was dropped: it stayed full.", full)
                session[NEXT] = order + 1
                session.save()
                session.modified = False
                gaps.pop(message.reply_channel.name, None)
                requeue_messages(message)
        elif order > expected:
            wait(message, order, expected)

    with_session: Consumer = channel_session(inner)

    @functools.wraps(consumer)
    def choose(message: Message, *args: Any, **kwargs: Any) -> Any:
        layer = getattr(message.channel_layer, "channel_layer", message.channel_layer)
        ordered = with_session if isinstance(layer, Transport) else stock
        return ordered(message, *args, **kwargs)

    return choose


def wait(message: Message, order: int, expected: int) -> None:
    """Put the message aside until the ones before it have run."""
    name = message.reply_channel.name
    postpone()
    message.content["original_channel"] = message.channel.name
    message.channel_layer.send(wait_channel_name(name), message.content)
    # The one before may have ended while this one was put aside.
    if message.channel_session.load().get(NEXT, 0) == order:
        requeue_messages(message)
        return
    gaps.setdefault(name, Gap(time.monotonic() + PATIENCE, expected, message.channel_layer))


def give_up_overdue() -> None:
    """Close the sockets whose missing message did not come. Workers call this between messages."""
    now = time.monotonic()
    for name, gap in list(gaps.items()):
        if gap.deadline > now:
            continue
        gaps.pop(name, None)
        if session_for_reply_channel(name).get(NEXT, 0) == gap.order:
            logger.error("Message %d of %s was lost; closing the socket", gap.order, name)
            gap.layer.send(name, {"close": TRY_AGAIN_LATER})
        else:
            # Others have run since. Should one of those that wait have been missed, it runs now.
            requeue_messages(Message({"reply_channel": name}, "", gap.layer))
