"""The editor's page: what its forms send, and what they are answered with.

`/liveblog/<slug>/edit/` takes a POST of form fields. Which write it is:

* a new update: `headline`, `body`, `author`, `key_event`, `pinned`, `action`, `publish_at`;
* a change: the same, with `?update=<id>` in the address and `version` required;
* a deletion: `delete` = the id; `version` optional: without it, whatever is there is deleted;
* a flag: `post` = the id of a published update, `flag` = `pin`, `unpin`, `key` or `unkey`.

What a user may do is liveblog.editing.roles.Rights. Who may write but not publish sends
`action=draft`;
that draft then waits for review.

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
* 401, 403, 404 and 503 as liveblog/editing/decorators.py says; after 503 send it again: perhaps
  it was done.

Otherwise: a redirect to the page, or the page with what must be corrected (422) or decided (409).

The page's template gets `form` (UpdateForm; `key` and `version` are to be rendered), `conflict`
(None, or `current` as above, while `form` keeps the writer's own text and sends it over that),
`hidden` (drafts and scheduled updates as rows, those for review first), `deleted` (the latest
tombstones), `may` (Rights), `about` (AboutForm, or None) and the stream.
"""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from conversations.json_text import error_frame
from liveblog.editing import idempotency
from liveblog.editing.about import AboutForm
from liveblog.editing.decorators import for_editors, invalid_form, wants_json
from liveblog.editing.forms import KeyForm, UpdateForm
from liveblog.editing.history import asked_text
from liveblog.editing.roles import name_of
from liveblog.models import TEXT, BlogUpdate
from liveblog.pictures import images
from liveblog.reading.pages import stream
from liveblog.reading.views import asked_row, json_answer
from liveblog.stream.frames import editors_frame, encode
from liveblog.stream.revisions import whole_number

HIDDEN_SHOWN = 100  # drafts on the page; more than a newsroom keeps
FLAGS = {
    "pin": {"pinned": True},
    "unpin": {"pinned": False},
    "key": {"key_event": True},
    "unkey": {"key_event": False},
}
DELETED_SHOWN = 20  # a deletion by mistake is noticed soon
# What uploads.js and the page's sentences need to know of the images that the server accepts.
PICTURES = {
    "types": " ".join(images.MIME_TYPES),
    "largest": images.LARGEST,
    "longest_side": 2 * images.LONGEST_SIDE,  # leaves the good reduction to the server
}


@require_http_methods(["GET", "HEAD", "POST"])
@for_editors
def editor(request, blog, may):
    if request.method == "POST":
        return write(request, blog, may)
    return page(request, blog, may, empty_form(request, blog, may))


def require(allowed, sentence):
    if not allowed:
        raise PermissionDenied(sentence)


def require_edit(may, update):
    if update.publish_at and not may.publish:
        require(False, _("This draft is scheduled. Only editors can change it."))
    if not update.draft and may.write:
        require(may.change, _("This update is published. Only editors can change it."))
    require(may.may_edit(update), _("You don't have permission to edit updates."))


def require_publish(may):
    if may.write:
        require(may.publish, _("You can write drafts. An editor has to publish them."))
    require(may.publish, _("You don't have permission to publish updates."))


def empty_form(request, blog, may):
    """The form for the asked update, perhaps with a past text in it, or for a new one."""
    update = asked_row(request, blog.updates, "update")
    past = asked_text(request, update)
    if update and not update.deleted:
        require_edit(may, update)
        form = UpdateForm(instance=update)
    else:
        form = UpdateForm(instance=BlogUpdate(blog=blog, author=name_of(request.user)))
    if past:
        form.initial |= past
        form.stored = encode({name: getattr(form.instance, name) for name in TEXT})
    return form


def page(request, blog, may, form, conflict=None, status=200):
    blog.refresh_from_db()  # before the stream is read: see stream()
    hidden = blog.updates.hidden().order_by(
        "-review", F("publish_at").asc(nulls_last=True), "-created"
    )[:HIDDEN_SHOWN]
    for row in hidden:
        row.may_edit, row.may_delete = may.may_edit(row), may.may_delete(row, request.user)
    context = {"blog": blog, "form": form, "conflict": conflict, "may": may, "hidden": hidden}
    deleted = blog.updates.filter(deleted=True).order_by(F("saved").desc(nulls_last=True), "-pk")
    context |= {"deleted": deleted[:DELETED_SHOWN], "pictures": PICTURES}
    context["about"] = AboutForm(instance=blog) if may.run else None
    context |= stream(blog)
    return render(request, "liveblog/editor/editor.html", context, status=status)


# Writing


