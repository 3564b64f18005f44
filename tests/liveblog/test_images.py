"""What becomes of a file that is uploaded as a picture."""

import random
import re
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageCms

from liveblog.api.errors import Refusal
from liveblog.pictures import images
from tests.e2e.stack import ROOT
from tests.liveblog.pictures import PLACE, bomb, encoded, picture, told_on

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def keep(content):
    return images.store_picture(SimpleUploadedFile("photo.jpg", content, "image/jpeg"))


def kept(content) -> Image.Image:
    """The file as readers get it, once all that is said of it is seen to be true."""
    found = keep(content)
    path = django_settings.MEDIA_ROOT / found.address.removeprefix("/media/")
    image = Image.open(path)
    assert image.format == "WEBP" and image.size == (found.width, found.height)
    assert re.fullmatch(
        rf"/media/images/[0-9a-f]{{32}}-{found.width}x{found.height}\.webp", found.address
    )
    assert path.stat().st_mode & 0o777 == 0o644 and path.parent.stat().st_mode & 0o777 == 0o755
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    return image


def refused(content) -> str:
    with pytest.raises(Refusal) as refusal:
        keep(content)
    return refusal.value.code


def alike(pixel, colour, by=40):
    return all(abs(a - b) <= by for a, b in zip(pixel, colour, strict=True))


def is_upright(image):
    """Whether it is the picture of pictures.py, red above blue."""
    width, height = image.size
    top = image.convert("RGB").getpixel((width // 2, height // 5))
    bottom = image.convert("RGB").getpixel((width // 2, height - height // 5))
    return alike(top, RED) and alike(bottom, BLUE)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P")),
        *(("WEBP", "RGB"), ("GIF", "P")),
    ],
)
def test_each_kind_of_picture_becomes_webp(kind, mode):
    image = kept(encoded(picture(mode=mode), kind))
    assert image.size == (64, 48) and is_upright(image)


@pytest.mark.parametrize(
    ("mode", "colour"), [("L", 128), ("I;16", 128 << 8), ("1", 1), ("LA", (128, 255))]
)
def test_grey_stays_grey(mode, colour):
    image = kept(encoded(picture(mode=mode, colour=colour)))
    grey = 255 if mode == "1" else 128
    assert alike(image.convert("RGB").getpixel((9, 9)), (grey,) * 3, by=3)


def test_what_was_transparent_stays_so():
    for image in (
        picture(mode="RGBA", colour=(255, 0, 0, 0)),
        picture(mode="P", colour=0),
        picture(mode="RGB", colour=RED),
    ):
        key = {"RGBA": {}, "P": {"transparency": 0}, "RGB": {"transparency": RED}}[image.mode]
        assert kept(encoded(image, **key)).getpixel((9, 9))[3] == 0
        for file in (django_settings.MEDIA_ROOT / "images").iterdir():
            file.unlink()


def test_a_photograph_stands_upright_and_tells_nothing():
    content = told_on()
    assert PLACE in content
    image = kept(content)
    assert image.size == (48, 64) and is_upright(image)
    (file,) = (django_settings.MEDIA_ROOT / "images").iterdir()
    for mark in (PLACE, b"EXIF", b"Exif", b"XMP ", b"ICCP", b"xmp"):
        assert mark not in file.read_bytes()
    assert not image.getexif() and not image.info.get("exif")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_the_other_kinds_tell_nothing_either(kind):
    exif = Image.Exif()
    exif[0x010E] = PLACE.decode()
    options = {"GIF": {"comment": PLACE}}.get(kind, {"exif": exif})
    content = encoded(picture(), kind, **options)
    assert PLACE in content
    kept(content)
    (file,) = (django_settings.MEDIA_ROOT / "images").iterdir()
    assert PLACE not in file.read_bytes()


def test_colours_with_a_profile_are_those_of_the_web():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = lab.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")
    image = kept(encoded(picture(), icc_profile=swapped))  # red means blue in it
    assert alike(image.convert("RGB").getpixel((30, 8)), BLUE)


def test_an_unreadable_profile_or_orientation_does_not_spoil_the_pixels():
    content = encoded(picture(), icc_profile=b"no profile", exif=b"Exif\0\0MM\0*\0\0\0\xff!")
    assert is_upright(kept(content))


@pytest.mark.parametrize(
    ("size", "smaller"),
    [((3200, 800), (1600, 400)), ((1000, 4000), (400, 1600)), ((1600, 9), (1600, 9))],
)
def test_large_pictures_become_smaller_and_small_ones_stay(size, smaller):
    assert kept(encoded(picture(size))).size == smaller


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_no_seam_shows_where_a_picture_was_made_smaller_in_parts(mode):
    noise = Image.merge("RGBA", [Image.effect_noise((2500, 1800), 90) for _ in range(4)])
    image = noise.convert(mode)
    whole = image.convert("RGBA") if mode == "P" else image.copy()
    whole.thumbnail((1600, 1600), Image.Resampling.LANCZOS)
    made, _ = images.picture_of(encoded(image))
    assert made.tobytes() == whole.convert(made.mode).tobytes()


def test_a_large_photograph_is_decoded_at_a_part_of_its_size():
    image = kept(encoded(picture((8064, 6048)), "JPEG"))  # 48 million pixels
    assert image.size == (1600, 1200) and is_upright(image)


def test_the_same_picture_twice_is_one_file():
    one, other = keep(told_on()), keep(told_on())
    assert one == other
    assert keep(encoded(picture((48, 65)))).address != one.address
    assert len(list((django_settings.MEDIA_ROOT / "images").iterdir())) == 2


def test_of_what_moves_the_first_frame_stays():
    frames = [picture(), picture(colour=BLUE)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert keep(content).moved and is_upright(kept(content))
    assert not keep(encoded(picture(), "GIF")).moved


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Just a text",
        b"<!doctype html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        b"%PDF-1.7\n",
        b"GIF89a<script>alert(1)</script>"[:6],
        b"\0\0\0\x18ftypheic",
        encoded(picture(), "BMP"),
        encoded(picture(), "TIFF"),
        encoded(picture(), "ICO"),
    ],
)
def test_whatever_is_no_picture_of_the_four_kinds_is_refused(content, media):
    assert refused(content) == "not_a_picture"
    assert not media.exists()


def test_a_bomb_is_refused_before_it_is_decoded():
    assert refused(bomb()) == "too_many_pixels"


@pytest.mark.parametrize(
    ("fits", "too_much"),
    [
        (encoded(picture((600, 450))), encoded(picture((600, 450)), "WEBP")),
        (encoded(picture((900, 800), "P")), encoded(picture((900, 800), "RGBA"))),
        (encoded(picture((900, 800), "L")), encoded(picture((900, 800), "I;16", 1 << 15))),
        (
            encoded(picture((640, 480)), "JPEG"),
            encoded(picture((640, 480)), "JPEG", progressive=True, subsampling=0),
        ),
        (encoded(picture((3, 9_000), "L")), encoded(picture((3, 180_000), "L"))),
    ],
)
def test_what_would_take_too_much_memory_is_refused_unread(monkeypatch, fits, too_much):
    monkeypatch.setattr(images, "MEMORY", 4_000_000)
    assert kept(fits)
    monkeypatch.setattr(Image.Image, "crop", None)
    assert refused(too_much) == "picture_too_heavy"


def test_a_small_file_of_many_pixels_takes_little_memory():
    """A worker's peak, which was 700 MB for this one of 8 KB."""
    script = (
        "import sys, proj; from liveblog.pictures import images;"
        "images.picture_of(sys.stdin.buffer.read());"
        "print(*[l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')])"
    )
    content = encoded(picture((8000, 8000), "1", 1))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, input=content, capture_output=True, check=True
    )
    assert int(done.stdout) * 1024 < images.MEMORY, f"{int(done.stdout) // 1024} MiB"


