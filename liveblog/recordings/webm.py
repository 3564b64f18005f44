"""WebM (EBML, RFC 8794, and Matroska, RFC 9559): elements with an id and a length.

Tags, attachments, chapters and the title become Void elements of the same length.
"""

import mmap
from collections.abc import Iterator
from typing import NamedTuple

from liveblog.api.errors import Refusal
from liveblog.pictures.storage import Size
from liveblog.recordings.content import Found, Steps, erase, video_size

EBML, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
DOC_TYPE = 0x4282
VOID, VOID_BYTE = 0xEC, b"\xec"
INFO, TRACKS, TRACK = 0x1549A966, 0x1654AE6B, 0xAE
TAGS, ATTACHMENTS, CHAPTERS = 0x1254C367, 0x1941A469, 0x1043A770
TITLE, DATE, FILE_NAME, TRACK_NAME = 0x7BA9, 0x4461, 0x7384, 0x536E
TRACK_TYPE, CODEC, VIDEO = 0x83, 0x86, 0xE0
WIDTH, HEIGHT, DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2
PICTURE, SOUND = 1, 2  # types of tracks
CODECS = {
    PICTURE: {b"V_VP8", b"V_VP9", b"V_AV1"},
    SOUND: {b"A_OPUS", b"A_VORBIS"},
}


class Element(NamedTuple):
    """`end`: None if the length is not known, as in what a browser records."""

    kind: int
    start: int
    body: int
    end: int | None


class WebM:
    """A file that is open for reading and writing. Its methods raise Refusal."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.steps = Steps()

    def clean(self) -> Found:
        header = self.element(0, len(self.data))
        if header.kind != EBML or header.end is None or self.doc_type(header) != b"webm":
            raise Refusal("not_a_recording")
        segment = self.element(header.end, len(self.data))
        if segment.kind != SEGMENT:
            raise Refusal("damaged_recording")
        end = len(self.data) if segment.end is None else segment.end
        erase(self.data, end, len(self.data))
        tracks = None
        for element in self.elements(segment.body, end):
            if element.kind in (TAGS, ATTACHMENTS, CHAPTERS, VOID):
                self.void(element)
            elif element.kind == INFO:
                self.void_children(element, {TITLE, DATE, FILE_NAME})
            elif element.kind == TRACKS and tracks is None:
                tracks = element
        if tracks is None:
            raise Refusal("damaged_recording")
        return self.found(tracks)

    def elements(self, start: int, end: int) -> Iterator[Element]:
        """Of clusters whose length is not known also the children."""
        while start < end:
            element = self.element(start, end)
            yield element
            if element.end is None and element.kind != CLUSTER:
                raise Refusal("damaged_recording")
            start = element.body if element.end is None else element.end

    def element(self, at: int, end: int) -> Element:
        self.steps.take()
        kind, body = self.number(at, end, 4)
        length, body = self.number(body, end, 8)
        digits = body - at - kind.bit_length() // 8 - (kind.bit_length() % 8 > 0)
        mark = 1 << 7 * digits
        if length ^ mark == mark - 1:  # all bits of the length are set
            return Element(kind, at, body, None)
        if body + (length ^ mark) > end:
            raise Refusal("damaged_recording")
        return Element(kind, at, body, body + (length ^ mark))

    def number(self, at: int, end: int, longest: int) -> tuple[int, int]:
        """A variable-size integer with the bit that marks its length, and where it ends."""
        if at >= end:
            raise Refusal("damaged_recording")
        length = 9 - self.data[at].bit_length()
        if length > longest or at + length > end:
            raise Refusal("damaged_recording")
        return int.from_bytes(self.data[at : at + length], "big"), at + length

    def children(self, element: Element) -> Iterator[Element]:
        if element.end is None:
            raise Refusal("damaged_recording")
        yield from self.elements(element.body, element.end)

    def content(self, element: Element) -> bytes:
        if element.end is None:
            raise Refusal("damaged_recording")
        return bytes(self.data[element.body : element.end])

    def doc_type(self, header: Element) -> bytes:
        found = [self.content(e) for e in self.children(header) if e.kind == DOC_TYPE]
        return found[0].rstrip(b"\0") if found else b""

    def void(self, element: Element) -> None:
        """An element of the same length without content: its length has 1 or 8 bytes."""
        start, end = element.start, element.end
        if end is None:
            raise Refusal("damaged_recording")
        width = 1 if end - start <= 128 else 8
        length = end - start - 1 - width
        self.data[start : start + 1] = VOID_BYTE
        written = (length | 1 << 7 * width).to_bytes(width, "big")
        self.data[start + 1 : start + 1 + width] = written
        erase(self.data, start + 1 + width, end)

    def void_children(self, element: Element, kinds: set[int]) -> None:
        for child in list(self.children(element)):
            if child.kind in kinds | {VOID}:
                self.void(child)

    def found(self, tracks: Element) -> Found:
        sizes: list[Size] = []
        kinds = set()
        for track in self.children(tracks):
            if track.kind != TRACK:
                continue
            self.void_children(track, {TRACK_NAME})
            fields = {child.kind: child for child in self.children(track)}
            kind = self.integer(fields, TRACK_TYPE)
            if kind not in CODECS:
                raise Refusal("other_tracks")
            if CODEC not in fields or self.content(fields[CODEC]) not in CODECS[kind]:
                raise Refusal("unknown_codec")
            kinds.add(kind)
            if kind == PICTURE and VIDEO not in fields:
                raise Refusal("damaged_recording")
            if kind == PICTURE:
                sizes.append(self.size({c.kind: c for c in self.children(fields[VIDEO])}))
        if not kinds:
            raise Refusal("damaged_recording")
        return Found("webm", sizes[0]) if sizes else Found("weba")

    def size(self, fields: dict[int, Element]) -> Size:
        width, height = self.integer(fields, WIDTH), self.integer(fields, HEIGHT)
        if self.integer(fields, DISPLAY_UNIT) == 0:  # in pixels
            width = self.integer(fields, DISPLAY_WIDTH) or width
            height = self.integer(fields, DISPLAY_HEIGHT) or height
        return video_size(width, height)

    def integer(self, fields: dict[int, Element], kind: int) -> int:
        """An unsigned integer, 0 where it is missing."""
        return int.from_bytes(self.content(fields[kind])[:8], "big") if kind in fields else 0