def write(request, blog, may):
    """Do what was posted, and say what became of it."""
    keys = KeyForm(request.POST)
    # Before all else: what was allowed and right when it was done the first time stays done.
    if keys.is_valid() and (done := idempotency.recorded(blog, keys.cleaned_data["key"])):
        return acknowledge(request, blog, done)
    if "delete" in request.POST:
        return delete(request, blog, may, keys)
    if "flag" in request.POST:
        return set_flag(request, blog, may, keys)
    update = asked_row(request, blog.updates, "update")
    return create(request, blog, may) if update is None else change(request, blog, may, update)


def values_of(form, may) -> dict:
    """The fields of the write. What may not be published by its writer waits for who may."""
    values = form.values()
    return values if may.publish or not values["draft"] else values | {"review": True}


def create(request, blog, may):
    require(may.write, _("You don't have permission to write updates."))
    if request.POST.get("action") != UpdateForm.DRAFT:
        require_publish(may)
    form = UpdateForm(request.POST, instance=BlogUpdate(blog=blog))
    if not form.is_valid():
        return invalid(request, blog, may, form)
    key, by = form.cleaned_data["key"], name_of(request.user)
    values = values_of(form, may)
    return acknowledge(
        request, blog, idempotency.create(blog, key, by=by, owner=request.user, **values)
    )


def change(request, blog, may, update):
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
    by, values = name_of(request.user), values_of(form, may)
    try:
        done = idempotency.change(blog, key, update.pk, version, by=by, **values)
    except idempotency.Conflict as found:
        return conflict(request, blog, may, found.current)
    return acknowledge(request, blog, done)


def delete(request, blog, may, keys):
    update = posted_row(request, blog, "delete")
    require(
        may.may_delete(update, request.user), _("You don't have permission to delete this update.")
    )
    if not keys.is_valid():
        return invalid(request, blog, may, keys)
    key, version = keys.cleaned_data["key"], keys.cleaned_data["version"]
    if version is None and not may.delete:
        version = update.version  # allowed as the draft it is, not as what it may become
    try:
        done = idempotency.delete(blog, key, update.pk, version, by=name_of(request.user))
    except idempotency.Conflict as found:
        return conflict(request, blog, may, found.current)
    return acknowledge(request, blog, done)


def set_flag(request, blog, may, keys):
    """One flag of a published update, whatever its text has become meanwhile."""
    update = posted_row(request, blog, "post")
    require(may.change, _("You don't have permission to edit updates."))
    flag = FLAGS.get(request.POST["flag"])
    if flag is None or not keys.is_valid():
        return invalid(request, blog, may, keys)
    if update.deleted or update.draft:
        return conflict(request, blog, may, update)
    try:
        done = idempotency.change(blog, keys.cleaned_data["key"], update.pk, None, **flag)
    except idempotency.Conflict as found:
        return conflict(request, blog, may, found.current)
    return acknowledge(request, blog, done)


def posted_row(request, blog, name):
    return get_object_or_404(blog.updates, pk=whole_number(request.POST.get(name, "")))


# Answers


def acknowledge(request, blog, done):
    if wants_json(request):
        return json_answer(done.frame())
    sentences = {
        "created": _("Published."),
        "changed": _("Changes published."),
        "deleted": _("Update deleted."),
        "drafted": _("Draft saved. It is not visible to readers."),
        "scheduled": _("Scheduled. It is not visible to readers until then."),
        "unchanged": _("No changes to save."),
    }
    text = sentences[done.action]
    if done.action == "unchanged" and "delete" in request.POST:
        text = _("This update was already deleted.")
    messages.success(request, text)
    return redirect("liveblog:editor", blog.slug)


def invalid(request, blog, may, form):
    """422 tells a script the same as the page tells a person: nothing was saved."""
    if wants_json(request):
        return invalid_form(form)
    if not isinstance(form, UpdateForm):  # a button's
        messages.error(request, _("Not saved. Please fix the highlighted fields."))
        form = empty_form(request, blog, may)
    return page(request, blog, may, form, status=422)


def conflict(request, blog, may, current):
    """Nothing was written. The page keeps the writer's text, ready to be sent over the other."""
    if current.deleted:
        sentence = _("Someone else deleted this update. Publish your text as a new update?")
    else:
        sentence = _("Not saved: someone else changed this update.")
    frame = editors_frame(current)
    if wants_json(request):
        return json_answer(error_frame("conflict", sentence) | {"current": frame}, 409)
    if "delete" in request.POST or "flag" in request.POST:
        messages.error(request, sentence)
        return page(request, blog, may, empty_form(request, blog, may), frame, status=409)
    sent = request.POST.copy()
    sent["key"], sent["version"] = idempotency.new_key(), str(current.version)
    form = UpdateForm(sent, instance=BlogUpdate(blog=blog) if current.deleted else current)
    form.add_error(None, sentence)
    return page(request, blog, may, form, frame, status=409)
