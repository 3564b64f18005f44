"""The editor's page: its forms' fields, and the answers.

`?before=<id>` shows the updates older than that one, as on the reader's page; the other lists and
the search are described in liveblog/editing/lists.py. With `Accept: application/json`, a GET with
`?update=<id>` gets that update as in `current` below, and `editor`: the name of whoever last
changed its texts, if known.

`/liveblog/<slug>/edit/` takes a POST of form fields. The fields determine the write:

* a new update: `headline`, `body`, `author`, `key_event`, `pinned`, `action`, `publish_at`;
* a change: the same, with `?update=<id>` in the address and `version` required;
* a deletion: `delete` = the id; `version` optional: without it, whatever is there is deleted;
* to undo one: `restore` = the id; `version`, `pinned` and `key_event` optional;
* a flag: `post` = the id of a published update, `flag` = `pin`, `unpin`, `key` or `unkey`.

What a user may do is liveblog.editing.roles.Rights. A user who may write but not publish sends
`action=draft`; that draft then waits for review.

`key` is the idempotency key of the write: at most 64 printable ASCII characters, a UUID. A second
write with the same key changes nothing and gets the first one's answer; without a key there is no
protection from duplicates. `version` is the state that the writer saw: the `revision` of an update
frame, or the hidden field of the page (below 0 for a draft). `action` is `publish` (the default) or
`draft`; `publish_at` is ISO 8601, in UTC where it names no offset: with `publish` and a time to
come the update is scheduled. With `draft` a scheduled draft stays scheduled for that time, until it
is sent without one; any other stays unscheduled. A time that has passed is refused, unless it is
the draft's own or later than `pressed`, the time when a script sent the write first.

With `Accept: application/json` the answer is one JSON object:

* 200 `ack`: `id`, `revision` (null for a draft), `version`, `key`, and `action`: `created`,
  `changed`, `deleted`, `restored`, `drafted`, `scheduled` or `unchanged`;
* 409 `error`, code `conflict`: `current` is the row as it is: the update frame (`action` is
  `deleted` for a tombstone) and `body`, `version`, `draft`, `publish_at`. Nothing was written: to
  write over it, send again with `current.version`; a deleted one can only be posted anew;
* 422 `error`, code `invalid`: `fields` maps a field, or `__all__`, to its sentences;
* 401, 403, 404 and 503 as in liveblog/editing/decorators.py; after 503 send it again, because it
  may have been done.

Otherwise: a redirect to the page, or the page with what must be corrected (422) or decided (409).

The page's template gets `form` (UpdateForm; `key` and `version` are to be rendered), `conflict`
(None, or `current` as above, while `form` keeps the writer's own text and sends it over that),
`changes` (of a conflict: the parts of both texts, as liveblog.editing.text_diff gives them),
`desk` (Lists), `may` (Rights) and the stream.
"""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from conversations.refusals import error_frame
from liveblog.alerts.pages import readers_alerted
from liveblog.editing import idempotency
from liveblog.editing.decorators import for_editors, invalid_form, wants_json
from liveblog.editing.forms import KeyForm, UpdateForm
from liveblog.editing.history import requested_texts
from liveblog.editing.lists import lists_of
from liveblog.editing.roles import Rights, name_of, user_of
from liveblog.editing.text_diff import Part, difference
from liveblog.fields import FLAGS, TEXTS, Content, Values, as_values
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.pictures import images
from liveblog.reading.pages import stream
from liveblog.reading.views import json_response, requested_row
from liveblog.recordings import incoming
from liveblog.stream.frames import Frame, editors_frame
from liveblog.stream.revisions import whole_number

FLAG_COMMANDS: dict[str, Content] = {
    "pin": {"pinned": True},
    "unpin": {"pinned": False},
    "key": {"key_event": True},
    "unkey": {"key_event": False},
}
PARTS = {"lists": "_lists.html", "found": "_found.html"}


@require_http_methods(["GET", "HEAD", "POST"])
@for_editors
def editor(request: HttpRequest, blog: LiveBlog, may: Rights) -> HttpResponse:
    if request.method == "POST":
        return write(request, blog, may)
    if "update" in request.GET and wants_json(request):
        return opened(request, blog, may)
    if request.GET.get("part") in PARTS:
        return part(request, blog, may)
    return page(request, blog, may, empty_form(request, blog, may))


def require(allowed: bool, sentence: str) -> None:
    """Raises PermissionDenied with the sentence."""
    if not allowed:
        raise PermissionDenied(sentence)


def require_edit(may: Rights, update: BlogUpdate) -> None:
    if update.publish_at and not may.publish:
        require(False, _("This draft is scheduled. Only editors can change it."))
    if not update.draft and may.write:
        require(may.change, _("This update is published. Only editors can change it."))
    require(may.may_edit(update), _("You don't have permission to edit updates."))


def require_publish(may: Rights) -> None:
    if may.write:
        require(may.publish, _("You can write drafts. An editor has to publish them."))
    require(may.publish, _("You don't have permission to publish updates."))


