"""`/liveblog/<slug>/edit/about/`: the settings of a blog, and the start and end of its coverage.

A POST with `move` = `start` (upcoming → live), `end` (live → ended) or `reopen` (ended → live).
If the blog is already in the target state, nothing is changed and the answer is a success; in any
other state it is a conflict. Any other POST is the form, which sends with each field the value that
its writer saw (`initial-<field>`): only changed fields are written, and a field that somebody else
has changed meanwhile is a conflict as well.

For a script (`Accept: application/json`) the answer is the `blog` frame, or an `error` frame: 409
`conflict`, with the `blog` frame as `current`; 422 `invalid` with `fields`; and those of
liveblog/editing/decorators.py. A person is redirected to the page, or gets the form again.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from conversations.refusals import error_frame
from liveblog.editing.decorators import for_editors, invalid_form, wants_json
from liveblog.editing.idempotency import locked
from liveblog.editing.roles import Rights, rights_of, user_of
from liveblog.models import LiveBlog
from liveblog.reading.views import json_response
from liveblog.stream.frames import Frame, blog_frame

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

State = LiveBlog.State


class Move(NamedTuple):
    """`sentence`: the message on the page when it is done."""

    before: LiveBlog.State
    after: LiveBlog.State
    sentence: "StrPromise"


MOVES = {
    "start": Move(State.UPCOMING, State.LIVE, gettext_lazy("Coverage has started.")),
    "end": Move(State.LIVE, State.ENDED, gettext_lazy("Coverage has ended.")),
    "reopen": Move(State.ENDED, State.LIVE, gettext_lazy("Coverage has been reopened.")),
}


# In UTC; the page's script shows it in the time zone of the browser.
START_WIDGET = forms.DateTimeInput(
    {"type": "datetime-local", "data-local-time": ""}, "%Y-%m-%dT%H:%M"
)


class AboutForm(forms.ModelForm):
    class Meta:
        model = LiveBlog
        fields = ["title", "description", "starts_at", "chat"]
        labels = {"starts_at": gettext_lazy("Start time")}
        widgets = {
            "title": forms.TextInput(attrs={"dir": "auto"}),
            "description": forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
            "starts_at": START_WIDGET,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = True

    def seen(self, name: str) -> object:
        """The value that the writer saw in the field."""
        return self.fields[name].to_python(self.data.get(self[name].html_initial_name))

    def changes(self) -> dict[str, object]:
        return {name: as_sent(self.cleaned_data[name]) for name in self.changed_data}


def as_sent(value: object) -> object:
    """The value as a form can carry it: line ends are one character, times have whole minutes."""
    if isinstance(value, datetime):
        return value.replace(second=0, microsecond=0)
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


class Changed(Exception):
    """Somebody else has changed the blog. `blog`: as it is now."""

    def __init__(self, blog: LiveBlog) -> None:
        super().__init__(blog)
        self.blog = blog


@require_http_methods(["GET", "HEAD", "POST"])
@for_editors
def about(request: HttpRequest, blog: LiveBlog, may: Rights) -> HttpResponse:
    if not may.run:
        raise PermissionDenied(
            _("You don't have permission to change the settings of this live blog.")
        )
    if request.method != "POST":
        return page(request, blog, AboutForm(instance=blog))
    name = request.POST.get("move")
    if name is None:
        return describe(request, blog)
    if name not in MOVES:
        sentence = _("Coverage can only be started, ended or reopened.")
        if wants_json(request):
            return json_response(error_frame("invalid", sentence) | {"fields": {"move": []}}, 422)
        messages.error(request, sentence)
        return redirect("liveblog:about", blog.slug)
    try:
        return done(request, move(blog, name), MOVES[name].sentence)
    except Changed as meanwhile:
        sentence = _(
            "Someone else has changed the state of the coverage. Check it, then try again."
        )
        if wants_json(request):
            return json_response(conflict_frame(meanwhile.blog, sentence), 409)
        messages.error(request, sentence)
        return redirect("liveblog:about", blog.slug)


def describe(request: HttpRequest, blog: LiveBlog) -> HttpResponse:
    form = AboutForm(request.POST, instance=LiveBlog(pk=blog.pk, slug=blog.slug))
    if not form.is_valid():
        return invalid_form(form) if wants_json(request) else page(request, blog, form, 422)
    try:
        return done(request, write(blog, form), _("Saved."))
    except Changed as meanwhile:
        sentence = _(
            "Not saved: someone else has changed this. Save again to replace their version."
        )
        if wants_json(request):
            return json_response(conflict_frame(meanwhile.blog, sentence), 409)
        # The form now carries the current values as seen: sent once more, it overwrites them.
        sent = request.POST.copy()
        for name in form.fields:
            there = getattr(meanwhile.blog, name)
            sent[form[name].html_initial_name] = "" if there is None else str(there)
        again = AboutForm(sent, instance=LiveBlog(pk=blog.pk, slug=blog.slug))
        again.add_error(None, sentence)
        return page(request, meanwhile.blog, again, 409)


def page(request: HttpRequest, blog: LiveBlog, form: AboutForm, status: int = 200) -> HttpResponse:
    may = rights_of(user_of(request), blog)
    context = {"blog": blog, "about": form, "may": may, "team": blog.team.count()}
    return render(request, "liveblog/editor/about.html", context, status=status)


def done(request: HttpRequest, blog: LiveBlog, sentence: "str | StrPromise") -> HttpResponse:
    if wants_json(request):
        return json_response(blog_frame(blog))
    messages.success(request, sentence)
    return redirect("liveblog:about", blog.slug)


def conflict_frame(blog: LiveBlog, sentence: str) -> Frame:
    return error_frame("conflict", sentence) | {"current": blog_frame(blog)}


@transaction.atomic
def move(blog: LiveBlog, name: str) -> LiveBlog:
    """The blog, moved. Raises Changed."""
    blog = locked(blog)
    wanted = MOVES[name]
    if blog.state == wanted.after:
        return blog
    if blog.state != wanted.before:
        raise Changed(blog)
    blog.state = wanted.after
    blog.save()
    return blog


@transaction.atomic
def write(blog: LiveBlog, form: AboutForm) -> LiveBlog:
    """The blog with the form's changes. Raises Changed."""
    blog = locked(blog)
    changes = form.changes()
    for name, value in changes.items():
        there = as_sent(getattr(blog, name))
        if there not in (value, as_sent(form.seen(name))):
            raise Changed(blog)
    changes = {
        name: value for name, value in changes.items() if as_sent(getattr(blog, name)) != value
    }
    for name, value in changes.items():
        setattr(blog, name, value)
    if changes:
        blog.save()
    return blog
