"""Write a backup of the running site."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from database.outages import reason_of
from proj.backup.databases import DatabaseFailed
from proj.backup.making import make, prune


class Command(BaseCommand):
    help = (
        "Write the database, the media files and the secrets into one new archive in FOLDER, "
        "readable by its owner alone. The site may run meanwhile. `manage.py restore` restores it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "folder",
            metavar="FOLDER",
            nargs="?",
            type=Path,
            default=settings.DATA_DIR / "backups",
            help="best on another disk (default: %(default)s)",
        )
        parser.add_argument(
            "--keep",
            metavar="N",
            help="afterwards remove all but the newest N backups of the folder",
        )

    def handle(self, *, folder: Path, keep: str | int | None, **options: object) -> None:
        number = parse_keep(keep)
        try:
            made = make(folder)
        except DatabaseError as error:
            raise CommandError(f"No backup was made. The database: {reason_of(error)}.") from error
        except DatabaseFailed as error:
            raise CommandError(f"No backup was made. {error}") from error
        except OSError as error:
            place = error.filename or folder
            raise CommandError(f"No backup was made. {place}: {error.strerror}.") from error
        self.stdout.write(f"{made}, {made.stat().st_size} bytes")
        try:
            for path in prune(folder, number) if number else ():
                self.stdout.write(f"{path} was removed")
        except OSError as error:
            raise CommandError(
                f"An old backup remains: {error.filename}: {error.strerror}."
            ) from error


def parse_keep(text: str | int | None) -> int | None:
    """Raises CommandError."""
    if text is None:
        return None
    if str(text).isascii() and str(text).isdigit() and 0 < int(text) < 100_000:
        return int(text)
    raise CommandError(f"--keep {text!r} is not a whole number, 1 or more.")
