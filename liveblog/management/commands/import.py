"""Make a live blog from what `manage.py export` wrote."""

import json
import sys

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from liveblog.transfer import LARGEST, Refused, load


class Command(BaseCommand):
    help = "Make a live blog from the JSON that `manage.py export` wrote. All of it, or nothing."

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE", help="- reads standard input")
        parser.add_argument("--slug", metavar="SLUG", help="instead of the one in the file")

    def handle(self, *, file, slug, **options):
        try:
            blog = load(parsed(read(file)), slug)
        except Refused as refused:
            raise CommandError(f"Nothing was imported. {refused}") from refused
        except DatabaseError as error:
            reason, *_ = str(error).split("\n")  # PostgreSQL quotes the statement below it
            raise CommandError(f"The database did not take it: {reason}.") from error
        self.stdout.write(f"Imported {blog.updates.count()} updates: {blog.get_absolute_url()}")


def read(file) -> bytes:
    """The file, LARGEST bytes at most. Raises Refused; CommandError where it cannot be read."""
    try:
        if file == "-":
            text = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with open(file, "rb") as stream:
                text = stream.read(LARGEST + 1)
    except OSError as error:
        raise CommandError(f"Nothing was imported. {file}: {error.strerror}.") from error
    if len(text) > LARGEST:
        raise Refused("The file", f"it has more than {LARGEST} bytes")
    return text


def parsed(text: bytes):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("The file", "it is not JSON text") from None
