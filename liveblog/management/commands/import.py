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
    ConcurrentChange,
    Document,
    InvalidDocument,
    find_or_create_blog,
    load_batch,
    parse_document,
)

PAUSE = 0.15  # s between two batches; a writer that waits for SQLite's lock retries every 0.1 s
RETRY_DELAY = 1.0  # s before the next attempt while the database is unavailable
RETRY_FOR = 60.0  # s without progress
PROGRESS_INTERVAL = 5.0  # s between two lines of progress, where no terminal shows one in place


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
            document = parse_document(parse_json(read_file(file)), slug)
            blog = self.load(document)
        except InvalidDocument as invalid:
            raise CommandError(f"Nothing was imported. {invalid}") from invalid
        self.stdout.write(f"Imported {len(document.updates)} updates: {blog.get_absolute_url()}")

    def load(self, document: Document) -> LiveBlog:
        """Load batch after batch; retry while the database is unavailable. Raises CommandError."""
        total, position = len(document.updates), None
        progress = Progress(self.stderr, total)
        since = time.monotonic()
        with Interrupt() as interrupt:
            while True:
                wait = PAUSE
                try:
                    if position is None:
                        blog, position = find_or_create_blog(document)
                    if position == total:
                        progress.close()
                        return blog
                    position = load_batch(document, blog, position)
                    since = time.monotonic()
                    progress.show(position)
                except ConcurrentChange:
                    position = None
                except InvalidDocument as invalid:
                    if not progress.position:
                        raise
                    sentence = f"{progress} Somebody has changed the live blog meanwhile."
                    raise CommandError(sentence) from invalid
                except LiveBlog.DoesNotExist as error:
                    raise CommandError(f"{progress} The live blog was deleted.") from error
                except DatabaseError as error:
                    connection.close()
                    # The last batch may have been committed: look up the position again.
                    position, wait = None, RETRY_DELAY
                    late = time.monotonic() > since + RETRY_FOR
                    if late or not isinstance(error, OUTAGES):
                        sentence = f"The database did not take it: {reason_of(error)}."
                        raise CommandError(f"{progress} {sentence} {HOW_TO_RESUME}") from error
                if interrupt.wait(wait):
                    raise CommandError(f"{progress} {HOW_TO_RESUME}", returncode=130)


HOW_TO_RESUME = "The same command goes on from there."


class Progress:
    """Reports progress: on a terminal in one line, else in one per PROGRESS_INTERVAL."""

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
        elif time.monotonic() > self.shown + PROGRESS_INTERVAL:
            self.shown = time.monotonic()
            self.out.write(str(self), str)

    def close(self) -> None:
        if self.out.isatty():
            self.out.write("")


def read_file(file: str) -> bytes:
    """The content of the file. Raises InvalidDocument beyond LARGEST bytes, and CommandError."""
    try:
        if file == "-":
            text = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with open(file, "rb") as stream:
                text = stream.read(LARGEST + 1)
    except OSError as error:
        raise CommandError(f"Nothing was imported. {file}: {error.strerror}.") from error
    if len(text) > LARGEST:
        raise InvalidDocument("The file", f"it has more than {LARGEST} bytes")
    return text


def parse_json(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidDocument("The file", "it is not JSON text") from None
