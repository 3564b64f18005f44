"""A broadcast without `Group`: the readers in a Redis set, and a send for each of them.

Old guides did it like this. It is here to be compared with consumers/echo.py, which does the same
with a Group; ARCHITECTURE.md says what else the loop lacks.
"""

from channels import Channel
from channels.message import Message

from consumers.refusals import same_origin_only, sends_refusals
from conversations.json_text import parse
from conversations.rate_limits import check_example
from conversations.redis_store import key, redis

EXPIRY = 86_400  # s after the last connect; a killed interface server leaves its readers in the set


def ws_connect(message: Message) -> None:
    same_origin_only(message)
    redis().sadd(readers(), message.reply_channel.name)
    redis().expire(readers(), EXPIRY)
    message.reply_channel.send({"accept": True})


@sends_refusals
def ws_receive(message: Message) -> None:
    check_example("by-hand", message.get("text"))
    parse(message.get("text"))
    for reader in redis().smembers(readers()):
        Channel(reader).send({"text": message["text"]})


def ws_disconnect(message: Message) -> None:
    redis().srem(readers(), message.reply_channel.name)


def readers() -> str:
    return key("by-hand")
