"""Publish one update from the shell."""

import sys
import time
from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection

from liveblog.editing import idempotency
from liveblog.editing.forms import KeyForm
from liveblog.fields import LONGEST_BODY, TEXTS, Content
from liveblog.models import BlogUpdate, LiveBlog

RETRY_DELAY = 1.0  # s before the second attempt: about as long as PostgreSQL takes to restart
MAX_SLUGS_LISTED = 20  # in the message for an unknown slug: what fits a terminal


class Command(BaseCommand):
    help = "Publish an update in the live blog SLUG. Every open page of it changes at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("text", metavar="TEXT", help="Markdown; - reads standard input")
        parser.add_argument("--headline", metavar="H", default="")
        parser.add_argument("--author", metavar="NAME", default="")
        parser.add_argument("--key-event", action="store_true", help="mark it as a key event")
        parser.add_argument("--pinned", action="store_true", help="keep it at the top")
        parser.add_argument(
            "--key",
            metavar="KEY",
            help="a name for this write: a second one with it posts nothing and prints the same",
        )

    def handle(
        self,
        *,
        slug: str,
        text: str,
        headline: str,
        author: str,
        key_event: bool,
        pinned: bool,
        key: str | None,
        **options: object,
    ) -> None:
        content = Content(
            body=read_standard_input() if text == "-" else text,
            headline=headline,
            author=author,
            key_event=key_event,
            pinned=pinned,
        )
        name = checked_key(key)

        def publish() -> idempotency.Acknowledgement:
            blog = LiveBlog.objects.get(slug=slug)
            check(BlogUpdate(blog=blog, **content))
            return idempotency.create(blog, name, writer="manage.py post", **content)

        try:
            done = with_retry(publish)
        except LiveBlog.DoesNotExist as error:
            raise CommandError(unknown_slug(slug)) from error
        except DatabaseError as error:
            reason, *_ = str(error).split("\n")  # PostgreSQL quotes the statement below it
            raise CommandError(f"The database did not take the update: {reason}.") from error
        self.stdout.write(f"Posted to {slug}: id {done.id}, revision {done.revision}")


def with_retry(
    write: Callable[[], idempotency.Acknowledgement],
) -> idempotency.Acknowledgement:
    """Write, once more if the connection to the database was lost: the key is the same."""
    try:
        return write()
    except (OperationalError, InterfaceError):
        if connection.connection is not None and connection.is_usable():
            raise
        connection.close()
        time.sleep(RETRY_DELAY)
        return write()


def checked_key(key: str | None) -> str:
    """The key, or a new one for None. Raises CommandError."""
    form = KeyForm({"key": key or ""})
    if (key is not None and not key.strip()) or not form.is_valid():
        reason = " ".join(map(str, form.errors.get("key", ["It is empty."])))
        raise CommandError(f"Not posted: --key {key!r} cannot be a key: {reason}")
    return form.cleaned_data["key"]


def read_standard_input() -> str:
    """The text on standard input without its last line end, cut where it is too long anyway."""
    try:
        # One for the line end, one to see that there is more.
        return sys.stdin.read(LONGEST_BODY + 2).removesuffix("\n")
    except UnicodeDecodeError as error:
        raise CommandError(f"Not posted: standard input is not text ({error}).") from error


def check(update: BlogUpdate) -> None:
    """Raise CommandError if the update cannot be posted."""
    if not update.body.strip():
        raise CommandError("Not posted: the text is empty.")
    if len(update.body) > LONGEST_BODY:
        raise CommandError(f"Not posted: the text has more than {LONGEST_BODY} characters.")
    for name in TEXTS:
        # A shell passes bytes that are not UTF-8 as lone surrogates. No database stores those,
        # nor PostgreSQL a NUL.
        if any(
            "\ud800" <= letter <= "\udfff" or letter == "\0" for letter in getattr(update, name)
        ):
            raise CommandError(f"Not posted: the {name} holds a NUL or bytes that are not UTF-8.")
    try:
        # save() takes the revisions.
        update.full_clean(exclude=["revision", "created_revision"])
    except ValidationError as error:
        reasons = (f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        raise CommandError(f"Not posted: {' '.join(reasons)}") from error


def unknown_slug(slug: str) -> str:
    """The message for a slug that no blog has, with the slugs that exist."""
    slugs = list(
        LiveBlog.objects.order_by("slug").values_list("slug", flat=True)[: MAX_SLUGS_LISTED + 1]
    )
    if not slugs:
        return f"There is no live blog {slug!r}, and no other either."
    more = ", and more" if len(slugs) > MAX_SLUGS_LISTED else ""
    return (
        f"There is no live blog {slug!r}; there are: {', '.join(slugs[:MAX_SLUGS_LISTED])}{more}."
    )
