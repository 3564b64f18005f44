"""The two conversations that are measured."""

from channels import Group


def blog_connect(message, slug):
    message.reply_channel.send({"accept": True})
    Group(f"liveblog-{slug}").add(message.reply_channel)


def blog_disconnect(message, slug):
    Group(f"liveblog-{slug}").discard(message.reply_channel)


def echo_connect(message):
    message.reply_channel.send({"accept": True})


def echo_receive(message):
    message.reply_channel.send({"text": message.content["text"]})
