"""What `Group` is for, shown by doing without: the readers in a Redis set, a send for each.

The old guides did it so. It is here to be measured against consumers/echo.py, which does the same
with a Group; ARCHITECTURE.md says what else the loop lacks.
"""

from channels import Channel

from consumers.refusals import reply, same_origin_only
from conversations.json_text import BadMessage, parse
from conversations.redis_store import key, redis

KEPT = 86_400  # s after the last connect: what a killed interface server leaves in the set


def ws_connect(message):
    same_origin_only(message)
    redis().sadd(readers(), message.reply_channel.name)
    redis().expire(readers(), KEPT)
    message.reply_channel.send({"accept": True})


def ws_receive(message):
    try:
        parse(message.get("text"))
    except BadMessage as bad:
        reply(message, bad.frame)
        return
    for reader in redis().smembers(readers()):
        Channel(reader).send({"text": message["text"]})


def ws_disconnect(message):
    redis().srem(readers(), message.reply_channel.name)


def readers():
    return key("by-hand")
