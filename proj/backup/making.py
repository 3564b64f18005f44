"""Makes a backup while the site runs."""

import fcntl
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from proj.backup import databases
from proj.backup.archive import DATABASES, MEDIA, SETTINGS, ArchiveWriter, Manifest, files_below
from proj.environment import SECRETS, VARIABLES

STAMP = "%Y%m%d-%H%M%S-%f"  # in UTC; the names sort by time
NAME = re.compile(r"liveblog-\d{8}-\d{6}-\d{6}\.tar\.gz")
WORK = ".liveblog-"  # begins the names of folders in which a backup is being made


def make(folder: Path) -> Path:
    """Write a backup into the folder; returns its path. An incomplete one never has that name.

    The database is copied first: every picture that it names is on the disk by then, and the files
    of pictures never change.

    Raises DatabaseFailed and OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    created = datetime.now(UTC)
    manifest = Manifest(
        created.isoformat(timespec="seconds"), databases.kind(), databases.applied_migrations()
    )
    with work_folder(folder) as work:
        copy = work / DATABASES[manifest.database]
        databases.dump(copy)
        with ArchiveWriter(work / "archive", manifest) as archive:
            archive.add_bytes(SETTINGS, site_settings(os.environ).encode())
            archive.add(copy.name, copy)
            media = Path(settings.MEDIA_ROOT)
            for path in files_below(media):
                # `manage.py prune_media` may have removed it meanwhile: no text names it.
                with suppress(FileNotFoundError):
                    archive.add(f"{MEDIA}/{path.relative_to(media).as_posix()}", path)
            archive.finish()
        made = folder / f"liveblog-{created.strftime(STAMP)}.tar.gz"
        (work / "archive").rename(made)
    synchronise(folder)
    return made


@contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
    """A folder for this process alone, removed at the end; one that was killed left its behind."""
    for old in folder.glob(f"{WORK}*"):
        with suppress(OSError), (old / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old)
    work = Path(tempfile.mkdtemp(prefix=WORK, dir=folder))
    try:
        with (work / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def synchronise(folder: Path) -> None:
    """Write the names of the folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def site_settings(environ: Mapping[str, str]) -> str:
    """The variables that are set, and the secret keys, as lines of an environment file."""
    found = {variable.name: variable.text(environ) for variable in VARIABLES}
    found |= {name: getattr(settings, name) for name in SECRETS}
    return "".join(f"{name}={shlex.quote(text)}\n" for name, text in found.items() if text)


def prune(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep` backups of the folder; returns the removed."""
    found = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
    removed = found[:-keep]
    for path in removed:
        path.unlink()
    return removed
