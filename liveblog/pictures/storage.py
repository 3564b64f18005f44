"""Pictures as files in MEDIA_ROOT. Their addresses contain the size."""

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

FOLDER = "images"
SIZED = re.compile(rf"/media/{FOLDER}/[0-9a-f]{{32}}-([1-9]\d{{0,4}})x([1-9]\d{{0,4}})\.webp\Z")


class Size(NamedTuple):
    """In pixels."""

    width: int
    height: int


def size_of(address: str) -> Size | None:
    """The size of an uploaded picture; None for any other address."""
    found = SIZED.search(address)
    return Size(int(found[1]), int(found[2])) if found else None


def store(content: bytes, width: int, height: int) -> str:
    """Store a WebP picture; returns its address. The same content again is the same file.

    The name is a hash of the content and cannot be guessed, so the pictures of a draft cannot be
    found. Raises OSError, and leaves no incomplete file.
    """
    digest = hashlib.sha256(content).hexdigest()[:32]
    name = f"{digest}-{width}x{height}.webp"
    folder = Path(settings.MEDIA_ROOT) / FOLDER
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS)
    try:
        os.utime(folder / name)  # counts as a new upload for liveblog.pictures.unused
    except FileNotFoundError:
        write(folder / name, content)
    except PermissionError:
        pass  # another user's copy of the same file
    return f"{settings.MEDIA_URL}{FOLDER}/{name}"


def write(path: Path, content: bytes) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), settings.FILE_UPLOAD_PERMISSIONS)  # nginx is another user
            file.flush()
            os.fsync(file.fileno())  # a post with its address may be saved right after
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
