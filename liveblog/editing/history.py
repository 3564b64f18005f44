"""`/liveblog/<slug>/edit/<id>/history/`: the past texts of an update, even of a deleted one.

The page restores nothing itself: it links to the editor's form, `?update=<id>&text=<past id>`
(`text=last` is the row's own text), which is then sent like any other change, with the version
that its writer saw. The text of a deleted update goes into the form for a new one.
"""

from dataclasses import dataclass
from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from conversations.read_only import read_only
from liveblog.editing.decorators import for_editors
from liveblog.editing.roles import Rights
from liveblog.editing.text_diff import Part, difference
from liveblog.fields import TEXTS
from liveblog.models import BlogUpdate, LiveBlog, PastVersion
from liveblog.stream.revisions import whole_number

LAST = "last"
SHOWN = 20  # versions on a page; each is compared with the one before


@read_only
@for_editors
def history(request: HttpRequest, blog: LiveBlog, may: Rights, pk: int) -> HttpResponse:
    update = get_object_or_404(blog.updates, pk=pk)
    found, after = update.past.all(), whole_number(request.GET.get("before", ""))
    if after is not None:
        found = found.filter(pk__lt=after)
    past = list(found[: SHOWN + 2])  # the text before the last one may precede a deletion
    rows, older = past[:SHOWN], past[SHOWN:]
    entries = [entry(row, row.pk) for row in past]
    # An update that was deleted before this history existed has only its own text.
    if after is None and (not update.deleted or not past):
        entries.insert(0, entry(update, None if not update.deleted else LAST))
    compare(entries)
    context = {
        "blog": blog,
        "update": update,
        "entries": entries[: len(entries) - len(older)],
        "older": rows[-1].pk if older else None,
        "may_restore": may.write if update.deleted else may.may_edit(update),
    }
    return render(request, "liveblog/editor/history.html", context)


@dataclass
class Entry:
    """One version on the page. `changes`: what it has that the version before had not.

    `is_deletion`: a deletion, which has no text. `is_restored`: it undid one.
    """

    row: BlogUpdate | PastVersion
    saved: datetime
    restore: int | str | None  # the `text` argument that restores it; None for the current one
    text: dict[str, str]
    changes: dict[str, list[Part]]
    is_deletion: bool
    is_restored: bool = False


def entry(row: BlogUpdate | PastVersion, restore: int | str | None) -> Entry:
    saved = row.saved if isinstance(row, PastVersion) else row.saved or row.edited or row.created
    text = {name: getattr(row, name) for name in TEXTS}
    plain = {name: [Part("same", value)] if value else [] for name, value in text.items()}
    is_deletion = isinstance(row, PastVersion) and row.is_deletion
    return Entry(row, saved, restore, text, plain, is_deletion)


def compare(entries: list[Entry]) -> None:
    """Set what each entry, newest first, has that the text before it had not."""
    for index, newer in enumerate(entries):
        before = entries[index + 1 :]
        newer.is_restored = bool(before) and before[0].is_deletion
        text = next((each.text for each in before if not each.is_deletion), None)
        if text is not None and not newer.is_deletion:
            newer.changes = {name: difference(text[name], newer.text[name]) for name in TEXTS}


def requested_texts(request: HttpRequest, update: BlogUpdate | None) -> dict[str, str] | None:
    """The texts of the version that `?text=` names; None without it. Raises Http404."""
    asked = request.GET.get("text")
    if asked is None:
        return None
    row: BlogUpdate | PastVersion | None = None
    if update is not None:
        number = whole_number(asked)
        if asked == LAST:
            row = update
        elif number is not None:
            row = update.past.filter(pk=number).first()
    if row is None:
        raise Http404(_("This update does not have this version."))
    return {name: getattr(row, name) for name in TEXTS}