def empty_form(request: HttpRequest, blog: LiveBlog, may: Rights) -> UpdateForm:
    """The form for `?update=`, perhaps with the texts of a past version, or for a new update."""
    update = requested_row(request, blog.updates.all(), "update")
    past = requested_texts(request, update)
    if update and not update.deleted:
        require_edit(may, update)
        return UpdateForm(instance=update, past=past)
    new = BlogUpdate(blog=blog, author=name_of(user_of(request)))
    return UpdateForm(instance=new, past=past)


def opened(request: HttpRequest, blog: LiveBlog, may: Rights) -> HttpResponse:
    """The update that a script puts into the form; of a deleted one, the tombstone."""
    update = requested_row(request, blog.updates.all(), "update")
    assert update is not None
    if not update.deleted:
        require_edit(may, update)
    frame = editors_frame(update) | {"editor": update.editor}
    if update.publish_at:  # exact, or the form would move it by some microseconds
        frame["publish_at"] = update.publish_at.isoformat()
    return json_response(frame)


def part(request: HttpRequest, blog: LiveBlog, may: Rights) -> HttpResponse:
    context = {"blog": blog, "may": may, "desk": lists_of(request, blog, may)}
    return render(request, f"liveblog/editor/{PARTS[request.GET['part']]}", context)


def page(
    request: HttpRequest,
    blog: LiveBlog,
    may: Rights,
    form: UpdateForm,
    conflict: Frame | None = None,
    status: int = 200,
) -> HttpResponse:
    blog.refresh_from_db()  # before the stream is read: see stream()
    context: dict[str, object] = {
        "blog": blog,
        "form": form,
        "conflict": conflict,
        "changes": changes_of(form, conflict),
        "may": may,
        "desk": lists_of(request, blog, may),
        "pictures": uploads(),
    }
    if readers := readers_alerted(blog):
        form.fields["key_event"].label = ngettext(
            "Key event (alerts %(readers)d reader)",
            "Key event (alerts %(readers)d readers)",
            readers,
        ) % {"readers": readers}
    edge = requested_row(request, blog.updates.filter(draft=False), "before")
    context |= stream(blog, edge=edge)
    return render(request, "liveblog/editor/editor.html", context, status=status)


def uploads() -> dict[str, object]:
    """What uploads.js needs to know of the files that the server accepts."""
    return {
        "types": " ".join(images.MIME_TYPES),
        "largest": images.LARGEST,
        "longest_side": 2 * images.LONGEST_SIDE,  # leaves the good reduction to the server
        "largest_recording": incoming.largest(),
        "largest_megabytes": settings.MEDIA_MAX_MB,
    }


def changes_of(form: UpdateForm, conflict: Frame | None) -> dict[str, list[Part]]:
    """How the writer's texts differ from those of the update that is there."""
    if conflict is None:
        return {}
    return {name: difference(conflict[name], form[name].value() or "") for name in TEXTS}


# Writing


def write(request: HttpRequest, blog: LiveBlog, may: Rights) -> HttpResponse:
    """Do what was posted, and answer with the result."""
    keys = KeyForm(request.POST)
    # First: a write that was done stays done, even if it would be refused now.
    if keys.is_valid() and (done := idempotency.recorded(blog, keys.cleaned_data["key"])):
        return acknowledge(request, blog, done)
    if "delete" in request.POST:
        return delete(request, blog, may, keys)
    if "restore" in request.POST:
        return restore(request, blog, may, keys)
    if "flag" in request.POST:
        return set_flag(request, blog, may, keys)
    update = requested_row(request, blog.updates.all(), "update")
    return create(request, blog, may) if update is None else change(request, blog, may, update)


def values_of(form: UpdateForm, may: Rights) -> Values:
    """The fields of the write. The draft of a user who may not publish is marked for review."""
    values = form.values()
    if values["draft"] and not may.publish:
        values["review"] = True
    return values


def create(request: HttpRequest, blog: LiveBlog, may: Rights) -> HttpResponse:
    require(may.write, _("You don't have permission to write updates."))
    if request.POST.get("action") != UpdateForm.DRAFT:
        require_publish(may)
    form = UpdateForm(request.POST, instance=BlogUpdate(blog=blog))
    if not form.is_valid():
        return invalid(request, blog, may, form)
    key, user = form.cleaned_data["key"], user_of(request)
    values = values_of(form, may)
    done = idempotency.create(blog, key, writer=name_of(user), owner=user, **values)
    return acknowledge(request, blog, done)


def change(request: HttpRequest, blog: LiveBlog, may: Rights, update: BlogUpdate) -> HttpResponse:
    if update.deleted:
        require(may.write or may.change, _("You don't have permission to edit updates."))
        return conflict(request, blog, may, update)
    require_edit(may, update)
    if update.draft and request.POST.get("action") != UpdateForm.DRAFT:
        require_publish(may)
    form = UpdateForm(request.POST, instance=update)
    if not form.is_valid():
        return invalid(request, blog, may, form)
    key, version = form.cleaned_data["key"], form.cleaned_data["version"]
    writer, values = name_of(user_of(request)), values_of(form, may)
    try:
        done = idempotency.change(blog, key, update.pk, version, writer=writer, **values)
    except idempotency.Conflict as found:
        return conflict(request, blog, may, found.current)
    return acknowledge(request, blog, done)


