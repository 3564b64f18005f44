"""Video and audio files as editors upload them, made for the tests from their formats' rules."""

import struct

PLACE = b"+40.6892-074.0445/"  # ISO 6709; what must not get out
TIME = struct.pack(">I", 3_800_000_000)  # seconds since 1904
SAMPLE = b"\x65picture and sound"
TURNED = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)  # by 90 degrees
STRAIGHT = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


# MP4


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, *content: bytes) -> bytes:
    """A box with version and flags."""
    return box(kind, bytes(4), *content)


def track(handler: bytes, codec: bytes, at: int, length: int, size=(0, 0), matrix=STRAIGHT):
    """A track of one sample, which is `length` bytes long and `at` so many bytes in the file."""
    dimensions = struct.pack(">2I", size[0] << 16, size[1] << 16)
    header = full(
        b"tkhd", TIME * 2, struct.pack(">3I", 1, 0, 1), bytes(16), struct.pack(">9i", *matrix)
    )
    header = box(b"tkhd", header[8:], dimensions)
    table = box(
        b"stbl",
        full(b"stsd", struct.pack(">I", 1), box(codec, bytes(24), struct.pack(">2H", *size))),
        full(b"stsc", struct.pack(">4I", 1, 1, 1, 1)),
        full(b"stsz", struct.pack(">3I", 0, 1, length)),
        full(b"stco", struct.pack(">2I", 1, at)),
    )
    return box(
        b"trak",
        header,
        box(b"udta", box(b"name", PLACE)),
        box(
            b"mdia",
            full(b"mdhd", TIME * 2, struct.pack(">2I", 1000, 1000), bytes(4)),
            full(b"hdlr", bytes(4), handler, bytes(13)),
            box(b"minf", table),
        ),
    )


def told_on_mp4(video=b"avc1", matrix=STRAIGHT, brand=b"isom", others=(b"meta",)) -> bytes:
    """A phone's video that says where and when it was made, in all the usual places."""
    first = box(b"ftyp", brand, bytes(4), brand)
    sound = SAMPLE[::-1]
    content = box(b"mdat", SAMPLE, sound, PLACE)
    at = len(first) + 8
    tracks = [track(b"vide", video, at, len(SAMPLE), (640, 360), matrix)] if video else []
    tracks.append(track(b"soun", b"mp4a", at + len(SAMPLE), len(sound)))
    tracks += [track(o, b"mebx", at + 2 * len(SAMPLE), len(PLACE)) for o in others]
    movie = box(
        b"moov",
        full(b"mvhd", TIME * 2, struct.pack(">2I", 1000, 1000), bytes(80)),
        *tracks,
        box(b"udta", box(b"\xa9xyz", struct.pack(">2H", len(PLACE), 0x15C7), PLACE)),
        box(b"meta", b"com.apple.quicktime.location.ISO6709", PLACE),
    )
    return first + content + movie + box(b"uuid", bytes(16), b"<x:xmpmeta>", PLACE)


# WebM


def element(kind: int, content: bytes = b"", unknown: bool = False) -> bytes:
    head = kind.to_bytes((kind.bit_length() + 7) // 8, "big")
    if unknown:
        return head + b"\x01" + b"\xff" * 7 + content
    return head + (len(content) | 1 << 56).to_bytes(8, "big") + content


def number(kind: int, value: int) -> bytes:
    return element(kind, value.to_bytes(2, "big"))


def told_on_webm(video: bytes = b"V_VP9", unknown: bool = True) -> bytes:
    """As a browser records it (without lengths), with tags as programs add them."""
    picture = element(0xE0, number(0xB0, 640) + number(0xBA, 360))
    tracks = element(0xAE, number(0x83, 1) + element(0x86, video) + picture) if video else b""
    tracks += element(0xAE, number(0x83, 2) + element(0x86, b"A_OPUS"))
    tag = element(0x7373, element(0x67C8, element(0x45A3, b"LOCATION") + element(0x4487, PLACE)))
    cluster = element(0x1F43B675, number(0xE7, 0) + element(0xA3, SAMPLE), unknown)
    segment = (
        element(0x1549A966, element(0x7BA9, b"At " + PLACE) + number(0x2AD7B1, 1000))
        + element(0x1654AE6B, tracks)
        + cluster
        + element(0x1254C367, tag)
        + element(0x1941A469, PLACE * 9)
    )
    header = element(0x1A45DFA3, element(0x4282, b"webm"))
    return header + element(0x18538067, segment, unknown)


# Audio


def told_on_mp3() -> bytes:
    frame = bytes.fromhex("fffb9000") + bytes(413)  # 128 kbit/s, 44.1 kHz
    tag = b"TXXX" + struct.pack(">I2x", len(PLACE) + 1) + b"\0" + PLACE
    ape = b"APETAGEX" + struct.pack("<4I8x", 2000, 32 + len(PLACE), 1, 0)
    before = b"ID3\x03\0\0" + bytes((0, 0, len(tag) >> 7, len(tag) & 127)) + tag
    return before + frame * 4 + PLACE + ape + (b"TAG" + PLACE).ljust(128, b"\0")


def ogg_page(content: bytes, flags: int, number: int) -> bytes:
    segments = bytes([255] * (len(content) // 255) + [len(content) % 255])
    head = b"OggS\0" + bytes([flags]) + struct.pack("<qIII", 0, 7, number, 0)
    return head + bytes([len(segments)]) + segments + content


def told_on_ogg() -> bytes:
    comment = b"LOCATION=" + PLACE * 20
    comments = struct.pack("<I4sII", 4, b"made", 1, len(comment)) + comment
    head = b"OpusHead\x01\x01" + bytes(9)
    pages = (head, 2), (b"OpusTags" + comments, 0), (SAMPLE, 4)
    return b"".join(ogg_page(content, flags, n) for n, (content, flags) in enumerate(pages))


def told_on_wav(seconds: float = 0.01) -> bytes:
    """A real one, of 8,000 samples a second: silence."""
    sound = bytes([128]) * int(8000 * seconds)
    chunks = [
        (b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)),
        (b"LIST", b"INFOICMT" + struct.pack("<I", len(PLACE)) + PLACE),
        (b"data", sound),
        (b"bext", PLACE),
    ]
    body = b"".join(k + struct.pack("<I", len(c)) + c + bytes(len(c) % 2) for k, c in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


CAPTIONS = b"WEBVTT\n\n00:00.000 --> 00:02.000\nThe boat is here.\n"
