"""MP3, Ogg and WAV: what they are, and removal of their tags."""

import mmap
import struct

from liveblog.api.errors import Refusal
from liveblog.recordings.content import Found, Steps, erase

# WAV (RIFF)

WAV_NEEDED = {b"fmt ", b"fact", b"data"}
WAV_FORMATS = {1, 3, 0xFFFE}  # PCM, floating point, and either with more channels


def clean_wav(data: mmap.mmap) -> Found:
    """All chunks but sound and format become JUNK. Raises Refusal."""
    steps = Steps()
    at, kinds = 12, set()
    while len(data) - at >= 8:
        steps.take()
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if kind == b"data":
            end = min(end, len(data))  # a recorder that was stopped leaves a wrong length
        if end > len(data):
            raise Refusal("damaged_recording")
        kinds.add(kind)
        if kind == b"fmt ":
            if length < 16 or struct.unpack_from("<H", data, at + 8)[0] not in WAV_FORMATS:
                raise Refusal("unknown_codec")
        elif kind not in WAV_NEEDED:
            data[at : at + 4] = b"JUNK"
            erase(data, at + 8, end)
        at = end + length % 2
    erase(data, min(at, len(data)), len(data))
    if not {b"fmt ", b"data"} <= kinds:
        raise Refusal("damaged_recording")
    return Found("wav")


# Ogg (RFC 3533): pages of up to 255 segments. The second packet has the comments.

COMMENTS = {b"OpusHead": b"OpusTags", b"\x01vorbis": b"\x03vorbis"}
LONGEST_COMMENTS = 16 << 20  # bytes; covers are in them
CRC_OF_BYTE = []
for _byte in range(256):
    _sum = _byte << 24
    for _ in range(8):
        _sum = _sum << 1 ^ (0x04C11DB7 if _sum & 0x80000000 else 0)
    CRC_OF_BYTE.append(_sum & 0xFFFFFFFF)


def clean_ogg(data: mmap.mmap) -> Found:
    """Raises Refusal."""
    start, segments = page(data, 0)
    begin = next((b for b in COMMENTS if data[start : start + len(b)] == b), None)
    if begin is None:
        raise Refusal("unknown_codec")
    mark = COMMENTS[begin]
    pages, parts, length = [], [], 0
    at = start + sum(segments)
    while True:
        start, segments = page(data, at)
        pages.append(at)
        whole = next((n for n, size in enumerate(segments) if size < 255), None)
        size = sum(segments[: None if whole is None else whole + 1])
        parts.append((start, start + size))
        length += size
        if length > LONGEST_COMMENTS:
            raise Refusal("damaged_recording")
        if whole is not None:
            break
        at = start + size
    if data[parts[0][0] : parts[0][0] + len(mark)] != mark:
        raise Refusal("damaged_recording")
    # No vendor and no comments; Vorbis ends them with a bit that is set.
    empty = mark + bytes(8) + (b"\x01" if mark[0] == 3 else b"")
    if parts[0][1] - parts[0][0] < len(empty):
        raise Refusal("damaged_recording")
    for start, end in parts:
        erase(data, start, end)
    data[parts[0][0] : parts[0][0] + len(empty)] = empty
    for at in pages:
        write_checksum(data, at)
    check_rest(data, parts[-1][1])
    return Found("ogg")


def check_rest(data: mmap.mmap, at: int) -> None:
    """Refuse a further stream, which would have comments; erase what is no page.

    `at`: where comments end, which may be within a page.
    """
    steps = Steps()
    at = data.find(b"OggS\0", at)
    while 0 <= at < len(data):
        steps.take()
        try:
            start, segments = page(data, at)
        except Refusal:
            erase(data, at, len(data))  # a recorder was stopped within it
            return
        if data[at + 5] & 2:  # the first page of a stream
            raise Refusal("other_tracks")
        at = start + sum(segments)


def page(data: mmap.mmap, at: int) -> tuple[int, bytes]:
    """Where the content of the page begins, and the lengths of its segments. Raises Refusal."""
    if data[at : at + 5] != b"OggS\0" or at + 27 > len(data):
        raise Refusal("damaged_recording")
    start = at + 27 + data[at + 26]
    segments = bytes(data[at + 27 : start])
    if start + sum(segments) > len(data):
        raise Refusal("damaged_recording")
    return start, segments


def write_checksum(data: mmap.mmap, at: int) -> None:
    start, segments = page(data, at)
    data[at + 22 : at + 26] = bytes(4)
    checksum = 0
    for byte in data[at : start + sum(segments)]:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ CRC_OF_BYTE[checksum >> 24 ^ byte]
    data[at + 22 : at + 26] = struct.pack("<I", checksum)


# MP3: frames of a tenth of a second or less; tags before (ID3v2) and behind them (APE, ID3v1)

# kbit/s of MPEG-1 and of MPEG-2 and 2.5, layer III
BITRATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
RATES = (44_100, 48_000, 32_000)  # Hz of MPEG-1; MPEG-2 has a half, MPEG-2.5 a quarter
PADDING = 4096  # bytes between the tag and the first frame that are searched for it
FRAMES = 3  # that must follow each other


def clean_mp3(data: mmap.mmap) -> Found:
    """Raises Refusal."""
    at = 0
    while data[at : at + 3] == b"ID3" and at + 10 <= len(data):
        length = 0
        for byte in data[at + 6 : at + 10]:
            length = length << 7 | byte & 0x7F
        end = at + 10 + length + (10 if data[at + 5] & 0x10 else 0)
        if end > len(data):
            raise Refusal("damaged_recording")
        data[at + 5 : at + 6] = b"\0"  # no flags
        erase(data, at + 10, end)
        at = end
    limit = PADDING if at else 1
    first = next((n for n in range(at, at + limit) if are_frames(data, n)), None)
    if first is None:
        raise Refusal("not_a_recording" if at == 0 else "damaged_recording")
    erase(data, at, first)
    erase_behind(data, first)
    return Found("mp3")


def are_frames(data: mmap.mmap, at: int) -> bool:
    for _ in range(FRAMES):
        length = frame_length(data, at)
        if not length:
            return False
        at += length
    return at <= len(data)


def frame_length(data: mmap.mmap, at: int) -> int:
    """In bytes; 0 where no frame begins."""
    if at + 4 > len(data):
        return 0
    (header,) = struct.unpack_from(">I", data, at)
    version, layer = header >> 19 & 3, header >> 17 & 3
    bitrate, rate = header >> 12 & 15, header >> 10 & 3
    if header >> 21 != 0x7FF or version == 1 or layer != 1 or bitrate in (0, 15) or rate == 3:
        return 0
    newer = version == 3  # MPEG-1
    hertz = RATES[rate] // (1 if newer else 2 if version == 2 else 4)
    kilobits = BITRATES[0 if newer else 1][bitrate]
    return (144 if newer else 72) * kilobits * 1000 // hertz + (header >> 9 & 1)


def erase_behind(data: mmap.mmap, first: int) -> None:
    starts = [data.find(b"LYRICSBEGIN", first)]
    if data[-128:-125] == b"TAG":
        is_extended = data[-355:-351] == b"TAG+"
        starts.append(len(data) - (355 if is_extended else 128))
    ape = data.find(b"APETAGEX", first)
    if first <= ape <= len(data) - 32:
        length, _, flags = struct.unpack_from("<3I", data, ape + 12)
        is_header = flags & 1 << 29
        starts.append(ape if is_header else ape + 32 - length)
    found = [start for start in starts if start > first]
    if found:
        erase(data, min(found), len(data))
