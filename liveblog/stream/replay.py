"""Replays as text; one small query where there is nothing new.

When an interface server is replaced, thousands of readers send the same request within a second.
The query of the blog's head is compiled once, and the text of a replay is cached for as long as the
blog's head does not change.

Replays have limits of their own, in bytes: a request of 15 bytes may have a reply of 200 kB.
"""

import logging
import time
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

import redis
from channels_realtime.close_codes import ENDED
from django.db import connection
from django.utils.translation import gettext

from conversations.addresses import limited_address
from conversations.json_text import encode
from conversations.rate_limits import Limit
from conversations.redis_store import layer
from conversations.refusals import error_frame
from liveblog.models import LiveBlog
from liveblog.stream.frames import replay_frame

logger = logging.getLogger(__name__)

MINUTE = 60  # s
# Bytes a minute for one socket. A page repeats a request at most twice before it opens another
# socket, so the longest ordinary replay (200 updates of 1 kB) makes some 600 kB; and a line with
# 256 kbit/s does not carry 2 MiB in a minute.
SOCKET = Limit("replays-socket", most=2 << 20, seconds=MINUTE, flood=0)
# Per address: an office of 500 readers with 200 missed updates each takes 100 MB.
ADDRESS = Limit("replays-address", most=128 << 20, seconds=MINUTE, flood=0)
# A handshake or poll that has missed at most so many revisions is not counted: when many readers
# reconnect at once they have missed few, and each would cost Redis two round trips.
UNCOUNTED_REVISIONS = 20
# Bytes of a replay that other readers who ask the same may get without being counted: a part of a
# long one. At the 50 handshakes per second that nginx allows an address, it stays within ADDRESS.
SHAREABLE = 40 << 10


@dataclass(frozen=True)
class ReplayClient:
    """The client of a replay: its reply channel (None over HTTP) and its address, where known."""

    reply_channel: str | None
    address: str | None

    def budgets(self) -> list[tuple[Limit, str]]:
        """The limits that apply to it, each with the name under which it is counted."""
        found = [(SOCKET, self.reply_channel)] if self.reply_channel else []
        if address := limited_address(self.address):
            found.append((ADDRESS, address))
        return found


class Head(NamedTuple):
    id: int
    revision: int
    state: str


class ReplayReply(NamedTuple):
    """A reply to a reader. `is_shareable`: whether others who ask the same may get it, too."""

    message: dict[str, Any]
    is_shareable: bool = False


class Replay(NamedTuple):
    text: str
    size: int  # bytes
    is_whole: bool  # no part follows


@cache
def head_query() -> str:
    """SELECT id, revision, state … WHERE slug = %s, in the database's own dialect."""
    rows = LiveBlog.objects.order_by().filter(slug="any").values_list("pk", "revision", "state")
    sql, _ = rows.query.sql_with_params()
    return sql


def head(slug: str) -> Head | None:
    """The blog's, or None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(head_query(), [slug])
        row = cursor.fetchone()
    return row and Head(*row)


# A replay has at most some 200 updates of a few hundred bytes; readers request few revisions.
@lru_cache(maxsize=64)
def replay_at(blog_id: int, revision: int, after: int, in_parts: bool) -> Replay:
    frame = replay_frame(LiveBlog.objects.get(pk=blog_id), after, in_parts)
    text = encode(frame)
    return Replay(text, len(text.encode()), "head" not in frame)


def replay(
    slug: str, after: int, in_parts: bool, client: ReplayClient, handshake: bool = False
) -> ReplayReply | None:
    """The reply with the `replay` frame, or None where there is no such blog.

    For a client that has used up its limit it is an `error` frame with the seconds to `wait`. If
    the coverage has ended, the reply also closes the socket: nothing will follow.
    """
    started = time.monotonic()
    found = head(slug)
    if found is None:
        return None
    is_counted = not handshake or has_missed_much(found.revision, after)
    if is_counted and (wait := seconds_to_wait(client)):
        return ReplayReply({"accept": True, "text": encode(too_many_replays(wait))})
    answer = replay_at(found.id, found.revision, after, in_parts)
    layer().observe("replay", time.monotonic() - started)
    if is_counted:
        charge(client, answer.size)
    reply = {"accept": True, "text": answer.text}
    if found.state == LiveBlog.State.ENDED and answer.is_whole:
        reply["close"] = ENDED
    return ReplayReply(reply, not is_counted or answer.size <= SHAREABLE)


def has_missed_much(revision: int, after: int) -> bool:
    return not 0 <= revision - after <= UNCOUNTED_REVISIONS


def seconds_to_wait(client: ReplayClient) -> int:
    """The seconds until a client that has used up its limit may request a replay; else 0."""
    try:
        for limit, name in client.budgets():
            if limit.is_used_up(name):
                layer().drop("replay_limit")
                return limit.wait(name)
    except (redis.RedisError, OSError):
        pass  # without Redis replays are not limited
    return 0


def charge(client: ReplayClient, size: int) -> None:
    """Count the bytes sent to a client; log the first excess in a minute."""
    try:
        for limit, name in client.budgets():
            total = limit.count(name, size)
            if total - size < limit.most <= total:
                logger.warning(
                    "%s was sent %d bytes of replays within %d s; it must wait for more.",
                    name,
                    total,
                    limit.seconds,
                )
    except (redis.RedisError, OSError):
        pass


def too_many_replays(wait: int) -> dict[str, Any]:
    sentence = gettext("Too many replays. Try again in %(seconds)d seconds.")
    frame = error_frame("too_many_replays", sentence % {"seconds": wait})
    return frame | {"wait": wait}
