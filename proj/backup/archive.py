"""Reads and writes the archive of a backup."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

FORMAT = 1
MANIFEST = "manifest.json"
SETTINGS = "settings.env"
MEDIA = "media"
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.sql"}
COMPRESSION = 1  # pictures are compressed already
CHUNK = 1 << 20  # bytes


class BadArchive(Exception):
    """The reason why a file is not a complete backup, as the rest of a sentence."""


@dataclass(frozen=True)
class Member:
    """`size` in bytes; `sha256` in hexadecimal digits."""

    size: int
    sha256: str


@dataclass
class Manifest:
    """What an archive holds.

    `created`: ISO 8601. `database`: a key of DATABASES. `migrations`: the applied ones, as
    `app.name`. `files`: by their name in the archive.
    """

    created: str
    database: str
    migrations: list[str]
    files: dict[str, Member] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Manifest":
        """Raises BadArchive."""
        try:
            values = json.loads(content)
            if values.pop("format") != FORMAT:
                raise BadArchive("it was made by another version")
            files = {name: Member(**member) for name, member in values.pop("files").items()}
            manifest = cls(files=files, **values)
            if DATABASES[manifest.database] not in files or SETTINGS not in files:
                raise BadArchive("a part is missing")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise BadArchive("its manifest cannot be read") from None
        return manifest


class HashingReader(io.RawIOBase):
    """Reads a file and computes its SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content = self.file.read(size)
        self.digest.update(content)
        return content


class ArchiveWriter:
    """A context manager that writes an archive to a new file, mode 0600.

    Only finish() makes it complete.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.file = os.fdopen(descriptor, "wb")
        self.tar = tarfile.open(  # noqa: SIM115  (closed by finish)
            fileobj=self.file, mode="w:gz", compresslevel=COMPRESSION
        )

    def __enter__(self) -> "ArchiveWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def add(self, name: str, path: Path) -> None:
        """Add a file that does not change. Raises OSError."""
        with path.open("rb") as file:
            self.add_stream(name, file, os.fstat(file.fileno()).st_size)

    def add_bytes(self, name: str, content: bytes) -> None:
        self.add_stream(name, io.BytesIO(content), len(content))

    def add_stream(self, name: str, file: BinaryIO, size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        reader = HashingReader(file)
        self.tar.addfile(info, reader)
        self.manifest.files[name] = Member(size, reader.digest.hexdigest())

    def finish(self) -> None:
        """Add the manifest, and write everything to the disk."""
        content = self.manifest.to_json()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(content), 0o600
        self.tar.addfile(info, io.BytesIO(content))
        self.tar.close()
        self.file.flush()
        os.fsync(self.file.fileno())


def unpack(archive: Path, folder: Path) -> Manifest:
    """Write the members to an empty folder and compare them with the manifest.

    Raises:
        BadArchive: it is incomplete, was changed, or is no backup.
        OSError: it cannot be read, or the folder cannot be written to.
    """
    manifest: Manifest | None = None
    found: dict[str, Member] = {}
    with archive.open("rb") as file:
        try:
            with gzip.GzipFile(fileobj=file) as plain:
                with tarfile.open(fileobj=plain, mode="r:") as tar:
                    for info in tar:
                        if manifest is not None:
                            raise BadArchive("something follows its manifest")
                        content = member_of(tar, info)
                        if info.name == MANIFEST:
                            manifest = Manifest.from_json(content.read())
                        else:
                            found[info.name] = write(content, folder / safe_name(info.name))
                while plain.read(CHUNK):  # up to the checksum
                    pass
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadArchive(f"it is damaged or incomplete ({error})") from None
    if manifest is None:
        raise BadArchive("it is incomplete")
    check(manifest.files, found)
    return manifest


def check(expected: dict[str, Member], found: dict[str, Member]) -> None:
    """Raises BadArchive where they differ."""
    for name in sorted({*expected, *found}):
        if expected.get(name) != found.get(name):
            raise BadArchive(f"{name} is not what its manifest says")


def member_of(tar: tarfile.TarFile, info: tarfile.TarInfo) -> BinaryIO:
    content = tar.extractfile(info) if info.isfile() else None
    if content is None:
        raise BadArchive(f"{info.name} is not a file")
    return content  # type: ignore[return-value]  # typeshed: IO[bytes], which is the same


def safe_name(name: str) -> PurePosixPath:
    """The name, if it is one that a backup has. Raises BadArchive."""
    path = PurePosixPath(name)
    is_media = path.parts[:1] == (MEDIA,) and len(path.parts) > 1 and ".." not in path.parts
    if not is_media and name not in (SETTINGS, *DATABASES.values()):
        raise BadArchive(f"it contains {name!r}, which no backup has")
    return path


def write(content: BinaryIO, path: Path) -> Member:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in iter(lambda: content.read(CHUNK), b""):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Member(size, digest.hexdigest())


def files_below(folder: Path) -> Iterable[Path]:
    """Every complete file, sorted; not those that are being uploaded, whose names begin with `.`"""
    return (
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    )
