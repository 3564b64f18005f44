"""The readers' pages, and updates.json.

The reader's pages depend only on the address, so that a shared cache may keep them. Each carries
its revision, and the script catches up from there.
"""

from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page

from conversations.json_text import encode
from conversations.read_only import read_only
from liveblog.editing.roles import editable_blogs, may_create_blogs, session_user
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading.cards import card_of_blog
from liveblog.reading.lists import groups_of_blogs
from liveblog.reading.pages import NEWEST, OLDEST, key_events, place_in_stream, stream
from liveblog.reading.search import LONGEST_QUERY, find, words_of
from liveblog.reading.structured_data import in_script, live_blog_posting
from liveblog.stream.frames import Frame, bad_revision, replay_frame, unknown_blog, update_frame
from liveblog.stream.replay import (
    ReplayClient,
    charge,
    has_missed_much,
    seconds_to_wait,
    too_many_replays,
)
from liveblog.stream.revisions import whole_number

TOO_MANY_REQUESTS = 429

# 1 s: a crowd costs one rendering per second; the script adds a post that is newer.
BRIEFLY_PUBLIC = {"public": True, "max_age": 1}
briefly_public = cache_control(**BRIEFLY_PUBLIC)


@read_only
def index(request: HttpRequest) -> HttpResponse:
    """All live blogs by state. Users who are logged in find here what they may edit."""
    user = session_user(request)
    groups = groups_of_blogs()
    blogs = [entry.blog for group in groups for entry in group.entries]
    context = {
        "groups": groups,
        "member": user,
        "editable": editable_blogs(user, blogs) if user else set(),
        "may_create": user is not None and may_create_blogs(user),
    }
    response = render(request, "liveblog/reader/index.html", context)
    if user is not None:
        return private(response)
    patch_cache_control(response, **BRIEFLY_PUBLIC)
    return response


@read_only
@conditional_page
def reader(request: HttpRequest, slug: str) -> HttpResponse:
    """A page of the stream: `?order=oldest`, and from `?before=<id>` or `?after=<id>` on.

    `?at=<id>` redirects to the page that contains the post; `?q=<words>` searches.
    """
    blog = get_object_or_404(LiveBlog, slug=slug)
    if words := words_of(request.GET.get("q", "")):
        return search_results(request, blog, words)
    order = request.GET.get("order", NEWEST)
    if order not in (NEWEST, OLDEST):
        raise Http404(_("The order must be newest or oldest."))
    # Drafts are 404: even their time would be a leak.
    published = blog.updates.filter(draft=False)
    if at := requested_row(request, published, "at"):
        return cached(redirect(place_in_stream(blog, at, order)), blog)
    edge = requested_row(request, published, "after" if order == OLDEST else "before")
    page = stream(blog, order, edge)
    rows = [update["row"] for update in page["updates"]]
    posting = live_blog_posting(blog, rows, request.build_absolute_uri("/"))
    context: dict[str, object] = {
        "blog": blog,
        "structured": in_script(posting),
        "card": card_of_blog(request, blog, edge, rows),
        **page,
        **key_events(blog, {row.pk for row in rows}),
    }
    return cached(render(request, "liveblog/reader/reader.html", context), blog)


def search_results(request: HttpRequest, blog: LiveBlog, words: list[str]) -> HttpResponse:
    """The updates that contain all the words, newest first; `?before=<id>` continues."""
    below = requested_row(request, blog.updates.filter(draft=False), "before")
    rows, more = find(blog, words, below)
    updates = [update_frame(row) | {"row": row} for row in rows]
    query = request.GET["q"][:LONGEST_QUERY]
    context = {"blog": blog, "query": query, "updates": updates, "more": more}
    response = render(request, "liveblog/reader/search.html", context)
    patch_cache_control(response, **BRIEFLY_PUBLIC)
    return response


def private(response: HttpResponse) -> HttpResponse:
    """Keep a page that shows the account of its user out of every shared cache."""
    patch_cache_control(response, private=True, no_cache=True)
    return response


def cached(response: HttpResponse, blog: LiveBlog) -> HttpResponse:
    """Set how long caches may keep a page of the blog.

    During the coverage, a second: a crowd costs one rendering per second. When the coverage has
    ended, shared caches may keep it for a year: the script requests later changes in any case, and
    an operator who must remove a page at once can purge them. Browsers cannot be purged; they
    revalidate after a minute, so that corrections and legal deletions also reach readers without
    scripts. Our own nginx keeps pages for a second as before.
    """
    if blog.state == LiveBlog.State.ENDED:
        patch_cache_control(response, public=True, max_age=60, s_maxage=31_536_000)
        response["X-Accel-Expires"] = "1"
    else:
        patch_cache_control(response, public=True, max_age=1)
    return response


@read_only
@conditional_page
def updates_json(request: HttpRequest, slug: str) -> HttpResponse:
    """The `replay` frame over HTTP, for readers whose socket is blocked.

    `?after=<revision>`, and `parts=1` for a long one in parts (see replay_frame()). Caches may
    keep every response for a second, except one that refuses a client's address.
    """
    client = ReplayClient(reply_channel=None, address=request.META.get("REMOTE_ADDR"))
    answer = replay_response(request, slug, client)
    if answer.status_code != TOO_MANY_REQUESTS:
        patch_cache_control(answer, public=True, max_age=1)
    return answer


def replay_response(request: HttpRequest, slug: str, client: ReplayClient) -> HttpResponse:
    blog = LiveBlog.objects.filter(slug=slug).first()
    if blog is None:
        return json_response(unknown_blog().frame, status=404)
    after = whole_number(request.GET.get("after", "0"))
    if after is None:
        return json_response(bad_revision().frame, status=400)
    is_counted = has_missed_much(blog.revision, after)
    if is_counted and (wait := seconds_to_wait(client)):
        headers = {"Retry-After": str(wait), "Cache-Control": "no-store"}
        return json_response(too_many_replays(wait), TOO_MANY_REQUESTS, **headers)
    answer = json_response(replay_frame(blog, after, in_parts="parts" in request.GET))
    if is_counted:
        charge(client, len(answer.content))
    return answer


def json_response(frame: Frame, status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(
        encode(frame), status=status, content_type="application/json", headers=headers
    )


def requested_row(
    request: HttpRequest, rows: models.QuerySet[BlogUpdate], name: str
) -> BlogUpdate | None:
    """The row that `?name=<id>` names, perhaps a tombstone; None without it. Raises Http404."""
    if name not in request.GET:
        return None
    number = whole_number(request.GET[name])
    row = rows.filter(pk=number).first() if number is not None else None
    if row is None:
        raise Http404(_("This update does not exist in this live blog."))
    return row
