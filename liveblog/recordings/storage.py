"""Video, audio and captions as files in MEDIA_ROOT. A video's address contains its size."""

import re
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from liveblog.pictures.storage import Size

FOLDER = "recordings"
MIME_TYPES = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "m4a": "audio/mp4",
    "weba": "audio/webm",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "vtt": "text/vtt",
}
VIDEO = ("mp4", "webm")
CAPTIONS = "vtt"
ADDRESS = re.compile(
    rf"/media/{FOLDER}/[0-9a-f]{{32}}(?:-([1-9]\d{{0,4}})x([1-9]\d{{0,4}}))?"
    rf"\.({'|'.join(MIME_TYPES)})\Z"
)


class Kept(NamedTuple):
    """A file by its address. `size`: of a video, in pixels."""

    extension: str
    size: Size | None

    @property
    def kind(self) -> str:
        if self.extension == CAPTIONS:
            return "captions"
        return "video" if self.extension in VIDEO else "audio"


def kept_at(address: str) -> Kept | None:
    """What an address of this site names; None for any other address."""
    found = ADDRESS.match(address)
    if not found:
        return None
    size = Size(int(found[1]), int(found[2])) if found[1] else None
    kept = Kept(found[3], size)
    return kept if (kept.kind == "video") == (size is not None) else None


def length_of(address: str) -> int:
    """Bytes of the file at an address of this site; 0 if it is gone."""
    path = Path(settings.MEDIA_ROOT) / address.removeprefix(settings.MEDIA_URL)
    try:
        return path.stat().st_size
    except OSError:
        return 0
