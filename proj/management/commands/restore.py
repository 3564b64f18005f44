"""Restore a backup."""

import os
import pwd
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from database.outages import reason_of
from proj.backup.archive import BadArchive
from proj.backup.databases import DatabaseFailed
from proj.backup.restoring import RESTORED, NotRestored, restore, verify


class Command(BaseCommand):
    help = (
        "Restore an archive of `manage.py backup` into a site that is stopped and empty: the "
        "database, the media files and the secret key. An archive that is not complete changes "
        "nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("archive", metavar="FILE", type=Path)
        parser.add_argument(
            "--replace",
            action="store_true",
            help="also if the site is not empty; SQLite's file is kept beside the new one",
        )
        parser.add_argument(
            "--check", action="store_true", help="only read FILE and report whether it is complete"
        )

    def handle(self, *, archive: Path, replace: bool, check: bool, **options: object) -> None:
        try:
            if check:
                manifest = verify(archive)
                number = len(manifest.files)
                self.stdout.write(f"{archive} is complete: {number} files of {manifest.created}.")
                return
            require_owner()
            restored = restore(archive, replace)
        except BadArchive as error:
            sentence = f"{archive} is not a complete backup: {error}. Nothing was changed."
            raise CommandError(sentence) from error
        except NotRestored as error:
            raise CommandError(f"{error} Nothing was changed.") from error
        except DatabaseFailed as error:
            raise CommandError(f"The database was not restored. {error}") from error
        except DatabaseError as error:
            raise CommandError(f"The database: {reason_of(error)}.") from error
        except OSError as error:
            raise CommandError(f"{error.filename or archive}: {error.strerror}.") from error
        self.stdout.write(f"Restored what was there at {restored.manifest.created}.")
        if restored.aside:
            self.stdout.write(f"The former database is {restored.aside}.")
        if restored.other_settings:
            names = ", ".join(restored.other_settings)
            place = settings.DATA_DIR / RESTORED
            self.stdout.write(f"Set differently than in the backup: {names}. See {place}.")


def require_owner() -> None:
    """Refuse root where the data are another user's, who could not read the new files.

    Raises CommandError.
    """
    owner = settings.DATA_DIR.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        name = pwd.getpwuid(owner).pw_name
        raise CommandError(
            f"{settings.DATA_DIR} belongs to {name}. Run this command as that user:"
            f" runuser -u {name} -- .venv/bin/python manage.py restore …"
        )
