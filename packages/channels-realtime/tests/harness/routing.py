"""One consumer, so that a worker has something to do."""

from channels.message import Message
from channels.routing import route


def echo(message: Message) -> None:
    message.reply_channel.send({"text": message["text"]})


channel_routing = [route("websocket.receive", echo)]
