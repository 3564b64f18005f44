"""MP4 and QuickTime (ISO/IEC 14496-12): a file is a sequence of boxes, each with length and name.

Only boxes that players need are kept, which leaves out `udta` (where phones write the place as
`©xyz`), `meta` (`com.apple.quicktime.location.ISO6709`) and `uuid` (XMP): they become `free` boxes
of the same length. Tracks that no browser plays, such as a camera's positions of every second or a
photograph as a cover, lose their samples as well. Times of creation become 0.
"""

import mmap
import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from liveblog.api.errors import Refusal
from liveblog.pictures.storage import Size
from liveblog.recordings.content import MAX_ELEMENTS, Found, Steps, erase, video_size

CODECS = {
    b"vide": {b"avc1", b"avc3", b"av01", b"vp08", b"vp09"},
    b"soun": {b"mp4a", b"Opus", b".mp3", b"fLaC"},
}
EMPTY = {b"free", b"skip", b"wide"}
# By the box around them, b"" being the file.
NEEDED = {
    b"": {b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"ssix", b"styp"},
    b"moov": {b"mvhd", b"trak", b"mvex", b"iods"},
    b"trak": {b"tkhd", b"edts", b"mdia", b"tref", b"tapt"},
    b"mdia": {b"mdhd", b"hdlr", b"minf", b"elng"},
    b"minf": {b"vmhd", b"smhd", b"gmhd", b"nmhd", b"hdlr", b"dinf", b"stbl"},
    b"moof": {b"mfhd", b"traf"},
}


class Box(NamedTuple):
    """`start`: of its header; `body`: behind it; all three in bytes from the file's start."""

    kind: bytes
    start: int
    body: int
    end: int


class Track(NamedTuple):
    kind: bytes  # of its handler: b"vide", b"soun" and others
    codecs: set[bytes]
    size: Size | None

    @property
    def is_played(self) -> bool:
        """Whether browsers know all that it contains."""
        return bool(self.codecs) and self.codecs <= CODECS.get(self.kind, set())