def delete(request: HttpRequest, blog: LiveBlog, may: Rights, keys: KeyForm) -> HttpResponse:
    update = posted_row(request, blog, "delete")
    require(
        may.may_delete(update, user_of(request)),
        _("You don't have permission to delete this update."),
    )
    if not keys.is_valid():
        return invalid(request, blog, may, keys)
    key, version = keys.cleaned_data["key"], keys.cleaned_data["version"]
    if version is None and not may.delete:
        version = (
            update.version
        )  # the user may delete the draft that was read, not what it may have become
    try:
        done = idempotency.delete(blog, key, update.pk, version, writer=name_of(user_of(request)))
    except idempotency.Conflict as found:
        return conflict(request, blog, may, found.current)
    return acknowledge(request, blog, done)


def restore(request: HttpRequest, blog: LiveBlog, may: Rights, keys: KeyForm) -> HttpResponse:
    """Undo a deletion."""
    update = posted_row(request, blog, "restore")
    user = user_of(request)
    require(
        may.may_restore(update, user),
        _("You don't have permission to restore this update."),
    )
    if not keys.is_valid():
        return invalid(request, blog, may, keys)
    key, version = keys.cleaned_data["key"], keys.cleaned_data["version"]
    flags = as_values({name: bool(request.POST.get(name)) for name in FLAGS})
    try:
        done = idempotency.restore(blog, key, update.pk, version, writer=name_of(user), flags=flags)
    except idempotency.Conflict as found:
        return conflict(request, blog, may, found.current)
    return acknowledge(request, blog, done)


def set_flag(request: HttpRequest, blog: LiveBlog, may: Rights, keys: KeyForm) -> HttpResponse:
    """Set one flag of a published update, whatever its version."""
    update = posted_row(request, blog, "post")
    require(may.change, _("You don't have permission to edit updates."))
    flag = FLAG_COMMANDS.get(request.POST["flag"])
    if flag is None or not keys.is_valid():
        return invalid(request, blog, may, keys)
    if update.deleted or update.draft:
        return conflict(request, blog, may, update)
    try:
        done = idempotency.change(blog, keys.cleaned_data["key"], update.pk, None, **flag)
    except idempotency.Conflict as found:
        return conflict(request, blog, may, found.current)
    return acknowledge(request, blog, done)


def posted_row(request: HttpRequest, blog: LiveBlog, name: str) -> BlogUpdate:
    """The update whose id was posted under the name. Raises Http404."""
    return get_object_or_404(blog.updates, pk=whole_number(request.POST.get(name, "")))


# Answers


def acknowledge(
    request: HttpRequest, blog: LiveBlog, done: idempotency.Acknowledgement
) -> HttpResponse:
    if wants_json(request):
        return json_response(done.frame())
    sentences = {
        "created": _("Published."),
        "changed": _("Changes published."),
        "deleted": _("Update deleted."),
        "restored": _("Update restored."),
        "drafted": _("Draft saved. It is not visible to readers."),
        "scheduled": _("Scheduled. It is not visible to readers until then."),
        "unchanged": _("No changes to save."),
    }
    text = sentences[done.action]
    if done.action == "drafted" and request.POST.get("publish_at"):
        text = _("Draft saved. It is not scheduled.")
    if done.action == "unchanged" and "delete" in request.POST:
        text = _("This update was already deleted.")
    messages.success(request, text)
    return redirect("liveblog:editor", blog.slug)


def invalid(request: HttpRequest, blog: LiveBlog, may: Rights, form: KeyForm) -> HttpResponse:
    """422: nothing was saved."""
    if wants_json(request):
        return invalid_form(form)
    if not isinstance(form, UpdateForm):  # a button's
        messages.error(request, _("Not saved. Please fix the highlighted fields."))
        form = empty_form(request, blog, may)
    return page(request, blog, may, form, status=422)


def conflict(
    request: HttpRequest, blog: LiveBlog, may: Rights, current: BlogUpdate
) -> HttpResponse:
    """409: nothing was written. The page keeps the writer's text, to be sent over the other."""
    if current.deleted:
        sentence = _("Someone else deleted this update. Publish your text as a new update?")
    else:
        sentence = _("Not saved: someone else changed this update.")
    frame = editors_frame(current)
    if wants_json(request):
        return json_response(error_frame("conflict", sentence) | {"current": frame}, 409)
    if {"delete", "restore", "flag"} & request.POST.keys():
        messages.error(request, sentence)
        return page(request, blog, may, empty_form(request, blog, may), frame, status=409)
    sent = request.POST.copy()
    sent["key"], sent["version"] = idempotency.new_key(), str(current.version)
    form = UpdateForm(sent, instance=BlogUpdate(blog=blog) if current.deleted else current)
    form.add_error(None, sentence)
    return page(request, blog, may, form, frame, status=409)
