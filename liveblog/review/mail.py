"""The mail about a note; a worker sends it, so that no page waits for a mail server."""

import logging

from channels import Channel
from django.core.mail import send_mail
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from liveblog.editing.roles import rights_of
from liveblog.models import ReviewNote
from liveblog.review.notes import readers_of
from liveblog.text.excerpts import title_of

logger = logging.getLogger(__name__)

MAIL_CHANNEL = "liveblog.review-mail"


def request_mail(note: ReviewNote, request: HttpRequest) -> None:
    """Have a worker send the mails. Never raises: the note is on the page in any case."""
    content = {
        "note": note.pk,
        "site": request.build_absolute_uri("/"),
        "language": translation.get_language(),
    }
    try:
        Channel(MAIL_CHANNEL).send(content, immediately=True)
    except Exception:
        logger.exception("The mail about note %s was not queued.", note.pk)


def send_note(pk: int, site: str, language: str) -> None:
    """Send the note to the others in its conversation who may still edit the draft.

    At most once: a failure is logged. `site`: scheme and host with a slash at the end.
    """
    note = ReviewNote.objects.select_related("update__blog").filter(pk=pk).first()
    if note is None or note.update.deleted:
        return
    blog = note.update.blog
    path = reverse("liveblog:review", args=[blog.slug, note.update_id])
    context = {
        "note": note,
        "blog": blog,
        "title": title_of(note.update),
        "link": site.rstrip("/") + path,
    }
    with translation.override(language):
        subject = render_to_string("liveblog/review/note_subject.txt", context)
        body = render_to_string("liveblog/review/note_mail.txt", context)
    for user in readers_of(note):
        if not user.email or not rights_of(user, blog).may_edit(note.update):
            continue
        try:
            send_mail(" ".join(subject.split()), body, None, [user.email])
        except Exception:
            logger.exception("The mail about note %s to user %s was not sent.", pk, user.pk)
