"""Recognises a file by its first bytes and removes its metadata."""

import mmap
from collections.abc import Callable
from pathlib import Path

from liveblog.api.errors import Refusal
from liveblog.recordings.content import Found
from liveblog.recordings.mp4 import Movie
from liveblog.recordings.sound import clean_mp3, clean_ogg, clean_wav
from liveblog.recordings.storage import CAPTIONS
from liveblog.recordings.webm import WebM

LONGEST_CAPTIONS = 1_000_000  # bytes; a film has some 100,000


def clean(path: Path) -> Found:
    """Overwrite the metadata of the file at `path`. Raises Refusal, and OSError from the disk.

    A file that was cleaned before stays as it is.
    """
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        found = cleaner_of(data)(data)
        data.flush()
        return found


def cleaner_of(data: mmap.mmap) -> Callable[[mmap.mmap], Found]:
    """Raises Refusal."""
    begin = bytes(data[:12])
    if begin[4:8] == b"ftyp":
        return lambda data: Movie(data).clean()
    if begin[:4] == b"\x1a\x45\xdf\xa3":
        return lambda data: WebM(data).clean()
    if begin[:4] == b"OggS":
        return clean_ogg
    if begin[:4] == b"RIFF" and begin[8:] == b"WAVE":
        return clean_wav
    if begin.removeprefix(b"\xef\xbb\xbf")[:6] == b"WEBVTT":
        return check_captions
    if begin[:3] == b"ID3" or begin[:1] == b"\xff":
        return clean_mp3
    raise Refusal("not_a_recording")


def check_captions(data: mmap.mmap) -> Found:
    """WebVTT is text in UTF-8; its first line is WEBVTT, perhaps with a comment."""
    if len(data) > LONGEST_CAPTIONS:
        raise Refusal("captions_too_large")
    try:
        text = bytes(data).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal("not_captions") from None
    if text[6:7] not in ("", " ", "\t", "\n", "\r") or "\0" in text or "-->" not in text:
        raise Refusal("not_captions")
    return Found(CAPTIONS)
