"""Files whose names carry a hash of their content, so that they may be cached for ever."""

import json
import shutil
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from whitenoise.middleware import WhiteNoiseMiddleware

Headers = MutableMapping[str, str]


class HashedFiles(ManifestStaticFilesStorage):
    """Hashed names once `collectstatic` has run; plain names before, and for files it did not find.

    Modules import each other by hashed names too. Files of earlier releases are kept: pages in
    caches and workers of the old code still refer to them.
    """

    support_js_module_import_aggregation = True

    def stored_name(self, name: str) -> str:
        if self.hash_key(self.clean_name(name)) not in self.hashed_files:
            return name
        return super().stored_name(name)


class Files(WhiteNoiseMiddleware):
    """Static files and, without nginx, uploaded files, which a browser must not execute."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_files(settings.PUBLISHED_STATIC, settings.STATIC_URL)
        self.add_files(settings.MEDIA_ROOT, settings.MEDIA_URL)
        self.add_headers_function = self.sandbox

    def immutable_file_test(self, path: str, url: str) -> bool:
        return url.startswith(settings.MEDIA_URL) or super().immutable_file_test(path, url)

    @staticmethod
    def sandbox(headers: Headers, path: str, url: str) -> None:
        if url.startswith(settings.MEDIA_URL):
            headers["Content-Security-Policy"] = "default-src 'none'; sandbox"


def make_readable_folder(folder: Path) -> None:
    """Make the folder and its parents, readable with any umask: the web server is another user."""
    if not folder.exists():
        make_readable_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def publish(*, plain: bool) -> None:
    """Copy this release's static files to the served folder; a checkout collects into it.

    Files with hashed names are never removed: open pages, caches and other releases refer to them.
    `plain`: also copy names without a hash, which belong to the current release.
    """
    collected, published = Path(settings.STATIC_ROOT), Path(settings.PUBLISHED_STATIC)
    if collected == published:
        return
    manifest = HashedFiles.manifest_name
    hashed = set(json.loads((collected / manifest).read_text())["paths"].values())
    for path in collected.rglob("*"):
        name = path.relative_to(collected).as_posix()
        if path.is_dir() or name == manifest or not (plain or name in hashed):
            continue
        place = published / name
        if name in hashed and place.exists():
            continue
        make_readable_folder(place.parent)
        new = place.with_name(f".{place.name}.new")
        shutil.copyfile(path, new)
        new.chmod(0o644)
        new.replace(place)
