"""The pages of a stream: the updates of each, its bounds, and the page of a given post.

For the script a page has two bounds: updates from `floor` on and below `ceiling` belong to it. A
bound that is None is open: new updates may still appear there. In either order the first page has
all pinned updates at its top, wherever they are in the stream.
"""

import json
from typing import NamedTuple, TypedDict

from django.db.models import Q

from liveblog.models import BlogUpdate, BlogUpdateQuerySet, LiveBlog
from liveblog.stream.frames import (
    PAGE,
    PULSE_INTERVAL,
    Frame,
    page_of_updates,
    timestamp,
    update_frame,
)
from liveblog.text.excerpts import LAST_WORD, TITLE, ExcerptParser, title_of

NEWEST, OLDEST = "newest", "oldest"  # which comes first
MAX_KEY_EVENTS = 100  # in the list; a link leads to older ones in the stream
# What key-events.js needs to list them as the server does: see title_of().
KEY_EVENT_RULES = json.dumps(
    {
        "most": MAX_KEY_EVENTS,
        "titleLength": TITLE,
        "lastWord": LAST_WORD.pattern,
        "breaks": sorted(ExcerptParser.BREAKS),
    }
)


class Place(TypedDict):
    """A place in the stream, as the script compares it."""

    id: int
    created: str | None


class Page(NamedTuple):
    """`more`: the last of the rows, where others follow it."""

    rows: list[BlogUpdate]
    floor: Place | None
    ceiling: Place | None
    more: BlogUpdate | None


class Stream(TypedDict):
    """The context of _stream.html. `updates`: frames, each with its `row`. `newest`: the time of
    the blog's last update, on a page that new ones do not reach."""

    floor: Place | None
    ceiling: Place | None
    more: BlogUpdate | None
    updates: list[Frame]
    order: str
    is_first: bool
    page_size: int
    pulse_ms: int
    newest: str | None


def stream(
    blog: LiveBlog, order: str = NEWEST, edge: BlogUpdate | None = None, size: int = PAGE
) -> Stream:
    """A page of `size` updates for _stream.html: the first one, or the one that follows `edge`.

    The blog must have been read before the call.
    """
    page = IN_ORDER[order](blog, edge, size)
    if edge is None:
        page.rows.sort(key=lambda row: not row.pinned)
    last = blog.updates.visible().first() if page.ceiling else None
    return {
        "floor": page.floor,
        "ceiling": page.ceiling,
        "more": page.more,
        "updates": [update_frame(row) | {"row": row} for row in page.rows],
        "order": order,
        "is_first": edge is None,
        "page_size": size,
        "pulse_ms": int(PULSE_INTERVAL * 1000),
        "newest": timestamp(last.created) if last else None,
    }


def newest_first(blog: LiveBlog, edge: BlogUpdate | None, size: int = PAGE) -> Page:
    rows = page_of_updates(blog, size) if edge is None else list(older_than(blog, edge)[:size])
    last = last_of(rows, size)
    more = last if last and older_than(blog, last).exists() else None
    return Page(rows, place(more), place(edge), more)


def oldest_first(blog: LiveBlog, edge: BlogUpdate | None, size: int = PAGE) -> Page:
    visible = blog.updates.visible() if edge is None else newer_than(blog, edge)
    rows = list(visible.reverse()[:size])
    last = last_of(rows, size)
    more = last if last and newer_than(blog, last).exists() else None
    if edge is None and more:
        rows += newer_than(blog, more).filter(pinned=True).reverse()
    return Page(rows, place(edge, 1), place(more, 1), more)


IN_ORDER = {NEWEST: newest_first, OLDEST: oldest_first}


def last_of(rows: list[BlogUpdate], size: int) -> BlogUpdate | None:
    """The last row of a full page, without pinned rows from elsewhere; None if it is not full."""
    return rows[size - 1] if len(rows) >= size else None


def older_than(blog: LiveBlog, row: BlogUpdate) -> BlogUpdateQuerySet:
    earlier = Q(created__lt=row.created) | Q(created=row.created, pk__lt=row.pk)
    return blog.updates.visible().filter(earlier)


def newer_than(blog: LiveBlog, row: BlogUpdate) -> BlogUpdateQuerySet:
    later = Q(created__gt=row.created) | Q(created=row.created, pk__gt=row.pk)
    return blog.updates.visible().filter(later)


def place(row: BlogUpdate | None, above: int = 0) -> Place | None:
    """The row's place in the stream, or with `above=1` the one just above it."""
    if row is None:
        return None
    return {"id": row.pk + above, "created": timestamp(row.created)}


def place_in_stream(blog: LiveBlog, row: BlogUpdate, order: str = NEWEST) -> str:
    """The address of the reader's page that contains the post."""
    page, query = blog.get_absolute_url(), ""
    if order == OLDEST:
        query = "?order=oldest"
        edge = older_than(blog, row).first()
    else:
        edge = newer_than(blog, row).last()
    first = IN_ORDER[order](blog, None).rows
    if edge and row.pk not in {shown.pk for shown in first}:
        query = f"?order=oldest&after={edge.pk}" if order == OLDEST else f"?before={edge.pk}"
    return f"{page}{query}#update-{row.pk}"


class KeyEvents(TypedDict):
    """`last_key_event`: the oldest in the list, where there are older ones."""

    key_events: list[dict[str, object]]
    last_key_event: BlogUpdate | None
    key_event_rules: str


def key_events(blog: LiveBlog, shown: set[int]) -> KeyEvents:
    """The newest key events of the blog; `here`: whether it is one of `shown`, the page's ids."""
    rows = list(blog.updates.visible().filter(key_event=True)[: MAX_KEY_EVENTS + 1])
    events: list[dict[str, object]] = [
        {
            "id": row.pk,
            "created": timestamp(row.created),
            "title": title_of(row),
            "row": row,
            "here": row.pk in shown,
        }
        for row in rows[:MAX_KEY_EVENTS]
    ]
    last = rows[MAX_KEY_EVENTS - 1] if len(rows) > MAX_KEY_EVENTS else None
    return {
        "key_events": events,
        "last_key_event": last,
        "key_event_rules": KEY_EVENT_RULES,
    }
