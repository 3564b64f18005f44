"""The editor's page: what its forms send, and what they are answered with.

`/liveblog/<slug>/edit/` takes a POST of form fields. Which write it is:

* a new update: `headline`, `body`, `author`, `key_event`, `pinned`, `action`, `publish_at`;
* a change: the same, with `?update=<id>` in the address and `version` required;
* a deletion: `delete` = the id; `version` optional: without it, whatever is there is deleted.

`key` names the write: at most 64 printable ASCII characters, a UUID. The same key again is
answered as the first time and changes nothing; without one the server makes one up, and nothing
protects from a double. `version` is what the writer saw: the `revision` of an update frame, or the
hidden field that the page came with (below 0 for a draft). `action` is `publish` (the default) or
`draft`; `publish_at` is ISO 8601, in UTC where it names no offset: with `publish` and a time to
come the update is scheduled, a time that is past means now, and `draft` drops it.

With `Accept: application/json` the answer is one JSON object:

* 200 `ack`: `id`, `revision` (null for a draft), `version`, `key`, and `action`: `created`,
  `changed`, `deleted`, `drafted`, `scheduled` or `unchanged`;
* 409 `error`, code `conflict`: `current` is the row as it is: the update frame (`action` is
  `deleted` for a tombstone) and `body`, `version`, `draft`, `publish_at`. Nothing was written: to
  write over it, send again with `current.version`; a deleted one can only be posted anew;
* 422 `error`, code `invalid`: `fields` maps a field, or `__all__`, to its sentences;
* 401 `not_logged_in`, 403 `not_allowed` or `csrf`, 404 `unknown_blog` or `not_found`;
* 503 `unavailable`: the database did not take it, or did but could not say so: send it again.

Otherwise: a redirect to the page, or the page with what must be corrected (422) or decided (409).

The page's template gets `form` (UpdateForm; `key` and `version` are to be rendered), `conflict`
(None, or `current` as above, while `form` keeps the writer's own text and sends it over that),
`hidden` (drafts and scheduled updates as rows, those that are due first), `may` (add, change,
delete) and the stream.
"""

import logging
from functools import wraps

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import InterfaceError, OperationalError
from django.db.models import F
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views import csrf
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from liveblog import images, writes
from liveblog.forms import KeyForm, UpdateForm
from liveblog.frames import editors_frame, error_frame, unknown_blog
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.revisions import whole_number
from liveblog.views import asked_row, json_answer, stream

logger = logging.getLogger(__name__)

HIDDEN_SHOWN = 100  # drafts on the page; more than a newsroom keeps


def wants_json(request) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def answers_in_kind(view):
    """What the view raises becomes a page for people, and for scripts an `error` frame."""

    @wraps(view)
    def answering(request, *args, **kwargs):
        try:
            return view(request, *args, **kwargs)
        except (ObjectDoesNotExist, Http404, PermissionDenied) as error:
            if wants_json(request):
                return json_answer(*refusal(error))
            if isinstance(error, ObjectDoesNotExist):
                raise Http404 from error
            raise
        except (OperationalError, InterfaceError):
            if not wants_json(request):
                raise
            logger.exception("The database did not take a write")
            sentence = _("The database did not take it. Send it again with the same key.")
            return json_answer(error_frame("unavailable", sentence), 503)

    return answering


def refusal(error):
    """The frame and the HTTP status."""
    if isinstance(error, PermissionDenied):
        return error_frame("not_allowed", str(error)), 403
    if isinstance(error, LiveBlog.DoesNotExist):
        return unknown_blog(), 404
    return error_frame("not_found", _("This live blog has no such update.")), 404


def csrf_failure(request, reason=""):
    """Django's page; for scripts an `error`. A login in another tab changes the token."""
    if not wants_json(request):
        return csrf.csrf_failure(request, reason)
    sentence = _("The form is out of date. Load the page again, then send it once more.")
    return json_answer(error_frame("csrf", sentence), 403)


def for_editors(view):
    """The view (request, blog, may) of whoever may write something; never cached.

    `may` maps add, change and delete to whether the user may.
    """

    @never_cache
    @answers_in_kind
    @wraps(view)
    def admitted(request, slug):
        if not request.user.is_authenticated:
            if wants_json(request):
                return json_answer(error_frame("not_logged_in", _("Please log in.")), 401)
            return redirect_to_login(request.get_full_path())
        blog = LiveBlog.objects.get(slug=slug)
        may = {verb: is_allowed(request.user, verb) for verb in ("add", "change", "delete")}
        if not any(may.values()):
            raise PermissionDenied(
                _("You may not edit live blogs. An administrator can give you the permission.")
            )
        return view(request, blog, may)

    return admitted


