"""The pages of a stream: which updates stand on one, between which places, and where a post is.

Two places bound a page for the script: `floor`, from which on updates belong to it, and `ceiling`,
below which they do. Where one is None the page is open: there updates may still come. In either
order the first page lifts the pinned updates to its top, however far away they stand.
"""

import json

from django.db.models import Q

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.frames import PAGE, page_of_updates, timestamp, update_frame
from liveblog.stream.pulse import EVERY as PULSE_EVERY
from liveblog.text.excerpts import TITLE, Reading, title_of

NEWEST, OLDEST = "newest", "oldest"  # which comes first
MOST_KEY_EVENTS = 100  # in the list, which ends with a link to the older ones
# What key-events.js needs to list them as the server does: see title_of().
KEY_EVENT_RULES = json.dumps(
    {"most": MOST_KEY_EVENTS, "titleLength": TITLE, "breaks": sorted(Reading.BREAKS)}
)


def stream(blog: LiveBlog, order: str = NEWEST, edge: BlogUpdate | None = None) -> dict:
    """A page for _stream.html: the first one, or the one that follows the update `edge`.

    The blog must have been read before the call.
    """
    page = IN_ORDER[order](blog, edge)
    rows = page.pop("rows")
    if edge is None:
        rows.sort(key=lambda row: not row.pinned)
    return page | {
        "updates": [update_frame(row) | {"row": row} for row in rows],
        "order": order,
        "is_first": edge is None,
        "page_size": PAGE,
        "pulse_ms": int(PULSE_EVERY * 1000),
    }


def newest_first(blog, edge):
    rows = page_of_updates(blog) if edge is None else list(older_than(blog, edge)[:PAGE])
    last = last_of(rows)
    more = last if last and older_than(blog, last).exists() else None
    return {"rows": rows, "floor": place(more), "ceiling": place(edge), "more": more}


def oldest_first(blog, edge):
    visible = blog.updates.visible() if edge is None else newer_than(blog, edge)
    rows = list(visible.reverse()[:PAGE])
    last = last_of(rows)
    more = last if last and newer_than(blog, last).exists() else None
    if edge is None and more:
        rows += newer_than(blog, last).filter(pinned=True).reverse()
    return {"rows": rows, "floor": place(edge, 1), "ceiling": place(more, 1), "more": more}


IN_ORDER = {NEWEST: newest_first, OLDEST: oldest_first}


def last_of(rows):
    """The last of a full page, before what is only lifted to its top."""
    return rows[PAGE - 1] if len(rows) >= PAGE else None


def older_than(blog, row):
    earlier = Q(created__lt=row.created) | Q(created=row.created, pk__lt=row.pk)
    return blog.updates.visible().filter(earlier)


def newer_than(blog, row):
    later = Q(created__gt=row.created) | Q(created=row.created, pk__gt=row.pk)
    return blog.updates.visible().filter(later)


def place(row, above=0):
    """Where a row stands in the stream, or the place just above it, as the script compares it."""
    return row and {"id": row.pk + above, "created": timestamp(row.created)}


def place_in_stream(blog: LiveBlog, row: BlogUpdate, order: str = NEWEST) -> str:
    """The address of the reader's page that the post stands on."""
    page, query = blog.get_absolute_url(), ""
    if order == OLDEST:
        query = "?order=oldest"
        edge = older_than(blog, row).first()
    else:
        edge = newer_than(blog, row).last()
    first = IN_ORDER[order](blog, None)["rows"]
    if edge and row.pk not in {shown.pk for shown in first}:
        query = f"?order=oldest&after={edge.pk}" if order == OLDEST else f"?before={edge.pk}"
    return f"{page}{query}#update-{row.pk}"


def key_events(blog: LiveBlog, shown: set[int]) -> dict:
    """The newest key events of the whole blog; `here` are those on the page that shows `shown`."""
    rows = list(blog.updates.visible().filter(key_event=True)[: MOST_KEY_EVENTS + 1])
    events = [
        {
            "id": row.pk,
            "created": timestamp(row.created),
            "title": title_of(row),
            "row": row,
            "here": row.pk in shown,
        }
        for row in rows[:MOST_KEY_EVENTS]
    ]
    last = rows[MOST_KEY_EVENTS - 1] if len(rows) > MOST_KEY_EVENTS else None
    return {
        "key_events": events,
        "last_key_event": last,
        "key_event_rules": KEY_EVENT_RULES,
    }
