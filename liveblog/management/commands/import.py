"""Make a live blog from what `manage.py export` wrote."""

import json
import sys
import time

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import Error as DatabaseError
from django.db import connection

from database.outages import OUTAGES, reason_of
from liveblog.demo.interrupt import Interrupt
from liveblog.models import LiveBlog
from liveblog.reading.transfer import (
    LARGEST,
    Document,
    Interfered,
    Refused,
    begun,
    checked,
    load_batch,
)

PAUSE = 0.15  # s between two batches; who waits for SQLite's lock looks every 0.1 s
AGAIN = 1.0  # s until the next try where the database is away
PATIENCE = 60.0  # s without progress
EVERY = 5.0  # s between two lines of progress, where no terminal shows one in place


class Command(BaseCommand):
    help = (
        "Make a live blog from the JSON that `manage.py export` wrote. A file with a mistake "
        "changes nothing. Others can write meanwhile. If it is interrupted, the same command goes "
        "on where it was; where all is there, it does nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="- reads standard input")
        parser.add_argument("--slug", metavar="SLUG", help="instead of the one in the file")

    def handle(self, *, file: str, slug: str | None, **options: object) -> None:
        try:
            document = checked(parsed(read(file)), slug)
            blog = self.load(document)
        except Refused as refused:
            raise CommandError(f"Nothing was imported. {refused}") from refused
        self.stdout.write(f"Imported {len(document.updates)} updates: {blog.get_absolute_url()}")

    def load(self, document: Document) -> LiveBlog:
        """Load batch after batch; wait for a database that is away. Raises CommandError."""
        total, position = len(document.updates), None
        progress = Progress(self.stderr, total)
        since = time.monotonic()
        with Interrupt() as interrupt:
            while True:
                wait = PAUSE
                try:
                    if position is None:
                        blog, position = begun(document)
                    if position == total:
                        progress.close()
                        return blog
                    position = load_batch(document, blog, position)
                    since = time.monotonic()
                    progress.show(position)
                except Interfered:
                    position = None
                except Refused as refused:
                    if not progress.position:
                        raise
                    sentence = f"{progress} Somebody has changed the live blog meanwhile."
                    raise CommandError(sentence) from refused
                except LiveBlog.DoesNotExist as error:
                    raise CommandError(f"{progress} The live blog was deleted.") from error
                except DatabaseError as error:
                    connection.close()
                    # What was committed although no answer came is found out.
                    position, wait = None, AGAIN
                    late = time.monotonic() > since + PATIENCE
                    if late or not isinstance(error, OUTAGES):
                        sentence = f"The database did not take it: {reason_of(error)}."
                        raise CommandError(f"{progress} {sentence} {GO_ON}") from error
                if interrupt.wait(wait):
                    raise CommandError(f"{progress} {GO_ON}", returncode=130)


GO_ON = "The same command goes on from there."


class Progress:
    """Says how far it is: on a terminal one line in place, else a line every EVERY seconds."""

    def __init__(self, out: OutputWrapper, total: int) -> None:
        self.out, self.total, self.position = out, total, 0
        self.shown = time.monotonic()

    def __str__(self) -> str:
        return f"{self.position} of {self.total} updates are imported."

    def show(self, position: int) -> None:
        self.position = position
        if self.out.isatty():
            self.out.write(f"\r{self}\x1b[K", str, ending="")
            self.out.flush()
        elif time.monotonic() > self.shown + EVERY:
            self.shown = time.monotonic()
            self.out.write(str(self), str)

    def close(self) -> None:
        if self.out.isatty():
            self.out.write("")


def read(file: str) -> bytes:
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


def parsed(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("The file", "it is not JSON text") from None
