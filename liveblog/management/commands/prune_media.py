"""Remove uploaded pictures, videos and audio files that no text names."""

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from liveblog.pictures.unused import remove, unused

DAY = 24 * 60 * 60  # s
# A text that was not sent yet is only in its writer's browser, and may refer to files.
SAFE = 7  # days


class Command(BaseCommand):
    help = (
        "Remove the uploaded pictures, videos and audio files that no update, draft, past version "
        "or other stored text names. Other files are not touched."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            metavar="DAYS",
            default=str(SAFE),
            help="those alone that were uploaded so many days ago (default: %(default)s)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="remove nothing, list what would be"
        )

    def handle(self, *, older_than: str | int, dry_run: bool, **options: object) -> None:
        age = parse_days(str(older_than)) * DAY
        try:
            found = unused(age)
        except DatabaseError as error:
            reason, *_ = str(error).split("\n")  # PostgreSQL quotes the statement below it
            raise CommandError(f"Nothing was removed. The database: {reason}.") from error
        sizes: list[int] = []
        for path in found:
            try:
                size = path.stat().st_size if dry_run else remove(path, age)
            except OSError as error:
                sentence = f"{removed(sizes)} Then: {path}: {error.strerror}."
                raise CommandError(sentence) from error
            if dry_run:
                self.stdout.write(f"{path}, {size} bytes")
            if size:
                sizes.append(size)
        self.stdout.write(removed(sizes, "Would remove" if dry_run else "Removed"))


def removed(sizes: list[int], verb: str = "Removed") -> str:
    files = "file" if len(sizes) == 1 else "files"
    return f"{verb} {len(sizes)} {files} that no text names, {sum(sizes)} bytes."


def parse_days(text: str) -> int:
    """Raises CommandError."""
    if text.isascii() and text.isdigit() and len(text) < 6:
        return int(text)
    raise CommandError(f"--older-than {text!r} is not a whole number of days, 0 or more.")
