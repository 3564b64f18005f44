"""What a reader has missed, as text, for the cost of one small query where nothing is new.

When an interface server is replaced, thousands of readers ask the same question in the same
second. Django compiles the query of the blog's head once, and the text of a replay is kept for as
long as the head it was made at is the head.

Replays have limits of their own, in bytes: a question of 15 bytes may be answered with 200 kB.
"""

import logging
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

import redis
from channels_realtime.close_codes import ENDED
from django.db import connection
from django.utils.translation import gettext

from conversations.json_text import encode
from conversations.rate_limits import Limit
from conversations.redis_store import layer
from conversations.refusals import error_frame
from liveblog.models import LiveBlog
from liveblog.stream.frames import replay_frame

logger = logging.getLogger(__name__)

MINUTE = 60  # s
# Bytes a minute for one socket. A page asks again at most twice before it opens another socket, so
# the longest ordinary replay (200 updates of 1 kB) makes some 600 kB; and a line with 256 kbit/s
# does not carry 2 MiB in a minute.
SOCKET = Limit("replays-socket", most=2 << 20, seconds=MINUTE, flood=0)
# For one address: an office of 500 readers who wake up to 200 missed updates each takes 100 MB.
ADDRESS = Limit("replays-address", most=128 << 20, seconds=MINUTE, flood=0)
# As in nginx.conf: of this machine are health checks, and a proxy that names nobody.
UNLIMITED = {"127.0.0.1", "::1"}
# Revisions that a handshake or a poll may have missed without being counted: readers who come back
# as a herd have missed few, and need not cost Redis two round trips each.
FEW = 20


@dataclass(frozen=True)
class Asker:
    """The client of a replay: its reply channel (None over HTTP) and its address, where known."""

    socket: str | None
    address: str | None

    def budgets(self) -> list[tuple[Limit, str]]:
        """The limits that hold for it, each with the name under which it is counted."""
        found = [(SOCKET, self.socket)] if self.socket else []
        if self.address and self.address not in UNLIMITED:
            found.append((ADDRESS, self.address))
        return found


class Head(NamedTuple):
    id: int
    revision: int
    state: str


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


# A replay is at most some 200 updates of a few hundred bytes; readers ask from few revisions.
@lru_cache(maxsize=64)
def replay_at(blog_id: int, revision: int, after: int, in_parts: bool) -> Replay:
    frame = replay_frame(LiveBlog.objects.get(pk=blog_id), after, in_parts)
    text = encode(frame)
    return Replay(text, len(text.encode()), "head" not in frame)


def replay(
    slug: str, after: int, in_parts: bool, asker: Asker, handshake: bool = False
) -> dict[str, Any] | None:
    """The reply with the `replay` frame, or None where there is no such blog.

    Where the asker was sent too much, an `error` frame comes instead, which says how long to
    `wait`. Where the coverage has ended the reply closes the socket too: nothing will follow.
    """
    found = head(slug)
    if found is None:
        return None
    is_counted = not handshake or has_missed_much(found.revision, after)
    if is_counted and (wait := seconds_to_wait(asker)):
        return {"accept": True, "text": encode(too_many_replays(wait))}
    answer = replay_at(found.id, found.revision, after, in_parts)
    if is_counted:
        charge(asker, answer.size)
    reply = {"accept": True, "text": answer.text}
    if found.state == LiveBlog.State.ENDED and answer.is_whole:
        reply["close"] = ENDED
    return reply


def has_missed_much(revision: int, after: int) -> bool:
    return not 0 <= revision - after <= FEW


def seconds_to_wait(asker: Asker) -> int:
    """0, or the seconds until an asker who was sent too much may ask again."""
    try:
        for limit, who in asker.budgets():
            if limit.is_used_up(who):
                layer().drop("replay_limit")
                return limit.wait(who)
    except (redis.RedisError, OSError):
        pass  # better a replay that nobody counts than none
    return 0


def charge(asker: Asker, size: int) -> None:
    """Count what is sent to an asker; the first excess in a minute is logged."""
    try:
        for limit, who in asker.budgets():
            total = limit.count(who, size)
            if total - size < limit.most <= total:
                logger.warning(
                    "%s was sent %d bytes of replays within %d s; it must wait for more.",
                    who,
                    total,
                    limit.seconds,
                )
    except (redis.RedisError, OSError):
        pass


def too_many_replays(wait: int) -> dict[str, Any]:
    sentence = gettext("You were sent too many replays; ask again in %(seconds)d seconds.")
    frame = error_frame("too_many_replays", sentence % {"seconds": wait})
    return frame | {"wait": wait}
