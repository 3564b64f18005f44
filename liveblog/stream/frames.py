"""The frames of a live blog as JSON objects.

Plain values: this module uses no socket, channel or request.
"""

from datetime import UTC, datetime
from math import inf
from typing import Any

from channels_realtime.close_codes import NOT_FOUND
from django.utils.translation import gettext

from conversations.json_text import encode
from conversations.refusals import Refusal
from liveblog.fields import CONTENT, PUBLICATION, TEXTS
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.restored import is_lost

LONGEST_REPLAY = 200  # updates; a reader that has missed more gets the newest page instead
PAGE = 50  # updates on a page, and in a replay with `reset`
PULSE_INTERVAL = 2.0  # s between two pulses; the reader's script misses one after 5
PART = 32_000  # bytes of updates in a part of a replay: 1 s of a line with 256 kbit/s

Frame = dict[str, Any]  # a JSON object; its "type" determines its members


def timestamp(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond: all that a browser's Date keeps."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_value(value: bool | datetime | None) -> bool | str | None:
    return timestamp(value) if isinstance(value, datetime) else value


def action_of(update: BlogUpdate) -> str:
    """The change that the row's newest revision made."""
    if update.deleted:
        return "deleted"
    return "created" if update.revision == update.created_revision else "changed"


def update_frame(update: BlogUpdate) -> Frame:
    """One update in its newest state; the texts of a deleted one are empty."""
    fields = {name: getattr(update, name) for name in CONTENT if name != "body"}
    if update.deleted:
        fields |= {name: "" for name in TEXTS if name != "body"}
    return {
        "type": "update",
        "id": update.pk,
        "revision": update.revision,
        "action": action_of(update),
        "content": "" if update.deleted else update.content,
        **fields,
        "created": timestamp(update.created),
        "edited": timestamp(update.edited),
    }


def blog_frame(blog: LiveBlog) -> Frame:
    return {
        "type": "blog",
        "revision": blog.revision,
        "title": blog.title,
        "description": blog.description,
        "state": blog.state,
        "starts_at": timestamp(blog.starts_at),
        "chat": blog.chat,
        "summary": blog.summary_content,
    }


def editors_frame(update: BlogUpdate) -> Frame:
    """The update frame with the fields that only editors may see; never for a group."""
    return update_frame(update) | {
        "body": "" if update.deleted else update.body,
        "version": update.version,
        **{name: json_value(getattr(update, name)) for name in PUBLICATION},
    }


def replay_frame(blog: LiveBlog, after: int, in_parts: bool = False) -> Frame:
    """All of the blog that changed after a revision: each row once, tombstones included.

    Where that is more than LONGEST_REPLAY rows, or the reader may have what a restored backup
    lacks, `reset` is true and the newest page comes instead. The blog must have
    been read before the call: a change that commits in between may be sent twice but is never lost.

    The blog's `summary` is in it only if the reader may not have it: every reader who reconnects
    gets a replay.

    `in_parts`: a frame with more than PART bytes of updates ends after the row that exceeds it.
    Its `revision` is that row's, up to which it is complete, and `head` is the blog's. A reset
    is never split: its rows replace all others only together.
    """
    rows = list(blog.updates.filter(revision__gt=after).order_by("revision")[: LONGEST_REPLAY + 1])
    reset = len(rows) > LONGEST_REPLAY or is_lost(blog, after)
    if reset:
        rows = page_of_updates(blog)
    # A draft has no revision, so it is never among the rows.
    updates = first_updates(rows, PART if in_parts and not reset else inf)
    frame = blog_frame(blog) | {"type": "replay", "updates": updates, "reset": reset}
    if after and not reset and blog.summary_revision <= after:
        del frame["summary"]
    if len(updates) < len(rows):
        frame |= {"revision": updates[-1]["revision"], "head": blog.revision}
    return frame


def first_updates(rows: list[BlogUpdate], most: float) -> list[Frame]:
    """The frames of the rows, up to the one with which they exceed `most` bytes."""
    updates: list[Frame] = []
    size = 0
    for row in rows:
        if size > most:
            break
        updates.append(update_frame(row))
        if most < inf:
            size += len(encode(updates[-1]).encode())
    return updates


def page_of_updates(blog: LiveBlog, size: int = PAGE) -> list[BlogUpdate]:
    """The newest page, and every pinned update however old."""
    visible = blog.updates.visible()
    newest = list(visible[:size])
    shown = {row.pk for row in newest}
    return newest + [row for row in visible.filter(pinned=True) if row.pk not in shown]


def pulse_frame(revision: int, readers: int, interval: float) -> Frame:
    """The blog's head revision, the number of its readers' open sockets, and the seconds within
    which the next pulse follows."""
    return {"type": "pulse", "revision": revision, "readers": readers, "interval": interval}


def ended_frame(revision: int) -> Frame:
    """The coverage has ended; this is its last revision."""
    return {"type": "ended", "revision": revision}


def unknown_blog() -> Refusal:
    sentence = gettext("There is no live blog at this address.")
    return Refusal("unknown_blog", sentence, 404, NOT_FOUND)


def bad_revision() -> Refusal:
    return Refusal("bad_revision", gettext("`after` must be a non-negative integer."))
