"""The list of all live blogs: grouped by state, each with its newest update."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.text.excerpts import title_of

NEVER = datetime.max.replace(tzinfo=UTC)


class Entry(NamedTuple):
    """A blog in the list. `headline`: of `newest`, or the beginning of its text."""

    blog: LiveBlog
    newest: BlogUpdate | None
    headline: str


class Group(NamedTuple):
    state: str
    title: str
    entries: list[Entry]


def groups_of_blogs() -> list[Group]:
    """The groups that have blogs: live, upcoming, ended.

    The blog with the newest update comes first; of upcoming ones, the one that starts first.
    """
    newest = BlogUpdate.objects.visible().filter(blog=OuterRef("pk")).values("pk")[:1]
    ids = LiveBlog.objects.annotate(newest=Subquery(newest)).values_list("newest", flat=True)
    rows = {row.blog_id: row for row in BlogUpdate.objects.filter(pk__in=[*ids])}
    entries = [entry(blog, rows.get(blog.pk)) for blog in LiveBlog.objects.all()]
    titles = {
        LiveBlog.State.LIVE: pgettext("coverage", "Live"),
        LiveBlog.State.UPCOMING: _("Upcoming"),
        LiveBlog.State.ENDED: _("Ended"),
    }
    groups = (Group(state, title, in_order(state, entries)) for state, title in titles.items())
    return [group for group in groups if group.entries]


def entry(blog: LiveBlog, newest: BlogUpdate | None) -> Entry:
    return Entry(blog, newest, title_of(newest) if newest else "")


def in_order(state: str, entries: Iterable[Entry]) -> list[Entry]:
    found = [entry for entry in entries if entry.blog.state == state]
    if state == LiveBlog.State.UPCOMING:
        return sorted(found, key=lambda entry: entry.blog.starts_at or NEVER)
    return sorted(found, key=last_change, reverse=True)


def last_change(entry: Entry) -> datetime:
    return entry.newest.created if entry.newest else entry.blog.created
