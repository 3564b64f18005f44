"""The pages, and updates.json.

The reader's pages depend on nothing but the address, so that a shared cache may keep them; they
carry their revision, and the script catches up from there.
"""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import conditional_page, require_http_methods, require_safe

from liveblog.forms import UpdateForm
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
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.revisions import whole_number

# 1 s: a crowd costs one rendering a second, and a post made just before shows by the script.
briefly_public = cache_control(public=True, max_age=1)


@require_safe
@briefly_public
def index(request):
    shown = Q(updates__deleted=False)
    blogs = LiveBlog.objects.annotate(last_update=Max("updates__created", filter=shown))
    states = [LiveBlog.State.LIVE, LiveBlog.State.UPCOMING, LiveBlog.State.ENDED]
    blogs = sorted(blogs, key=lambda blog: states.index(blog.state))
    return render(request, "liveblog/index.html", {"blogs": blogs})


@require_safe
@briefly_public
def reader(request, slug):
    blog = get_object_or_404(LiveBlog, slug=slug)
    before = asked_row(request, blog, "before")
    return render(request, "liveblog/reader.html", {"blog": blog} | stream(blog, before))


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


def asked_row(request, blog, name):
    """The row that `?name=<id>` means, perhaps a tombstone; None without it. Raises Http404."""
    if name not in request.GET:
        return None
    number = whole_number(request.GET[name])
    row = blog.updates.filter(pk=number).first() if number is not None else None
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


def place(row):
    """Where a row stands in the stream, as the script compares it."""
    return row and {"id": row.pk, "created": timestamp(row.created)}


# The editor


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def editor(request, slug):
    blog = get_object_or_404(LiveBlog, slug=slug)
    may = {verb: is_allowed(request.user, verb) for verb in ("add", "change", "delete")}
    if not any(may.values()):
        raise PermissionDenied(
            _("You may not edit live blogs. An administrator can give you the permission.")
        )
    if request.method == "POST":
        form = save_or_delete(request, blog, may)
        if form is None:
            return redirect("liveblog:editor", slug)
        blog.refresh_from_db()
    else:
        form = empty_form(request, blog, may)
    context = {"blog": blog, "form": form, "may": may} | stream(blog)
    # 422 tells a script the same as the page tells a person: nothing was saved.
    return render(request, "liveblog/editor.html", context, status=422 if form.errors else 200)


def is_allowed(user, verb):
    return user.is_staff or user.has_perm(f"liveblog.{verb}_blogupdate")


def require(may, verb):
    sentences = {
        "add": _("You may not publish updates here."),
        "change": _("You may not change updates here."),
        "delete": _("You may not delete updates here."),
    }
    if not may[verb]:
        raise PermissionDenied(sentences[verb])


def empty_form(request, blog, may):
    """The form for the asked update, or for a new one."""
    update = asked_row(request, blog, "update")
    if update and not update.deleted:
        require(may, "change")
        return UpdateForm(instance=update)
    author = request.user.get_full_name() or request.user.get_username()
    return UpdateForm(instance=BlogUpdate(blog=blog, author=author))


@transaction.atomic
def save_or_delete(request, blog, may):
    """Do what was posted. Returns the form where something in it must be corrected."""
    # Writers queue at the blog's row: what is read below cannot change before it is saved.
    blog = LiveBlog.objects.select_for_update().get(pk=blog.pk)
    if "delete" in request.POST:
        require(may, "delete")
        number = whole_number(request.POST["delete"])
        update = get_object_or_404(blog.updates, pk=number)
        deleted, _rows = update.delete()
        text = _("The update was deleted.") if deleted else _("The update was deleted already.")
        messages.success(request, text)
        return None
    update = asked_row(request, blog, "update")
    gone = update is not None and update.deleted
    new = update is None or gone
    require(may, "add" if new else "change")
    form = UpdateForm(request.POST, instance=BlogUpdate(blog=blog) if new else update)
    if gone:
        form.add_error(None, _("This update was deleted meanwhile. Publish it as a new one?"))
    if not form.is_valid():
        return form
    if not new and not form.has_changed():
        messages.info(request, _("Nothing was changed."))
        return None
    form.save()
    messages.success(request, _("Published.") if new else _("The change is published."))
    return None