@require_http_methods(["GET", "HEAD", "POST"])
@for_editors
def editor(request, blog, may):
    if request.method == "POST":
        return write(request, blog, may)
    return page(request, blog, may, empty_form(request, blog, may))


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
    update = asked_row(request, blog.updates, "update")
    if update and not update.deleted:
        require(may, "change")
        return UpdateForm(instance=update)
    author = request.user.get_full_name() or request.user.get_username()
    return UpdateForm(instance=BlogUpdate(blog=blog, author=author))


def page(request, blog, may, form, conflict=None, status=200):
    blog.refresh_from_db()  # before the stream is read: see stream()
    hidden = blog.updates.hidden().order_by(F("publish_at").asc(nulls_last=True), "-created")
    context = {"blog": blog, "form": form, "conflict": conflict, "may": may}
    context |= {"largest_picture": images.LARGEST}
    context |= {"hidden": hidden[:HIDDEN_SHOWN]} | stream(blog)
    return render(request, "liveblog/editor.html", context, status=status)


# Writing


def write(request, blog, may):
    """Do what was posted, and say what became of it."""
    keys = KeyForm(request.POST)
    # Before all else: what was allowed and right when it was done the first time stays done.
    if keys.is_valid() and (done := writes.recorded(blog, keys.cleaned_data["key"])):
        return acknowledge(request, blog, done)
    if "delete" in request.POST:
        return delete(request, blog, may, keys)
    update = asked_row(request, blog.updates, "update")
    return create(request, blog, may) if update is None else change(request, blog, may, update)


def create(request, blog, may):
    require(may, "add")
    form = UpdateForm(request.POST, instance=BlogUpdate(blog=blog))
    if not form.is_valid():
        return invalid(request, blog, may, form)
    key = form.cleaned_data["key"]
    return acknowledge(request, blog, writes.create(blog, key, **form.values()))


def change(request, blog, may, update):
    require(may, "change")
    if update.deleted:
        return conflict(request, blog, may, update)
    if update.draft and request.POST.get("action") != UpdateForm.DRAFT:
        require(may, "add")
    form = UpdateForm(request.POST, instance=update)
    if not form.is_valid():
        return invalid(request, blog, may, form)
    key, version = form.cleaned_data["key"], form.cleaned_data["version"]
    try:
        done = writes.change(blog, key, update.pk, version, **form.values())
    except writes.Conflict as found:
        return conflict(request, blog, may, found.current)
    return acknowledge(request, blog, done)


def delete(request, blog, may, keys):
    require(may, "delete")
    number = whole_number(request.POST["delete"])
    update = get_object_or_404(blog.updates, pk=number)
    if not keys.is_valid():
        return invalid(request, blog, may, keys)
    key, version = keys.cleaned_data["key"], keys.cleaned_data["version"]
    try:
        done = writes.delete(blog, key, update.pk, version)
    except writes.Conflict as found:
        return conflict(request, blog, may, found.current)
    return acknowledge(request, blog, done)


# Answers


def acknowledge(request, blog, done):
    if wants_json(request):
        return json_answer(done.frame())
    sentences = {
        "created": _("Published."),
        "changed": _("The change is published."),
        "deleted": _("The update was deleted."),
        "drafted": _("The draft is saved. Readers do not see it."),
        "scheduled": _("Scheduled. Readers do not see it until then."),
        "unchanged": _("Nothing was changed."),
    }
    text = sentences[done.action]
    if done.action == "unchanged" and "delete" in request.POST:
        text = _("The update was deleted already.")
    messages.success(request, text)
    return redirect("liveblog:editor", blog.slug)


def invalid(request, blog, may, form):
    """422 tells a script the same as the page tells a person: nothing was saved."""
    sentence = _("Nothing was saved. Please correct what is marked.")
    if wants_json(request):
        fields = {name: list(errors) for name, errors in form.errors.items()}
        return json_answer(error_frame("invalid", sentence) | {"fields": fields}, 422)
    if not isinstance(form, UpdateForm):
        messages.error(request, sentence)
        form = empty_form(request, blog, may)
    return page(request, blog, may, form, status=422)


def conflict(request, blog, may, current):
    """Nothing was written. The page keeps the writer's text, ready to be sent over the other."""
    if current.deleted:
        sentence = _("This update was deleted meanwhile. Publish it as a new one?")
    else:
        sentence = _("This update was changed meanwhile. Nothing was overwritten.")
    frame = editors_frame(current)
    if wants_json(request):
        return json_answer(error_frame("conflict", sentence) | {"current": frame}, 409)
    if "delete" in request.POST:
        messages.error(request, sentence)
        return page(request, blog, may, empty_form(request, blog, may), frame, status=409)
    sent = request.POST.copy()
    sent["key"], sent["version"] = writes.new_key(), str(current.version)
    form = UpdateForm(sent, instance=BlogUpdate(blog=blog) if current.deleted else current)
    form.add_error(None, sentence)
    return page(request, blog, may, form, frame, status=409)
