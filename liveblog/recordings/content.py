"""What an uploaded file is, by its content, and the removal of its metadata.

The place where something was recorded, titles, covers and times are overwritten where they stand:
nothing moves, so no table of offsets has to be changed and nothing is encoded again. An audio or
video frame itself is never read.
"""

import mmap
from typing import NamedTuple

from liveblog.api.errors import Refusal
from liveblog.pictures.storage import Size

STEP = 1 << 20  # bytes that are overwritten at a time
MAX_ELEMENTS = 500_000  # boxes, elements or pages that are looked at: some seconds
LONGEST_SIDE = 16_384  # px; what codecs allow at most


class Found(NamedTuple):
    """`extension`: one of liveblog.recordings.storage; `size`: of a video."""

    extension: str
    size: Size | None = None


class Steps:
    """Counts what is looked at, so that no file keeps a worker for long."""

    def __init__(self) -> None:
        self.left = MAX_ELEMENTS

    def take(self) -> None:
        """Raises Refusal."""
        self.left -= 1
        if self.left < 0:
            raise Refusal("damaged_recording")


def erase(data: mmap.mmap, start: int, end: int) -> None:
    """Overwrite the bytes with zeros."""
    for at in range(start, end, STEP):
        until = min(at + STEP, end)
        data[at:until] = bytes(until - at)


def video_size(width: int, height: int) -> Size:
    """Raises Refusal."""
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        raise Refusal("damaged_recording")
    return Size(width, height)
