"""Converts an uploaded file to a picture for the web.

Input: JPEG, PNG, WebP or GIF, recognised by its content, whatever its name or declared type.
Output: WebP, upright, in sRGB, at most LONGEST_SIDE pixels long, without metadata such as EXIF,
location and comments. Of an animation the first frame is kept.
"""

import io
import logging
import warnings
from typing import NamedTuple

from django.core.files.uploadedfile import UploadedFile
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from liveblog.api.errors import Refusal
from liveblog.pictures.storage import store

logger = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MIME_TYPES = tuple(f"image/{name.lower()}" for name in FORMATS)
LARGEST = 10_000_000  # bytes; nginx and Django accept 10 MiB
PIXELS = 64_000_000  # phones have up to 50 million
MEMORY = 400_000_000  # bytes that a worker needs for a moment; enough for a PNG of PIXELS
LONGEST_SIDE = 1600  # px; twice the width of the readers' column
QUALITY = 82  # of 100; above, photographs look the same and take more bytes
BAND = 1_000_000  # pixels that are converted at a time
GAP = 2.0  # the fast reduction leaves twice the pixels for the good one, which looks the same
SRGB = ImageCms.createProfile("sRGB")

# Pillow checks this before it decodes: it warns above it, and refuses twice as many pixels.
Image.MAX_IMAGE_PIXELS = PIXELS // 2
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class Picture(NamedTuple):
    """`address`: on this site; sizes in pixels; `moved`: whether the file was an animation."""

    address: str
    width: int
    height: int
    moved: bool


def store_picture(file: UploadedFile) -> Picture:
    """Convert the file and store the picture. Raises Refusal, and OSError from the disk."""
    if file.size is None or file.size > LARGEST:
        raise Refusal("picture_too_large")
    image, moved = picture_of(file.read())
    content = io.BytesIO()
    image.save(content, "WEBP", quality=QUALITY)
    return Picture(store(content.getvalue(), *image.size), *image.size, moved)


class Decoded(NamedTuple):
    """The pixels as they are kept, and whether there were more frames."""

    image: Image.Image
    moved: bool


def picture_of(content: bytes) -> Decoded:
    """Raises Refusal."""
    try:
        opened = Image.open(io.BytesIO(content), formats=FORMATS)
        # A JPEG with several frames has stills (a depth map, a preview), not an animation.
        moved = opened.format in ("PNG", "WEBP", "GIF") and getattr(opened, "is_animated", False)
        return Decoded(cleaned(opened), moved)
    except Refusal:
        raise
    except UnidentifiedImageError:
        raise Refusal("not_a_picture") from None
    except Image.DecompressionBombError:
        raise Refusal("too_many_pixels") from None
    except Exception as error:  # a decoder may raise anything for hostile bytes
        logger.info("A picture could not be read: %r", error)
        raise Refusal("damaged_picture") from None


def cleaned(opened: ImageFile) -> Image.Image:
    memory = coefficients(opened)
    # A JPEG is decoded at a half, a quarter or an eighth of its size if that is enough.
    opened.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
    if memory + decoded(opened) > MEMORY:
        raise Refusal("picture_too_heavy")
    opened.load()
    image = in_srgb(upright(smaller(opened)))
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[0] == 255:
        image = image.convert("RGB")
    image.info.clear()  # it would be saved with the picture
    return image


def coefficients(opened: ImageFile) -> int:
    """The bytes of a progressive JPEG that are held until its last scan, at any output size."""
    if not isinstance(opened, JpegImageFile) or not opened.info.get("progressive"):
        return 0
    sampled = [down * across for _, down, across, _ in opened.layer]
    return 2 * opened.width * opened.height * sum(sampled) // max(sampled)


def decoded(opened: ImageFile) -> int:
    """The most bytes that the pixels take until the picture is made smaller."""
    pixels = opened.width * opened.height
    if opened.format == "WEBP":
        return 16 * pixels  # libwebp draws on two canvases, hands over a copy, and that is copied
    each = 1 if opened.mode in ("1", "L", "P") else 2 if opened.mode.startswith("I;16") else 4
    row = 4 * fitted(opened)[0] + 16  # the narrow picture; in both pictures a row has a pointer
    return each * pixels + row * opened.height


def fitted(opened: ImageFile) -> tuple[int, int]:
    """The size of the result."""
    scale = min(1, LONGEST_SIDE / max(opened.size))
    width, height = opened.size
    return max(1, round(width * scale)), max(1, round(height * scale))


def smaller(opened: ImageFile) -> Image.Image:
    """The decoded picture, at most LONGEST_SIDE pixels long, as L, RGB, RGBA or CMYK.

    It is made narrow band by band, then low, so that its pixels are never held twice.
    """
    width, height = fitted(opened)
    rows = max(1, BAND // opened.width)
    narrow = None
    for top in range(0, opened.height, rows):
        bottom = min(top + rows, opened.height)
        band = plain(opened.crop((0, top, opened.width, bottom)))
        band = band.resize((width, band.height), Image.Resampling.LANCZOS, reducing_gap=GAP)
        if narrow is None:
            narrow = Image.new(band.mode, (width, opened.height))
            narrow.info = band.info
        narrow.paste(band, (0, top))
    assert narrow is not None, "a picture has a row"
    image = narrow.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=GAP)
    return image.convert("RGBA") if image.mode == "RGBa" else image


def plain(image: Image.Image) -> Image.Image:
    """In a mode that can be resized: 8 bits, no palette, premultiplied alpha."""
    if image.mode.startswith(("I", "F")):
        image = in_eight_bits(image)
    if image.mode in ("1", "P", "PA", "LA", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGBa") if image.mode == "RGBA" else image


def in_eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits: convert() alone would cut off what is above 255."""
    grey = image.convert("I").point(lambda value: value / 256).convert("L")
    grey.info.pop("transparency", None)  # a value of 16 bits
    return grey


def upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception as error:  # with damaged EXIF the pixels are still good
        logger.info("A picture's orientation could not be read: %r", error)
        return image


def in_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB, which browsers assume without a profile."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    profile = image.info.get("icc_profile")
    pixels = image.convert("RGB") if alpha else image
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            pixels = ImageCms.profileToProfile(pixels, source, SRGB, outputMode="RGB") or pixels
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            logger.info("A picture's colour profile could not be used: %r", error)
    pixels = pixels.convert("RGB")
    if alpha:
        pixels.putalpha(alpha)
    return pixels
