"""Uploads in parts, so that no large body passes Redis. They survive lost connections.

An upload is a file in MEDIA_ROOT that grows, named after the upload's id, which cannot be guessed
and contains the length of the whole. Its name begins with `.`: nothing serves it, and backups leave
it out. When it is complete, its metadata is removed and it gets the name of its content. A mark
stays for a day, so that a client that lost the last answer gets it again.
"""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from django.conf import settings

from liveblog.api.errors import Refusal
from liveblog.pictures.storage import write
from liveblog.recordings.formats import clean
from liveblog.recordings.storage import FOLDER

PART = 1 << 20  # bytes that the editor's page sends at a time
LARGEST_PART = 8 << 20  # bytes; requests have at most 10 MiB
KEPT = 24 * 60 * 60  # s that an incomplete upload may rest
MOST = 50  # uploads that are incomplete at a time
SPARE = 64 << 20  # bytes of disk that uploads leave free
BLOCK = 1 << 20  # bytes that are hashed at a time
ID = re.compile(r"[0-9a-f]{32}-([1-9]\d{0,9})\Z")


class Progress(NamedTuple):
    """`offset`: bytes that are stored; `address`: of the complete file on this site, else ""."""

    offset: int
    address: str


def largest() -> int:
    """Bytes of a file."""
    return settings.MEDIA_MAX_MB * 1_000_000


def begin(size: int) -> str:
    """A new upload of `size` bytes; returns its id. Raises Refusal."""
    if size > largest():
        raise Refusal("recording_too_large", largest=settings.MEDIA_MAX_MB)
    if size <= 0:
        raise Refusal("not_a_recording")
    where = folder()
    remove_old()
    if sum(1 for _ in where.glob(".*.part")) >= MOST:
        raise Refusal("too_fast", {"Retry-After": "60"})
    if shutil.disk_usage(where).free < size + SPARE:
        raise Refusal("no_space")
    name = f"{secrets.token_hex(16)}-{size}"
    os.close(os.open(part_of(name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return name


def progress(upload: str) -> Progress:
    """Raises Refusal for an upload that does not exist."""
    size = size_of(upload)
    with suppress(FileNotFoundError):
        return Progress(part_of(upload).stat().st_size, "")
    with suppress(FileNotFoundError):
        return Progress(size, mark_of(upload).read_text())
    raise Refusal("unknown_upload")


def add(upload: str, offset: int, content: bytes) -> Progress:
    """Append a part that begins at `offset`; the last completes the file.

    Raises Refusal, also for what the complete file is not allowed to be, and OSError.
    """
    size = size_of(upload)
    if len(content) > LARGEST_PART:
        raise Refusal("too_long")
    if not part_of(upload).exists():
        return progress(upload)
    with locked(upload) as file:
        stored = file.seek(0, os.SEEK_END)
        if offset != stored or stored + len(content) > size:
            raise Refusal("wrong_offset", offset=stored)
        file.write(content)
        file.flush()
        if stored + len(content) < size:
            return Progress(stored + len(content), "")
        os.fsync(file.fileno())
        return Progress(size, complete(upload))


def complete(upload: str) -> str:
    """Give the file its name; returns its address. Raises Refusal and OSError."""
    part = part_of(upload)
    try:
        found = clean(part)
    except Refusal:
        part.unlink()
        raise
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), settings.FILE_UPLOAD_PERMISSIONS)
    size = f"-{found.size.width}x{found.size.height}" if found.size else ""
    name = f"{digest.hexdigest()[:32]}{size}.{found.extension}"
    address = f"{settings.MEDIA_URL}{FOLDER}/{name}"
    write(mark_of(upload), address.encode())
    try:
        os.utime(folder() / name)  # counts as a new upload for liveblog.pictures.unused
        part.unlink()
    except (FileNotFoundError, PermissionError):
        os.replace(part, folder() / name)
    return address


@contextmanager
def locked(upload: str) -> Iterator[BinaryIO]:
    """The file of the upload, for this request alone. Raises Refusal."""
    busy = Refusal("upload_busy", {"Retry-After": "1"})
    try:
        file = part_of(upload).open("r+b")
    except FileNotFoundError:
        raise busy from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        # Another request may have completed it after it was opened here.
        if not part_of(upload).exists():
            raise busy
        yield file


def remove_old() -> None:
    """Remove incomplete uploads, and marks of complete ones, that nobody continued for a day."""
    for pattern in (".*.part", ".*.done"):
        for path in folder().glob(pattern):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > KEPT:
                    path.unlink()


def folder() -> Path:
    path = Path(settings.MEDIA_ROOT) / FOLDER
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS)
    return path


def part_of(upload: str) -> Path:
    return folder() / f".{upload}.part"


def mark_of(upload: str) -> Path:
    return folder() / f".{upload}.done"


def size_of(upload: str) -> int:
    """Raises Refusal."""
    found = ID.match(upload)
    if not found:
        raise Refusal("unknown_upload")
    return int(found[1])
