"""What the editor's page lists beside the form: tabs, search results and their pages.

`?tab=` names the list that is open: `posts` (the live stream, the default), `drafts`, `scheduled`,
`review` or `deleted`. `?q=` searches all updates that are not deleted, drafts included. `?page=`
is the page of the list that is open; only the stream has `?before=<id>` instead. The answer to
`?part=lists` holds the tabs and the lists without the stream, and to `?part=found` the search
results alone: for scripts that renew them.
"""

from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q
from django.db.models.expressions import Combinable
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from liveblog.editing.roles import Rights, user_of
from liveblog.models import BlogUpdate, BlogUpdateQuerySet, LiveBlog
from liveblog.review.notes import is_returned
from liveblog.stream.revisions import whole_number

POSTS = "posts"
ROWS_PER_PAGE = 50
LONGEST_SEARCH = 200  # characters

NOT_DELETED = Q(deleted=False)
SCHEDULED = NOT_DELETED & Q(draft=True, publish_at__isnull=False)
UNSCHEDULED = NOT_DELETED & Q(draft=True, publish_at=None)
CONDITIONS = {
    POSTS: NOT_DELETED & Q(draft=False),
    "drafts": UNSCHEDULED & Q(review=False),
    "scheduled": SCHEDULED,
    "review": UNSCHEDULED & Q(review=True),
    "deleted": Q(deleted=True),
}
NEWEST_SAVED: tuple[str | Combinable, ...] = (F("saved").desc(nulls_last=True), "-pk")
ORDERS: dict[str, tuple[str | Combinable, ...]] = {
    "drafts": ("-created", "-pk"),
    "scheduled": ("publish_at", "-pk"),
    "review": ("created", "pk"),  # first come, first served
    "deleted": NEWEST_SAVED,
}
LABELS: dict[str, Promise] = {
    POSTS: _("Posts"),
    "drafts": _("Drafts"),
    "scheduled": _("Scheduled"),
    "review": pgettext_lazy("drafts that wait for it", "Review"),
    "deleted": _("Deleted"),
}


@dataclass(frozen=True)
class Tab:
    """A link to a list. `is_open`: whether the page shows this one.

    `waiting`: how many of its drafts wait for an editor or, returned, for this user.
    """

    name: str
    label: Promise
    count: int
    is_open: bool
    waiting: int


@dataclass(frozen=True)
class Row:
    """An update in a list, and what the user may do to it."""

    update: BlogUpdate
    may_edit: bool
    may_delete: bool
    may_restore: bool
    may_flag: bool


@dataclass(frozen=True)
class List:
    """A page of a list. `name`: as in `?tab=`, or `found`."""

    name: str
    rows: list[Row]
    page: Page[BlogUpdate]


@dataclass(frozen=True)
class Lists:
    """The context of `_lists.html` and `_found.html`. `found`: None without a search."""

    tabs: list[Tab]
    lists: list[List]
    query: str
    found: List | None
    open: str


def lists_of(request: HttpRequest, blog: LiveBlog, may: Rights) -> Lists:
    """The lists that the request asks for. An unknown tab is the stream."""
    name = request.GET.get("tab", POSTS)
    query = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    is_open = "found" if query else name if name in CONDITIONS else POSTS
    counts = blog.updates.aggregate(
        **{name: Count("pk", filter=condition) for name, condition in CONDITIONS.items()}
    )
    returned = blog.updates.filter(CONDITIONS["drafts"], is_returned(), owner=user_of(request))
    waiting = {"drafts": returned.count(), "review": counts["review"]}
    tabs = [
        Tab(name, label, counts[name], name == is_open, waiting.get(name, 0))
        for name, label in LABELS.items()
    ]
    lists = []
    for name, order in ORDERS.items():
        rows = blog.updates.filter(CONDITIONS[name]).order_by(*order)
        lists.append(page_of(request, name, rows, may, is_open))
    found = None
    if query:
        found = page_of(request, "found", matching(blog, query), may, is_open)
    return Lists(tabs, lists, query, found, is_open)


def matching(blog: LiveBlog, query: str) -> BlogUpdateQuerySet:
    """The updates with every word of the query in the headline, the text or the author."""
    rows = blog.updates.filter(NOT_DELETED)
    for word in query.split():
        rows = rows.filter(
            Q(headline__icontains=word) | Q(body__icontains=word) | Q(author__icontains=word)
        )
    return rows


def page_of(
    request: HttpRequest, name: str, rows: BlogUpdateQuerySet, may: Rights, is_open: str
) -> List:
    """The requested page of the list that is open, else the first one."""
    number = whole_number(request.GET.get("page", "")) if name == is_open else None
    rows = rows.annotate(is_returned=is_returned())
    page = Paginator(rows.defer("html"), ROWS_PER_PAGE).get_page(number or 1)
    user = user_of(request)
    found = [
        Row(
            row,
            not row.deleted and may.may_edit(row),
            not row.deleted and may.may_delete(row, user),
            row.deleted and may.may_restore(row, user),
            may.change and not row.draft,
        )
        for row in page
    ]
    return List(name, found, page)
