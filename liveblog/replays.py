"""What a reader has missed, as text, for the cost of one small query where nothing is new.

When an interface server is replaced, thousands of readers ask the same question in the same
second. Django compiles the query of the blog's head once, and the text of a replay is kept for as
long as the head it was made at is the head.
"""

from functools import cache, lru_cache

from django.db import connection

from liveblog.frames import encode, replay_frame
from liveblog.models import LiveBlog


@cache
def head_query() -> str:
    """SELECT id, revision … WHERE slug = %s, in the database's own dialect."""
    rows = LiveBlog.objects.order_by().filter(slug="any").values_list("pk", "revision")
    sql, _ = rows.query.sql_with_params()
    return sql


def head(slug: str) -> tuple[int, int] | None:
    """(id, revision) of the blog, or None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(head_query(), [slug])
        return cursor.fetchone()


# A replay is at most some 200 updates of a few hundred bytes; readers ask from few revisions.
@lru_cache(maxsize=64)
def text_at(blog_id: int, revision: int, after: int) -> str:
    return encode(replay_frame(LiveBlog.objects.get(pk=blog_id), after))


def replay_text(slug: str, after: int) -> str | None:
    """The encoded `replay` frame, or None where there is no such blog."""
    found = head(slug)
    return None if found is None else text_at(*found, after)
