"""Files as editors upload them, made for the tests."""

import io
import struct
import zlib

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

PLACE = b"Tranquility Base"  # what must not get out


def picture(size=(64, 48), mode="RGB", colour=None) -> Image.Image:
    """Its upper half is red, its lower half blue; or one colour."""
    if colour is not None:
        return Image.new(mode, size, colour)
    image = Image.new("RGB", size, (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, size[0], size[1] // 2))
    return image.convert(mode)


def encoded(image: Image.Image, kind="PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def told_on() -> bytes:
    """A phone's photograph, held upright: it lies on its side and says where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees clockwise
    exif[0x010E] = PLACE.decode()  # ImageDescription
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (0.0, 40.0, 26.7)
    gps[3], gps[4] = "E", (23.0, 28.0, 23.0)
    gps[29] = PLACE.decode()
    upright = picture((48, 64))
    options = {"quality": 95, "exif": exif, "comment": PLACE, "xmp": b"<x>" + PLACE + b"</x>"}
    return encoded(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", **options)


def bomb() -> bytes:
    """A PNG of a few bytes whose header announces 900 million pixels."""

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def upload(content: bytes, name="photo.jpg", kind="image/jpeg") -> dict:
    """The form's fields, for Django's test client."""
    return {"image": SimpleUploadedFile(name, content, kind)}
