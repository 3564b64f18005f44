"""Adds notes to drafts, and sends drafts back to their authors."""

from functools import partial
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import OuterRef, Q, Subquery

from liveblog.editing.idempotency import locked
from liveblog.models import BlogUpdate, ReviewNote
from liveblog.stream.broadcast import send_to_desk


class NewNote(NamedTuple):
    note: ReviewNote
    is_repeated: bool


class NoDraft(Exception):
    """The update is no draft any more: it was published, scheduled or deleted."""


@transaction.atomic
def add_note(
    update: BlogUpdate, user: User | None, writer: str, text: str, returned: bool
) -> NewNote:
    """Add a note; with `returned`, the draft no longer waits for review. Raises NoDraft.

    The last note is not repeated by its writer: a form may be sent twice. The version of the draft
    stays, so its author's unsaved text is no conflict.
    """
    blog = locked(update.blog)
    row = blog.updates.filter(pk=update.pk, draft=True, deleted=False, publish_at=None).first()
    if row is None:
        raise NoDraft
    last = row.notes.last()
    if last and (last.user, last.text, last.returned) == (user, text, returned):
        return NewNote(last, is_repeated=True)
    note = row.notes.create(user=user, writer=writer, text=text, returned=returned)
    if returned:
        # The plain queryset: its update() saves no version.
        drafts: models.QuerySet[BlogUpdate] = models.QuerySet(BlogUpdate).filter(pk=row.pk)
        drafts.update(review=False)
    frame = {"type": "draft", "id": row.pk, "gone": False}
    transaction.on_commit(partial(send_to_desk, blog, frame))
    return NewNote(note, is_repeated=False)


def is_returned() -> Q:
    """Whether a draft is back at its author, for queries of updates. Null without notes.

    Saved again, the draft waits for review as before.
    """
    last_note = ReviewNote.objects.filter(update=OuterRef("pk")).order_by("-pk")
    return Q(draft=True, review=False) & Q(Subquery(last_note.values("returned")[:1]))


def readers_of(note: ReviewNote) -> list[User]:
    """The others in the conversation: the draft's author, and who wrote a note before."""
    people = {note.update.owner_id, *note.update.notes.values_list("user_id", flat=True)}
    others = [pk for pk in people if pk not in (None, note.user_id)]
    return list(User.objects.filter(pk__in=others, is_active=True).order_by("pk"))
