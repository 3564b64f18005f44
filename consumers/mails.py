"""Mails: each has a channel of its own, so that no page waits for a mail server."""

from channels.message import Message

from accounts.passwords import send_reset_mail
from liveblog.review.mail import send_note
from liveblog.teams.mail import send_invitation


def password_reset(message: Message) -> None:
    """The consumer of `accounts.password-reset-mail`."""
    send_reset_mail(message["email"], message["host"], message["secure"], message["language"])


def invitation(message: Message) -> None:
    """The consumer of `liveblog.invitation-mail`."""
    send_invitation(message["invitation"], message["site"], message["language"])


def review_note(message: Message) -> None:
    """The consumer of `liveblog.review-mail`."""
    send_note(message["note"], message["site"], message["language"])
