"""The readers' pages, and updates.json.

The reader's pages depend on nothing but the address, so that a shared cache may keep them; they
carry their revision, and the script catches up from there.
"""

from django.db.models import Max, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from liveblog.frames import (
    PAGE,
    bad_revision,
    encode,
    page_of_updates,
    replay_frame,
    timestamp,
    unknown_blog,
    update_frame,
)
from liveblog.models import LiveBlog
from liveblog.revisions import whole_number
from liveblog.structured import in_script, live_blog_posting

# 1 s: a crowd costs one rendering a second, and a post made just before shows by the script.
briefly_public = cache_control(public=True, max_age=1)


@require_safe
@briefly_public
def index(request):
    shown = Q(updates__deleted=False, updates__draft=False)
    blogs = LiveBlog.objects.annotate(last_update=Max("updates__created", filter=shown))
    states = [LiveBlog.State.LIVE, LiveBlog.State.UPCOMING, LiveBlog.State.ENDED]
    blogs = sorted(blogs, key=lambda blog: states.index(blog.state))
    return render(request, "liveblog/index.html", {"blogs": blogs})


@require_safe
@briefly_public
def reader(request, slug):
    blog = get_object_or_404(LiveBlog, slug=slug)
    # A draft is as good as not there: even its time would give it away.
    before = asked_row(request, blog.updates.filter(draft=False), "before")
    context = {"blog": blog} | stream(blog, before)
    rows = [update["row"] for update in context["updates"]]
    posting = live_blog_posting(blog, rows, request.build_absolute_uri("/"))
    context |= {"structured": in_script(posting)}
    return render(request, "liveblog/reader.html", context)


@require_safe
@conditional_page
@briefly_public
def updates_json(request, slug):
    """The `replay` frame over HTTP, for readers whose socket is blocked."""
    blog = LiveBlog.objects.filter(slug=slug).first()
    if blog is None:
        return json_answer(unknown_blog(), status=404)
    after = whole_number(request.GET.get("after", "0"))
    if after is None:
        return json_answer(bad_revision(), status=400)
    return json_answer(replay_frame(blog, after))


def json_answer(frame, status=200):
    return HttpResponse(encode(frame), status=status, content_type="application/json")


def asked_row(request, rows, name):
    """The row that `?name=<id>` means, perhaps a tombstone; None without it. Raises Http404."""
    if name not in request.GET:
        return None
    number = whole_number(request.GET[name])
    row = rows.filter(pk=number).first() if number is not None else None
    if row is None:
        raise Http404(_("This live blog has no such update."))
    return row


def stream(blog, before=None):
    """A page of updates for _stream.html. The blog must have been read before the call."""
    if before is None:
        rows = page_of_updates(blog)
        newest = rows[:PAGE]
        rows.sort(key=lambda row: not row.pinned)
    else:
        rows = newest = list(older_than(blog, before)[:PAGE])
    last = newest[-1] if len(newest) == PAGE else None
    return {
        "updates": [update_frame(row) | {"row": row} for row in rows],
        "floor": place(last) if last and older_than(blog, last).exists() else None,
        "ceiling": place(before),
        "page_size": PAGE,
    }


def older_than(blog, row):
    earlier = Q(created__lt=row.created) | Q(created=row.created, pk__lt=row.pk)
    return blog.updates.visible().filter(earlier)


def newer_than(blog, row):
    later = Q(created__gt=row.created) | Q(created=row.created, pk__gt=row.pk)
    return blog.updates.visible().filter(later)


def place(row):
    """Where a row stands in the stream, as the script compares it."""
    return row and {"id": row.pk, "created": timestamp(row.created)}
