"""Finds uploaded files in MEDIA_ROOT that no stored text refers to, such as of discarded texts.

They are pictures, videos, audio files and captions. A text refers to a file if it contains the 32
hexadecimal digits of its name, however the rest of the address is written. All text columns of all
models are searched: that is more than needed, but no column that is added later is missed.
"""

import html
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from django.apps import apps
from django.conf import settings
from django.db import models

from liveblog.pictures import storage as pictures
from liveblog.pictures.storage import size_of
from liveblog.recordings import storage as recordings
from liveblog.recordings.storage import kept_at

# Overlapping, so that an extra digit in front of a name does not hide it.
DIGEST = re.compile(r"(?=([0-9a-f]{32}))")
DIGITS = 32
ROWS = 500  # of a table at a time: texts have up to 20,000 characters


def unused(age: float) -> list[Path]:
    """The files, sorted, that are at least `age` seconds old and that no text refers to.

    Files whose names this site would not make are never among them.
    """
    found = {path.name[:DIGITS]: path for path in uploaded() if is_unchanged_for(path, age)}
    for text in texts() if found else ():
        for digest in DIGEST.findall(unquote(html.unescape(text))):
            found.pop(digest, None)
    return sorted(found.values())


def remove(path: Path, age: float) -> int:
    """Remove the file; returns its size in bytes, 0 if it is gone or was uploaded again.

    Raises OSError.
    """
    with suppress(FileNotFoundError):
        size = path.stat().st_size
        if is_unchanged_for(path, age):
            path.unlink()
            return size
    return 0


def uploaded() -> Iterator[Path]:
    for name, is_ours in ((pictures.FOLDER, size_of), (recordings.FOLDER, kept_at)):
        folder = Path(settings.MEDIA_ROOT) / name
        for path in folder.iterdir() if folder.is_dir() else ():
            ours = is_ours(f"{settings.MEDIA_URL}{name}/{path.name}")
            if ours and path.is_file() and not path.is_symlink():
                yield path


def is_unchanged_for(path: Path, age: float) -> bool:
    # st_ctime cannot be set: a copy, or a file restored from a backup, is new by it, whatever its
    # st_mtime.
    try:
        return time.time() - path.stat().st_ctime >= age
    except FileNotFoundError:
        return False


def texts() -> Iterator[str]:
    for model in apps.get_models():
        if not model._meta.managed or model._meta.proxy:
            continue
        names = [
            field.attname
            for field in model._meta.local_concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField)
        ]
        for row in model._base_manager.values_list(*names).iterator(ROWS) if names else ():
            yield from map(str, row)