class Movie:
    """A file that is open for reading and writing. Its methods raise Refusal."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.steps = Steps()

    def clean(self) -> Found:
        top = self.keep_needed(b"", 0, len(self.data))
        movies = [box for box in top if box.kind == b"moov"]
        if len(movies) != 1:
            raise Refusal("damaged_recording")
        fragments = [box for box in top if box.kind == b"moof"]
        for fragment in fragments:
            self.keep_needed(b"moof", fragment.body, fragment.end)
        tracks: dict[Box, Track] = {}
        for box in self.keep_needed(b"moov", movies[0].body, movies[0].end):
            if box.kind == b"mvhd":
                self.erase_times(box)
            if box.kind == b"trak":
                tracks[box] = self.track(box)
        result = found(list(tracks.values()))
        for box, track in tracks.items():
            if not track.is_played:
                if fragments:
                    raise Refusal("other_tracks")
                self.erase_samples(box, [b for b in top if b.kind == b"mdat"])
                self.free(box)
        return result

    def boxes(self, start: int, end: int) -> Iterator[Box]:
        while end - start >= 8:
            self.steps.take()
            length, kind = struct.unpack_from(">I4s", self.data, start)
            body = start + 8
            if length == 1 and end - body >= 8:  # the length follows in 64 bits
                (length,) = struct.unpack_from(">Q", self.data, body)
                body += 8
            elif length == 0:  # the last box, which has the rest
                length = end - start
            if not body <= start + length <= end:
                raise Refusal("damaged_recording")
            yield Box(kind, start, body, start + length)
            start += length
        erase(self.data, start, end)

    def keep_needed(self, parent: bytes, start: int, end: int) -> list[Box]:
        """The boxes that players need; the others are emptied."""
        kept = []
        for box in self.boxes(start, end):
            if box.kind in NEEDED[parent]:
                kept.append(box)
            else:
                self.free(box)
        return kept

    def free(self, box: Box) -> None:
        if box.kind not in EMPTY:
            self.data[box.start + 4 : box.start + 8] = b"free"
        erase(self.data, box.body, box.end)

    def unpack(self, form: str, box: Box, offset: int) -> tuple[int, ...]:
        """Numbers at `offset` in the box's body."""
        if box.body + offset + struct.calcsize(form) > box.end:
            raise Refusal("damaged_recording")
        return struct.unpack_from(form, self.data, box.body + offset)

    def erase_times(self, box: Box) -> None:
        """When a header's subject was created and changed: 32 bits each, in version 1 64 bits."""
        (version,) = self.unpack(">B", box, 0)
        length = 16 if version == 1 else 8
        self.unpack(f">{length}x", box, 4)
        erase(self.data, box.body + 4, box.body + 4 + length)

    def track(self, trak: Box) -> Track:
        parts = {box.kind: box for box in self.keep_needed(b"trak", trak.body, trak.end)}
        if not {b"tkhd", b"mdia"} <= parts.keys():
            raise Refusal("damaged_recording")
        media = self.children(b"mdia", parts[b"mdia"])
        if not {b"mdhd", b"hdlr"} <= media.keys():
            raise Refusal("damaged_recording")
        self.erase_times(parts[b"tkhd"])
        self.erase_times(media[b"mdhd"])
        self.unpack(">12x", media[b"hdlr"], 0)
        handler = media[b"hdlr"].body + 8
        kind = bytes(self.data[handler : handler + 4])
        if kind not in CODECS:
            return Track(kind, set(), None)
        entries = self.entries(self.sample_table(media))
        track = Track(kind, {entry.kind for entry in entries}, None)
        if kind == b"vide" and track.is_played:
            return track._replace(size=self.displayed(parts[b"tkhd"], entries))
        return track

    def children(self, parent: bytes, box: Box) -> dict[bytes, Box]:
        return {found.kind: found for found in self.keep_needed(parent, box.body, box.end)}

    def sample_table(self, media: dict[bytes, Box]) -> dict[bytes, Box]:
        if b"minf" not in media:
            raise Refusal("damaged_recording")
        information = self.children(b"minf", media[b"minf"])
        if b"stbl" not in information:
            raise Refusal("damaged_recording")
        table = information[b"stbl"]
        return {box.kind: box for box in self.boxes(table.body, table.end)}

    def entries(self, table: dict[bytes, Box]) -> list[Box]:
        """The sample descriptions: each is named after its codec."""
        if b"stsd" not in table:
            raise Refusal("damaged_recording")
        return list(self.boxes(table[b"stsd"].body + 8, table[b"stsd"].end))

    def displayed(self, header: Box, entries: list[Box]) -> Size:
        """The size in pixels as it is shown: a phone held upright turns the picture."""
        (version,) = self.unpack(">B", header, 0)
        after_times = 36 if version == 1 else 24
        matrix = self.unpack(">9i", header, after_times + 16)
        width, height = (n >> 16 for n in self.unpack(">2I", header, after_times + 52))
        if not (width and height) and entries:
            width, height = self.unpack(">2H", entries[0], 24)
        if matrix[0] == matrix[4] == 0:
            width, height = height, width
        return video_size(width, height)

    def erase_samples(self, trak: Box, contents: list[Box]) -> None:
        """Overwrite what a track has in `contents`, the file's mdat boxes."""
        parts = {box.kind: box for box in self.boxes(trak.body, trak.end)}
        media = {b.kind: b for b in self.boxes(parts[b"mdia"].body, parts[b"mdia"].end)}
        for start, end in self.chunks(self.sample_table(media)):
            if not any(box.body <= start and end <= box.end for box in contents):
                raise Refusal("damaged_recording")
            erase(self.data, start, end)

    def chunks(self, table: dict[bytes, Box]) -> Iterator[tuple[int, int]]:
        """Start and end of each chunk, in bytes of the file (8.7.2 to 8.7.5)."""
        if not {b"stsc", b"stsz"} <= table.keys():
            raise Refusal("other_tracks")
        wide = b"co64" in table
        offsets = self.table(">Q" if wide else ">I", table.get(b"co64") or table.get(b"stco"), 4)
        uniform, count = self.unpack(">2I", table[b"stsz"], 4)
        sizes = () if uniform else self.table(">I", table[b"stsz"], 8)
        runs = self.table(">3I", table[b"stsc"], 4)
        sample = chunk = 0
        for (first, each, _), (following, *_) in pairwise([*runs, (len(offsets) + 1,)]):
            if first != chunk + 1:
                raise Refusal("damaged_recording")
            for chunk in range(first, min(following, len(offsets) + 1)):
                (start,) = offsets[chunk - 1]
                last = min(sample + each, count)
                size = sum(s for (s,) in sizes[sample:last]) if sizes else uniform * (last - sample)
                sample = last
                self.steps.take()
                yield start, start + size

    def table(self, form: str, box: Box | None, offset: int) -> list[tuple[int, ...]]:
        """The rows behind their number, which is at `offset`."""
        if box is None:
            raise Refusal("other_tracks")
        (count,) = self.unpack(">I", box, offset)
        length = count * struct.calcsize(form)
        start = box.body + offset + 4
        if start + length > box.end or count > MAX_ELEMENTS:
            raise Refusal("damaged_recording")
        return list(struct.iter_unpack(form, self.data[start : start + length]))


def found(tracks: list[Track]) -> Found:
    played = [track for track in tracks if track.is_played]
    kinds = {track.kind for track in played}
    if any(track.kind in CODECS and track.kind not in kinds for track in tracks):
        raise Refusal("unknown_codec")
    if not played:
        raise Refusal("damaged_recording")
    videos = [track for track in played if track.kind == b"vide"]
    return Found("mp4", videos[0].size) if videos else Found("m4a")
