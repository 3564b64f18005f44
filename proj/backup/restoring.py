"""Restores a backup into a site that does not run."""

import fcntl
import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.restored import skip_lost_revisions
from proj.backup import databases
from proj.backup.archive import DATABASES, MEDIA, SETTINGS, Manifest, files_below, unpack
from proj.environment import SECRETS, VARIABLES
from proj.static import make_readable_folder

FIRST_BLOG = "demo"  # which the first start makes
RESTORED = "restored.env"
PLACES = ("DATA_DIR", "RELEASES_DIR")  # variables that may differ from those of the backup


class NotRestored(Exception):
    """The reason why nothing was restored, as one sentence."""


@dataclass(frozen=True)
class Restored:
    """`aside`: where SQLite's former database is. `other_settings`: variables with other values."""

    manifest: Manifest
    aside: Path | None
    other_settings: list[str]


def verify(archive: Path) -> Manifest:
    """Read the whole archive. Raises BadArchive and OSError."""
    with staging() as folder:
        return unpack(archive, folder)


def restore(archive: Path, replace: bool) -> Restored:
    """Everything that can fail is checked before anything is changed; the database comes last.

    Media files are added: their names are made of their content, so none can be another's.

    Raises:
        BadArchive: the archive is not a complete backup.
        NotRestored: it does not fit this site, or the site is not empty and `replace` is false.
        DatabaseFailed, OSError.
    """
    with staging() as folder, stopped_site():
        manifest = unpack(archive, folder)
        require_fitting(manifest)
        if not replace:
            require_empty()
        restore_media(folder / MEDIA)
        other_settings = restore_settings((folder / SETTINGS).read_text())
        aside = databases.load(folder / DATABASES[manifest.database])
        # Of an older release: the tables that this one needs.
        call_command("migrate", verbosity=0, interactive=False)
        skip_lost_revisions()
        return Restored(manifest, aside, other_settings)


@contextmanager
def staging() -> Iterator[Path]:
    """A folder on the file system of the data, so that its files can be renamed."""
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.DATA_DIR) as name:
        yield Path(name)


@contextmanager
def stopped_site() -> Iterator[None]:
    """Hold the lock of deploy/run.py, so that the site does not start. Raises NotRestored."""
    run_dir = settings.ENVIRONMENT.run_dir
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (run_dir / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NotRestored("The site is running. Stop it first, on every host.") from None
        yield


def require_fitting(manifest: Manifest) -> None:
    if manifest.database != databases.kind():
        names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
        raise NotRestored(
            f"The backup is of {names[manifest.database]}, and DATABASE_URL names"
            f" {names[databases.kind()]}."
        )
    if unknown := databases.unknown_migrations(manifest.migrations):
        raise NotRestored(
            f"The backup was made by a newer release: this one lacks {unknown[0]}."
            " Install that release first."
        )


def require_empty() -> None:
    """Raises NotRestored if the site has more than its first start makes."""
    tables = set(connection.introspection.table_names() if databases.exists() else [])
    if LiveBlog._meta.db_table in tables:
        blogs = LiveBlog.objects.exclude(slug=FIRST_BLOG).count()
        updates, users = BlogUpdate.objects.count(), get_user_model().objects.count()
        if blogs or updates or users:
            raise NotRestored(
                f"This site is not empty: it has {blogs} other live blogs, {updates} updates and"
                f" {users} users. --replace replaces its database."
            )
    if any(files_below(Path(settings.MEDIA_ROOT))):
        raise NotRestored(
            "This site is not empty: it has media files. --replace keeps them and replaces its"
            " database."
        )


def restore_media(folder: Path) -> None:
    for path in files_below(folder):
        place = Path(settings.MEDIA_ROOT) / path.relative_to(folder)
        make_readable_folder(place.parent)
        path.chmod(settings.FILE_UPLOAD_PERMISSIONS)
        path.replace(place)


def restore_settings(text: str) -> list[str]:
    """Write DATA_DIR/restored.env, and the secret keys where no variable sets them.

    Returns the names of the variables that have another value now.
    """
    write_secret(settings.DATA_DIR / RESTORED, text)
    saved = dict(line.split("=", 1) for line in shlex.split(text))
    for name in SECRETS:
        # Older backups have no VAPID_PRIVATE_KEY: the site keeps its own.
        if name in saved and not getattr(settings.ENVIRONMENT, name):
            write_secret(settings.DATA_DIR / name.lower(), saved[name])
            setattr(settings, name, saved[name])
    now = {variable.name: variable.text(os.environ) for variable in VARIABLES}
    now |= {name: getattr(settings, name) for name in SECRETS if name in saved}
    names = [name for name in now if name not in PLACES]
    return [name for name in names if now[name] != saved.get(name, "")]


def write_secret(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
