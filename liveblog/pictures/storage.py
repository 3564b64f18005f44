"""Pictures as files: their addresses, which tell the size, and how they get into MEDIA_ROOT."""

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from django.conf import settings

FOLDER = "images"
SIZED = re.compile(rf"/media/{FOLDER}/[0-9a-f]{{32}}-([1-9]\d{{0,4}})x([1-9]\d{{0,4}})\.webp\Z")


def size_of(address: str) -> tuple[int | None, int | None]:
    """(width, height) in pixels of a picture that was uploaded; of any other (None, None)."""
    found = SIZED.search(address)
    return (int(found[1]), int(found[2])) if found else (None, None)


def store(content: bytes, width: int, height: int) -> str:
    """Keep a WebP picture; returns its address. The same content again is the same file.

    The name is made of the content and cannot be guessed: who has not seen a draft does not find
    its pictures. Raises OSError, and leaves nothing half written.
    """
    digest = hashlib.sha256(content).hexdigest()[:32]
    name = f"{digest}-{width}x{height}.webp"
    folder = Path(settings.MEDIA_ROOT) / FOLDER
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS)
    try:
        os.utime(folder / name)  # as new as any upload to liveblog.pictures.unused
    except FileNotFoundError:
        write(folder / name, content)
    except PermissionError:
        pass  # copied here by another user: there it is all the same
    return f"{settings.MEDIA_URL}{FOLDER}/{name}"


def write(path: Path, content: bytes) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), settings.FILE_UPLOAD_PERMISSIONS)  # nginx is another user
            file.flush()
            os.fsync(file.fileno())  # a post that names it may be saved in the next moment
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
