"""What a reader has missed, as text, for the cost of one small query where nothing is new.

When an interface server is replaced, thousands of readers ask the same question in the same
second. Django compiles the query of the blog's head once, and the text of a replay is kept for as
long as the head it was made at is the head.
"""

from functools import cache, lru_cache
from typing import NamedTuple

from django.db import connection

from liveblog.frames import encode, replay_frame
from liveblog.models import LiveBlog
from realtime.codes import ENDED


class Head(NamedTuple):
    id: int
    revision: int
    state: str


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
def text_at(blog_id: int, revision: int, after: int) -> str:
    return encode(replay_frame(LiveBlog.objects.get(pk=blog_id), after))


def replay(slug: str, after: int) -> dict | None:
    """The reply with the `replay` frame, or None where there is no such blog.

    Where the coverage has ended it closes the socket too: there is nothing to wait for.
    """
    found = head(slug)
    if found is None:
        return None
    reply = {"accept": True, "text": text_at(found.id, found.revision, after)}
    if found.state == LiveBlog.State.ENDED:
        reply["close"] = ENDED
    return reply
