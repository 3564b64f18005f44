"""Files whose names carry a hash of their content, so that they may be cached for ever."""

import json
import re
import shutil
from collections.abc import MutableMapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from whitenoise.media_types import MediaTypes
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from liveblog.recordings.storage import FOLDER, MIME_TYPES

Headers = MutableMapping[str, str]

RECORDINGS = f"{settings.MEDIA_URL}{FOLDER}/"
RANGE = 1 << 20  # bytes of an answer to a request for a range; players request the next ones
# Bytes of a file that is answered whole: answers are in Redis for a moment. Pictures are smaller.
WHOLE = 10 << 20


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
        self.media_types = MediaTypes(
            extra_types={f".{extension}": kind for extension, kind in MIME_TYPES.items()}
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(settings.MEDIA_URL) and "/." in request.path_info:
            return self.get_response(request)  # an upload that is not complete
        return super().__call__(request)

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponseBase:
        """Uploaded files in parts where a client requests one: see part_of."""
        if not request.path_info.startswith(settings.MEDIA_URL):
            return WhiteNoiseMiddleware.serve(static_file, request)
        wanted = request.META.pop("HTTP_RANGE", "") if request.method == "GET" else ""
        whole = WhiteNoiseMiddleware.serve(static_file, request)
        if whole.status_code != 200:
            return whole
        whole["Accept-Ranges"] = "bytes"
        condition = request.META.get("HTTP_IF_RANGE")
        if wanted and condition in (None, whole["ETag"], whole["Last-Modified"]):
            return part_of(whole, wanted)
        if request.method == "GET" and int(whole["Content-Length"]) > WHOLE:
            file_of(whole).close()
            sentence = "This file is sent in parts. Request a range, or use nginx in front.\n"
            return HttpResponse(sentence, "text/plain; charset=utf-8", status=400)
        return whole

    def immutable_file_test(self, path: str, url: str) -> bool:
        return url.startswith(settings.MEDIA_URL) or super().immutable_file_test(path, url)

    @staticmethod
    def sandbox(headers: Headers, path: str, url: str) -> None:
        if url.startswith(settings.MEDIA_URL):
            # A browser shows a recording that is opened by itself in a page with a player.
            sources = "; media-src 'self'" if url.startswith(RECORDINGS) else ""
            headers["Content-Security-Policy"] = f"default-src 'none'{sources}; sandbox"


def part_of(whole: HttpResponseBase, wanted: str) -> HttpResponseBase:
    """The answer to a Range header (RFC 9110, 14.2): at most RANGE bytes, as a server may choose.

    Of several ranges, and of what is no range, the file's beginning.
    """
    size = int(whole["Content-Length"])
    start, end = requested(wanted, size)
    file = file_of(whole)
    if start >= size:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    with file:
        file.seek(start)
        content = file.read(min(end + 1 - start, RANGE))
    part = HttpResponse(content, status=206, headers=dict(whole.headers))
    part["Content-Range"] = f"bytes {start}-{start + len(content) - 1}/{size}"
    part["Content-Length"] = str(len(content))
    return part


def file_of(response: HttpResponseBase) -> IO[bytes]:
    """Closing the response itself would end the request."""
    assert isinstance(response, FileResponse) and response.file_to_stream, "the answer to a GET"
    return response.file_to_stream


class Bytes(NamedTuple):
    """Offsets of the first and the last byte."""

    start: int
    end: int


def requested(wanted: str, size: int) -> Bytes:
    found = re.fullmatch(r"\s*bytes\s*=\s*(\d{0,15})-(\d{0,15})\s*", wanted, re.ASCII)
    first, last = found.groups() if found else ("0", "")
    if not (first or last):
        return Bytes(0, size - 1)
    if not first:  # so many bytes from the end; of none there is no range
        return Bytes(size - min(int(last), size), size - 1)
    end = min(int(last), size - 1) if last else size - 1
    return Bytes(int(first), end) if int(first) <= end else Bytes(size, size)


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
