"""`/liveblog/<slug>/edit/summary/`: the text "What we know" of a blog, and its history.

A POST has `summary` and `version`, the revision that changed the text which the writer saw
(LiveBlog.summary_revision). If somebody else has changed it meanwhile, nothing is written: the page
shows both texts, and sent once more the form writes over the other. `?text=<id>` puts a version of
the history into the form, which restores it like any other change.
"""

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from liveblog.editing.about import Changed, as_sent
from liveblog.editing.decorators import for_editors
from liveblog.editing.idempotency import locked
from liveblog.editing.roles import Rights, name_of, user_of
from liveblog.editing.text_diff import Part, difference
from liveblog.models import LiveBlog, SummaryVersion
from liveblog.stream.revisions import whole_number

SHOWN = 20  # versions on a page; each is compared with the one before


class SummaryForm(forms.ModelForm):
    """The text, and the version that its writer saw."""

    version = forms.IntegerField(min_value=0, max_value=2**63 - 1, widget=forms.HiddenInput)

    class Meta:
        model = LiveBlog
        fields = ["summary"]
        widgets = {"summary": forms.Textarea(attrs={"rows": 10, "dir": "auto"})}

    def clean_summary(self) -> object:
        return as_sent(self.cleaned_data["summary"])


@require_http_methods(["GET", "HEAD", "POST"])
@for_editors
def summary(request: HttpRequest, blog: LiveBlog, may: Rights) -> HttpResponse:
    if not may.run:
        raise PermissionDenied(
            _("You don't have permission to change the settings of this live blog.")
        )
    if request.method != "POST":
        shown = {"version": blog.summary_revision, "summary": requested_text(request, blog)}
        return page(request, blog, SummaryForm(initial=shown))
    form = SummaryForm(request.POST)
    if not form.is_valid():
        return page(request, blog, form, status=422)
    text, version = form.cleaned_data["summary"], form.cleaned_data["version"]
    try:
        write(blog, text, version, name_of(user_of(request)))
    except Changed as meanwhile:
        sent = request.POST.copy()
        sent["version"] = str(meanwhile.blog.summary_revision)
        again = SummaryForm(sent)
        again.add_error(
            None,
            _("Not saved: someone else has changed this. Save again to replace their version."),
        )
        return page(request, meanwhile.blog, again, is_conflict=True, status=409)
    messages.success(request, _("Saved."))
    return redirect("liveblog:editor", blog.slug)


@transaction.atomic
def write(blog: LiveBlog, text: str, version: int | None, writer: str) -> LiveBlog:
    """The blog with this summary. Raises Changed if the version is not the summary's (None: any).

    A text that is there already is no change, so a repeated write is done once.
    """
    blog = locked(blog)
    if blog.summary == text:
        return blog
    if version not in (None, blog.summary_revision):
        raise Changed(blog)
    blog.summary = text
    blog.save(update_fields=["summary"], writer=writer)
    return blog


def requested_text(request: HttpRequest, blog: LiveBlog) -> str:
    """The text of the version that `?text=` names, else the current one. Raises Http404."""
    if "text" not in request.GET:
        return blog.summary
    number = whole_number(request.GET["text"])
    row = blog.summaries.filter(pk=number).first() if number is not None else None
    if row is None:
        raise Http404(_("This version does not exist."))
    return row.text


@dataclass
class Entry:
    """One version on the page. `changes`: what it has that the version before had not."""

    row: SummaryVersion
    is_current: bool
    changes: list[Part]


def page(
    request: HttpRequest,
    blog: LiveBlog,
    form: SummaryForm,
    is_conflict: bool = False,
    status: int = 200,
) -> HttpResponse:
    found, before = blog.summaries.all(), whole_number(request.GET.get("before", ""))
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: SHOWN + 1])
    texts = [row.text for row in rows[1:]] + [""]
    entries = [
        Entry(row, row.revision == blog.summary_revision, difference(text, row.text))
        for row, text in zip(rows[:SHOWN], texts, strict=False)
    ]
    context = {
        "blog": blog,
        "form": form,
        "is_conflict": is_conflict,
        "entries": entries,
        "older": rows[SHOWN - 1].pk if len(rows) > SHOWN else None,
    }
    return render(request, "liveblog/editor/summary.html", context, status=status)
