"""The smallest conversation, and the file to read first: all in `test` get what one of them sends.

An interface server holds the socket. Its events arrive here as messages, and what is sent to
`message.reply_channel` or to a Group reaches this socket, or many.
"""

from channels import Group
from channels.message import Message
from channels.sessions import channel_session

from consumers.refusals import same_origin_only, sends_refusals
from conversations.json_text import parse
from conversations.rate_limits import check_example


@channel_session
def ws_connect(message: Message) -> None:
    same_origin_only(message)
    Group("test").add(message.reply_channel)
    message.channel_session["group"] = "test"  # kept for this socket until it closes
    message.reply_channel.send({"accept": True})


@channel_session
@sends_refusals
def ws_receive(message: Message) -> None:
    check_example("test", message.get("text"))
    parse(message.get("text"))
    Group(message.channel_session.get("group", "test")).send({"text": message["text"]})


@channel_session
def ws_disconnect(message: Message) -> None:
    Group(message.channel_session.get("group", "test")).discard(message.reply_channel)