def test_a_gif_whose_frame_outgrows_its_screen_is_refused():
    content = bytearray(encoded(picture(), "GIF"))
    frame = content.index(b",\0\0\0\0" + (64).to_bytes(2, "little"))
    content[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"  # 65,535 in both directions
    assert refused(bytes(content)) == "too_many_pixels"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_half_a_picture_is_refused(kind):
    image = Image.effect_noise((200, 200), 90).convert("RGB")
    content = encoded(image, kind)
    assert refused(content[: len(content) // 2]) == "damaged_picture"


def test_too_many_bytes_are_refused_unread():
    content = encoded(picture()) + b"\0" * images.LARGEST
    assert refused(content) == "picture_too_large"
    assert is_upright(kept(content[: images.LARGEST]))


def test_whatever_a_file_holds_it_is_kept_or_refused(settings):
    """Bytes of pictures, changed at random: no other exception comes out."""
    dice = random.Random(11)
    for kind, options in (("JPEG", {"exif": b"Exif\0\0"}), ("PNG", {}), ("WEBP", {}), ("GIF", {})):
        whole = encoded(picture(), kind, **options)
        for _ in range(60):
            content = bytearray(whole)
            for _ in range(dice.randint(1, 8)):
                content[dice.randrange(len(content))] = dice.randrange(256)
            try:
                keep(bytes(content))
            except Refusal as refusal:
                assert refusal.code in ("not_a_picture", "damaged_picture", "too_many_pixels")


def test_a_disk_that_is_full_leaves_nothing_behind(monkeypatch, media):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        keep(encoded(picture()))
    assert list((media / "images").iterdir()) == []


def test_a_picture_s_bytes_are_those_of_its_pixels_alone():
    plain = picture((48, 64))
    with_comment = encoded(plain, "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    assert keep(encoded(plain)) == keep(with_comment)
