"""Requests of an upload in parts, and the frames of their answers.

1. POST with `size`, in bytes, begins an upload. 201:

       {"type": "upload", "upload": its id, "offset": 0, "size": of the whole}

2. PUT with `?offset=` and the bytes from there on as the body, at most 8 MiB, adds a part. 200 is
   the frame above with the next offset; `wrong_offset` says where to go on.
3. The last part answers 201:

       {"type": "recording", "address": "/media/…", "url": "https://…/media/…",
        "kind": "video", "audio" or "captions", "width", "height": of a video, in pixels}

GET answers either frame, so that a client can continue after a lost connection. Refusals are
`error` frames of liveblog/api/errors.py.
"""

import logging
from typing import Any, NamedTuple

from django.http import HttpRequest

from liveblog.api.errors import Refusal
from liveblog.recordings import incoming
from liveblog.recordings.incoming import Progress
from liveblog.recordings.storage import kept_at

logger = logging.getLogger(__name__)

MOST_DIGITS = 12


class Answer(NamedTuple):
    frame: dict[str, Any]
    status: int


def begin_upload(request: HttpRequest) -> Answer:
    """Raises Refusal."""
    size = whole_number(request.POST.get("size", ""))
    try:
        upload = incoming.begin(size)
    except OSError:
        raise not_stored() from None
    return answer(request, upload, Progress(0, ""), 201)


def show_upload(request: HttpRequest, upload: str) -> Answer:
    """Raises Refusal."""
    return answer(request, upload, incoming.progress(upload), 200)


def add_part(request: HttpRequest, upload: str) -> Answer:
    """Raises Refusal."""
    offset = whole_number(request.GET.get("offset", ""))
    try:
        progress = incoming.add(upload, offset, request.body)
    except OSError:
        raise not_stored() from None
    return answer(request, upload, progress, 201 if progress.address else 200)


def answer(request: HttpRequest, upload: str, progress: Progress, status: int) -> Answer:
    size = incoming.size_of(upload)
    if not progress.address:
        frame = {"type": "upload", "upload": upload, "offset": progress.offset, "size": size}
        return Answer(frame, status)
    kept = kept_at(progress.address)
    assert kept is not None, "a complete upload has an address of its kind"
    return Answer(
        {
            "type": "recording",
            "address": progress.address,
            "url": request.build_absolute_uri(progress.address),
            "kind": kept.kind,
            "width": kept.size and kept.size.width,
            "height": kept.size and kept.size.height,
        },
        status,
    )


def whole_number(text: str) -> int:
    """Raises Refusal."""
    if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS:
        return int(text)
    raise Refusal("bad_number")


def not_stored() -> Refusal:
    logger.exception("A part of a video or audio file could not be stored")
    return Refusal("not_stored", {"Retry-After": "10"})
