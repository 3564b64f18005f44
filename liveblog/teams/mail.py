"""The mail that carries an invitation's link; a worker sends it, so that no page waits for it."""

import logging

from channels import Channel
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone, translation

from conversations.rate_limits import Limit
from liveblog.editing.roles import name_of
from liveblog.models import Invitation
from liveblog.teams.invitations import is_open, path_of

logger = logging.getLogger(__name__)

MAIL_CHANNEL = "liveblog.invitation-mail"
# Per user: a whole newsroom in an hour, but the site is no way to send mail to the world.
MAILS = Limit("invitation-mails", most=30, seconds=3600, flood=0)


def may_mail(user: User) -> bool:
    """Whether the user may have one more mail sent; counts it."""
    return not MAILS.is_exceeded(str(user.pk))


def request_mail(invitation: Invitation, request: HttpRequest) -> None:
    """Have a worker send the mail. Never raises: the page shows that it was not sent."""
    content = {
        "invitation": invitation.pk,
        "site": request.build_absolute_uri("/"),
        "language": translation.get_language(),
    }
    try:
        Channel(MAIL_CHANNEL).send(content, immediately=True)
    except Exception:
        logger.exception("The mail with invitation %s was not queued.", invitation.pk)
        mark(invitation.pk, "mail_failed")


def send_invitation(pk: int, site: str, language: str) -> None:
    """Send the mail once, unless the invitation is void by now.

    `site`: scheme and host with a slash at the end.
    """
    rows = Invitation.objects.select_related("blog", "inviter")
    invitation = rows.filter(pk=pk, mailed=None).first()
    if invitation is None or not is_open(invitation):
        return
    context = {
        "invitation": invitation,
        "inviter": name_of(invitation.inviter),
        "until": invitation.expires.strftime("%Y-%m-%d %H:%M"),
        "link": site.rstrip("/") + path_of(invitation),
    }
    with translation.override(language):
        subject = render_to_string("liveblog/teams/invitation_subject.txt", context)
        body = render_to_string("liveblog/teams/invitation_mail.txt", context)
    try:
        send_mail(" ".join(subject.split()), body, None, [invitation.email])
    except Exception:
        logger.exception("The mail with invitation %s was not sent.", pk)
        mark(pk, "mail_failed")
    else:
        mark(pk, "mailed")


def mark(pk: int, field: str) -> None:
    Invitation.objects.filter(pk=pk).update(**{field: timezone.now()})
