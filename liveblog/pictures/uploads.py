"""The upload of a picture: the request, and the frame of the response.

The request is a form (multipart/form-data) with one file, `image`. The answer to it is

    {"type": "image", "address": "/media/…", "url": "https://…/media/…", "width", "height",
     "moved": whether it was an animation, of which the first frame is kept}

or an `error` frame of liveblog/api/errors.py.
"""

import logging

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError

from liveblog.api.errors import Refusal
from liveblog.pictures import images

logger = logging.getLogger(__name__)


def store_upload(request: HttpRequest) -> dict[str, str | int | bool]:
    """Store the picture of the request. Raises Refusal."""
    try:
        file = request.FILES["image"]
        assert isinstance(file, UploadedFile)
    except (KeyError, MultiPartParserError, SuspiciousOperation):
        raise Refusal("no_picture") from None
    try:
        picture = images.store_picture(file)
    except OSError:
        logger.exception("A picture could not be stored")
        raise Refusal("not_stored", {"Retry-After": "10"}) from None
    url = request.build_absolute_uri(picture.address)
    return {"type": "image", "url": url, **picture._asdict()}
