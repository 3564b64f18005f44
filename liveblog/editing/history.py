"""`/liveblog/<slug>/edit/<id>/history/`: the texts that an update had, deleted ones too.

The page restores nothing by itself: it links to the editor's form, `?update=<id>&text=<past id>`
(`text=last` is the row's own text), which is then sent as any other change, with the version that
its writer saw. The text of a deleted update goes into the form for a new one.
"""

from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from conversations.read_only import read_only
from liveblog.editing.decorators import for_editors
from liveblog.editing.text_diff import difference
from liveblog.models import TEXT, PastVersion
from liveblog.stream.revisions import whole_number

LAST = "last"
SHOWN = 20  # versions on a page; each is compared with the one before


@read_only
@for_editors
def history(request, blog, may, pk):
    update = get_object_or_404(blog.updates, pk=pk)
    past, after = update.past.all(), whole_number(request.GET.get("before", ""))
    if after is not None:
        past = past.filter(pk__lt=after)
    past = list(past[: SHOWN + 1])
    rows, older = past[:SHOWN], past[SHOWN:]
    entries = [entry(row, row.pk) for row in rows]
    # What was deleted before texts were kept has its own alone.
    if after is None and (not update.deleted or not past):
        entries.insert(0, entry(update, None if not update.deleted else LAST))
    for newer, before in zip(
        entries, [*entries[1:], *(entry(r, r.pk) for r in older)], strict=False
    ):
        newer["changes"] = {
            name: difference(before["text"][name], newer["text"][name]) for name in TEXT
        }
    context = {
        "blog": blog,
        "update": update,
        "entries": entries,
        "older": rows[-1].pk if older else None,
        "may_restore": may.write if update.deleted else may.may_edit(update),
    }
    return render(request, "liveblog/editor/history.html", context)


def entry(row, name) -> dict:
    """One version for the page. `name`: what restores it; None for the one that is in use."""
    saved = row.saved
    if not isinstance(row, PastVersion):
        saved = saved or row.edited or row.created
    text = {name: getattr(row, name) for name in TEXT}
    plain = {name: [("same", value)] for name, value in text.items()}
    return {"row": row, "saved": saved, "restore": name, "text": text, "changes": plain}


def asked_text(request, update) -> dict | None:
    """The text that `?text=` means, of the update; None without it. Raises Http404."""
    asked = request.GET.get("text")
    if asked is None:
        return None
    row = None
    if update is not None:
        number = whole_number(asked)
        row = update if asked == LAST else update.past.filter(pk=number).first()
    if row is None:
        raise Http404(_("This update does not have this version."))
    return {name: getattr(row, name) for name in TEXT}
