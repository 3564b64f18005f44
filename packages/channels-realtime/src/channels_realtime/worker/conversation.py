"""Which socket the consumer of this thread serves: known to sessions and sends, not to the layer.

Channels 1.x calls a session engine with the name of a reply channel, and Group.discard() with the
names of the group and the channel; neither gets the message. Two facts about the message save round
trips, though:

* A `websocket.connect` is the first message of its socket, so there is no session to load; and
  since nothing else of that socket can arrive before it is accepted, its session can be written
  together with the accept.
* A `websocket.disconnect` comes after its interface server has removed the socket from its groups.

And one that a project relies on: the text of a group message accepts the socket, so a consumer that
has joined the group and sends to it needs not answer otherwise. Our interface server keeps such
messages until the accept, so that a slow consumer can still be the first to write to its socket.

Nothing but the thread connects those calls with the message, so the worker keeps the conversation
in a thread-local. It is private to this module. Consumers see the channel layer as a ConsumerLayer,
which applies the facts before it calls the layer; the layer itself is the same for everybody.
"""

import threading
from collections.abc import Container, Sequence
from typing import Any

from channels import channel_layers
from channels.asgi import ChannelLayerWrapper
from channels.message import Message

from channels_realtime.layer.channel_layer import PROCESS, Transport
from channels_realtime.layer.commands import Command
from channels_realtime.layer.envelope import Content, Mark


class Conversation:
    """The socket whose message a consumer handles.

    Attributes:
        reply_channel: of the socket.
        is_new: whether nothing has been sent to it, so that it cannot be accepted yet.
        is_closed: whether it has left its groups, and is gone.
        is_ending: whether its session ends with the message.
        joined: groups that the consumer of its connect has added it to.
        is_greeted: whether that consumer has sent a text or bytes to one of them.
        writes: of its session, to be sent before anything else is sent to it.
    """

    __slots__ = (
        "is_closed",
        "is_ending",
        "is_greeted",
        "is_new",
        "joined",
        "reply_channel",
        "writes",
    )

    def __init__(
        self,
        reply_channel: str,
        is_new: bool = False,
        is_closed: bool = False,
        is_ending: bool = False,
    ) -> None:
        self.reply_channel = reply_channel
        self.is_new = is_new
        self.is_closed = is_closed
        self.is_ending = is_ending
        self.is_greeted = False
        self.joined: set[str] = set()
        self.writes: list[Command[None]] = []

    def take_writes(self) -> list[Command[None]]:
        writes, self.writes = self.writes, []
        return writes


class Thread(threading.local):
    conversation: Conversation | None = None


_thread = Thread()


def begin(message: Message) -> None:
    """The consumer of this thread is about to get the message."""
    content, channel = message.content, message.channel.name
    name = content.get("reply_channel")
    if name and channel == "websocket.connect":
        _thread.conversation = Conversation(name, is_new="__retries__" not in content)
    elif name and channel == "websocket.disconnect":
        is_ours = name.startswith(PROCESS)
        _thread.conversation = Conversation(name, is_closed=is_ours, is_ending=True)
    else:
        _thread.conversation = None


def end() -> None:
    """The consumer has finished, and what it sent was taken."""
    _thread.conversation = None


def postpone() -> None:
    """The message was put back, for this worker or another: its conversation goes on."""
    if _thread.conversation is not None:
        _thread.conversation.is_ending = False


def ending() -> str | None:
    """The reply channel of the socket whose session ends with the message."""
    conversation = _thread.conversation
    return conversation.reply_channel if conversation and conversation.is_ending else None


def take_writes() -> list[Command[None]]:
    """The writes of the session that go before what the consumer sends."""
    conversation = _thread.conversation
    return [] if conversation is None else conversation.take_writes()


def new_conversation(reply_channel: str) -> Conversation | None:
    """The conversation of this thread, where it is a new one with this channel."""
    conversation = _thread.conversation
    if conversation is None or not conversation.is_new:
        return None
    return conversation if conversation.reply_channel == reply_channel else None


def take_accept(answered: Container[str]) -> str | None:
    """The reply channel of a new socket that a group message has accepted; otherwise None.

    `answered`: the channels that the consumer has sent to, in which case nothing is left to do.
    """
    conversation = _thread.conversation
    if conversation is None or not (conversation.is_new and conversation.is_greeted):
        return None
    conversation.is_new = False
    return None if conversation.reply_channel in answered else conversation.reply_channel


class ConsumerLayer(ChannelLayerWrapper):
    """The channel layer as the consumers of a worker see it.

    Args:
        wrapper: channels' own wrapper, which adds the routing to a layer.
    """

    def __init__(self, wrapper: ChannelLayerWrapper) -> None:
        self.wrapper = wrapper
        self.channel_layer: Transport = wrapper.channel_layer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapper, name)

    def send(self, channel: str, message: Content) -> None:
        """Append the message to the channel at once. Raises ChannelFull."""
        if not overrides_send(self.channel_layer):
            self.send_many([(channel, message)])
            return
        if before := self.writes_before([channel]):
            self.channel_layer.run_many(before)
        self.channel_layer.send(channel, message)

    def send_many(self, messages: Sequence[tuple[str, Content]]) -> None:
        """As Transport.send_many(). What goes to a new socket is preceded by its session."""
        before = self.writes_before([channel for channel, _ in messages])
        self.channel_layer.send_many(messages, before)

    def writes_before(self, channels: Container[str]) -> Sequence[Command[None]]:
        """The writes of the session of a new socket, if one of the channels is its own."""
        conversation = _thread.conversation
        if (
            conversation is None
            or not conversation.is_new
            or conversation.reply_channel not in channels
        ):
            return ()
        conversation.is_new = False
        return conversation.take_writes()

    def group_add(self, group: str, channel: str) -> None:
        """Add the channel to the group."""
        conversation = new_conversation(channel)
        if conversation is not None and channel.startswith(PROCESS):
            conversation.joined.add(group)
        self.channel_layer.group_add(group, channel)

    def send_group(self, group: str, message: Content, mark: Mark | None = None) -> None:
        """As Transport.send_group()."""
        if mark is None:
            # A project's subclass of the layer may have the signature of channels' specification.
            self.channel_layer.send_group(group, message)
        else:
            self.channel_layer.send_group(group, message, mark)
        conversation = _thread.conversation
        if (
            conversation is not None
            and group in conversation.joined
            and ("text" in message or "bytes" in message)
        ):
            conversation.is_greeted = True

    def group_discard(self, group: str, channel: str) -> None:
        """Remove the channel from the group; a closed socket has left it already."""
        conversation = _thread.conversation
        if (
            conversation is None
            or not conversation.is_closed
            or conversation.reply_channel != channel
        ):
            self.channel_layer.group_discard(group, channel)


def overrides_send(layer: Transport) -> bool:
    """Whether a project's subclass has its own send(), which then gets every message."""
    return type(layer).send is not Transport.send


def consumer_layer(wrapper: ChannelLayerWrapper) -> ConsumerLayer:
    """The ConsumerLayer of a wrapper, which `channels.channel_layers` names from now on."""
    if isinstance(wrapper, ConsumerLayer):
        return wrapper
    registered = channel_layers.backends.get(wrapper.alias)
    if isinstance(registered, ConsumerLayer) and registered.wrapper is wrapper:
        return registered
    layer = ConsumerLayer(wrapper)
    if registered is wrapper:
        channel_layers.set(wrapper.alias, layer)
    return layer
