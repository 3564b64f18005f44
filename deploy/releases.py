"""The folder of releases (RELEASES_DIR): their folders, the current one, and the lock.

    0012-9fdebf4/   one release: code, virtual environment, collected static files
    current         symbolic link to the folder that processes are started from
    candidate       symbolic link to the release that is being tried
    lock            held while a release is built, tried or put into service

`current` may also link to a checkout: the one in which `make run` was started.
"""

import fcntl
import os
import pwd
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

KEPT = 3  # releases, the current one among them
SERVED = ".served"  # an empty file in each release that has been put into service
NAME = re.compile(r"(\d{4,})-[\w.+-]+")


class Stopped(Exception):
    """The reason why a release was stopped, as one sentence."""


class Releases:
    """The folder RELEASES_DIR."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self) -> Path | None:
        """The folder that `current` links to; None without one."""
        link = self.folder / "current"
        return link.resolve() if link.exists() else None

    def switch(self, release: Path) -> None:
        """Link `current` to this folder, atomically: it links to a complete release at any time."""
        self._link("current", release)

    def try_out(self, release: Path) -> None:
        """Link `candidate` to this folder."""
        self._link("candidate", release)

    def end_trial(self) -> None:
        (self.folder / "candidate").unlink(missing_ok=True)

    def _link(self, name: str, release: Path) -> None:
        new = self.folder / f"{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(release)
        new.replace(self.folder / name)  # rename(2) is atomic

    def all(self) -> list[Path]:
        """The folders of all releases, including unfinished ones, oldest first."""
        found = [path for path in self.folder.glob("*-*") if NAME.fullmatch(path.name)]
        return sorted((path.resolve() for path in found if path.is_dir()), key=number)

    def served(self) -> list[Path]:
        """The releases that have been put into service, oldest first."""
        return [release for release in self.all() if (release / SERVED).exists()]

    def mark_served(self, release: Path) -> None:
        if release in self.all():  # and not a checkout
            (release / SERVED).touch()

    def before(self, release: Path | None) -> Path | None:
        """The release that a rollback from this one restores."""
        older = [
            other
            for other in self.served()
            if other != release and (release not in self.all() or number(other) < number(release))
        ]
        return older[-1] if older else None

    def make_folder(self, label: str) -> Path:
        """A new, empty folder, with the next number."""
        numbers = [number(release) for release in self.all()]
        label = re.sub(r"[^\w.+-]+", "-", label).strip("-") or "files"
        release = self.folder / f"{max(numbers, default=0) + 1:04}-{label[:40]}"
        release.mkdir(mode=0o755)
        return release.resolve()

    def remove_unfinished(self) -> None:
        """Remove the folders of releases that were interrupted."""
        for release in self.all():
            if release != self.current() and not (release / SERVED).exists():
                shutil.rmtree(release, ignore_errors=True)

    def prune(self, in_use: set[Path]) -> list[Path]:
        """Remove all but the newest KEPT, the current one and those in use; returns the removed."""
        kept = {*self.served()[-KEPT:], self.current(), *in_use}
        removed = [release for release in self.all() if release not in kept]
        for release in removed:
            shutil.rmtree(release, ignore_errors=True)
        return removed


def number(release: Path) -> int:
    """A release's number. Raises TypeError for a folder that is no release."""
    return int(NAME.fullmatch(release.name)[1])  # type: ignore[index]


class Lock:
    """The lock of RELEASES_DIR: one release at a time.

    Its file describes the process that holds it. A file that has content but is not locked
    was left by a release that was killed: see `was_interrupted`.
    """

    def __init__(self, releases: Releases, fd: int | None = None, unfinished: bool = False) -> None:
        self.path = releases.folder / "lock"
        self.fd = fd  # an open descriptor that holds the lock already
        # The last holder was killed: processes may be of two releases, or missing.
        self.unfinished = unfinished

    def take(self, purpose: str, owner: int | None = None) -> None:
        """Take the lock without waiting. Raises Stopped, which names the process that holds it.

        `owner`: a user id that must be able to take it later.
        """
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            holder = self.path.read_text().strip() or "another process"
            raise Stopped(f"another release is in progress: {holder}.") from None
        if owner is not None and os.getuid() == 0:
            os.fchown(fd, owner, -1)
        user = pwd.getpwuid(os.getuid()).pw_name
        started = time.strftime("%H:%M:%S")
        self.unfinished = os.fstat(fd).st_size > 0
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"process {os.getpid()} ({purpose}) of {user}, since {started}".encode(), 0)
        self.fd = fd

    def release(self) -> None:
        """Release the lock. An interrupted release that was not completed can still be resumed."""
        if self.fd is not None:
            if not self.unfinished:
                os.ftruncate(self.fd, 0)
            os.close(self.fd)
            self.fd = None

    def was_interrupted(self) -> bool:
        """Whether the last holder was killed. Takes the lock for a moment to find out."""
        with suppress(OSError):
            if not self.path.stat().st_size:
                return False
            fd = os.open(self.path, os.O_RDWR)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return bool(os.fstat(fd).st_size)
            finally:
                os.close(fd)
        return False
