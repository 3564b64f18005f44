"""The smallest conversation, and the file to read first: what one sends, all in `test` get.

An interface server holds the socket. What happens to it comes here as messages, and what is sent
to `message.reply_channel` or to a Group finds its way back to the socket, or to many.
"""

from channels import Group
from channels.sessions import channel_session

from consumers.refusals import reply, same_origin_only
from conversations.json_text import BadMessage, parse


@channel_session
def ws_connect(message):
    same_origin_only(message)
    Group("test").add(message.reply_channel)
    message.channel_session["group"] = "test"  # kept for this socket until it closes
    message.reply_channel.send({"accept": True})


@channel_session
def ws_receive(message):
    try:
        parse(message.get("text"))
    except BadMessage as bad:
        reply(message, bad.frame)
        return
    Group(message.channel_session.get("group", "test")).send({"text": message["text"]})


@channel_session
def ws_disconnect(message):
    Group(message.channel_session.get("group", "test")).discard(message.reply_channel)
