"""The HTML of a video or audio file, from the Markdown of a picture.

    ![description](/media/recordings/….mp4#poster=/media/images/….webp&captions=/media/recordings/….vtt
        "Caption | Credit")

This is a picture's syntax, so that texts, fields and the API need no other. The part behind `#` is
optional. A video has its width and height, so nothing moves when it loads; without a poster the
browser loads enough to show the first frame. Attributes are written as browsers write them, so that
a page sees that nothing changed and lets the player go on.
"""

from html import escape, unescape
from typing import NamedTuple
from urllib.parse import parse_qsl

from liveblog.pictures.storage import size_of
from liveblog.recordings.storage import MIME_TYPES, Kept, kept_at

TALL = 1.4  # height by width, as in liveblog.text.markup


class Recording(NamedTuple):
    """What an address names. `poster` and `captions`: addresses, or ""."""

    address: str
    kept: Kept
    poster: str
    captions: str

    @property
    def mime_type(self) -> str:
        return MIME_TYPES[self.kept.extension]


def recording_of(address: str) -> Recording | None:
    """The video or audio file that an `src` in HTML names; None for any other."""
    path, _, fragment = unescape(address).partition("#")
    kept = kept_at(path)
    if kept is None or kept.kind == "captions":
        return None
    options = dict(parse_qsl(fragment))
    poster, captions = options.get("poster", ""), kept_at(options.get("captions", ""))
    is_captions = captions is not None and captions.kind == "captions"
    return Recording(
        path,
        kept,
        poster if size_of(poster) else "",
        options["captions"] if is_captions else "",
    )


def player(recording: Recording, name: str) -> str:
    """`name`: the description, escaped for HTML."""
    label = f' aria-label="{name}"' if name else ""
    address = escape(recording.address)
    if recording.kept.size is None:
        return f'<audio controls="" preload="none" src="{address}"{label}></audio>'
    width, height = recording.kept.size
    poster = f' poster="{escape(recording.poster)}"' if recording.poster else ""
    preload = "none" if poster else "metadata"
    tall = ' class="tall"' if height > TALL * width else ""
    track = (
        f'<track kind="captions" label="CC" src="{escape(recording.captions)}">'
        if recording.captions
        else ""
    )
    return (
        f'<video controls="" playsinline="" preload="{preload}" width="{width}" height="{height}"'
        f'{tall}{poster} src="{address}"{label}>{track}</video>'
    )
