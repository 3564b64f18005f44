"""`manage.py prune_media`: pictures that no text names go, after a while; all others stay."""

import io
import os
import time
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.pictures import images, unused
from tests.liveblog.pictures import encoded, picture

pytestmark = pytest.mark.django_db
DAY = 24 * 60 * 60


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT / "images"


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def later(monkeypatch):
    """Lets so many days go by."""

    def pass_by(days):
        clock = SimpleNamespace(time=lambda: time.time() + days * DAY)
        monkeypatch.setattr(unused, "time", clock)

    return pass_by


def uploaded(width=64) -> str:
    """The address of a picture; another width is another picture."""
    file = SimpleUploadedFile("photo.jpg", encoded(picture((width, 48))), "image/jpeg")
    return images.store_picture(file).address


def prune(*options) -> str:
    out = io.StringIO()
    call_command("prune_media", *options, stdout=out)
    return out.getvalue()


def test_what_no_text_names_goes_and_one_line_says_how_much(media, later):
    names = {uploaded(width).rpartition("/")[2] for width in (64, 65)}
    size = sum((media / name).stat().st_size for name in names)
    later(8)
    assert prune() == f"Removed 2 files that no text names, {size} bytes.\n"
    assert list(media.iterdir()) == []
    assert prune() == "Removed 0 files that no text names, 0 bytes.\n"


def test_what_any_text_names_stays(blog, media, later):
    kept = [uploaded(width) for width in range(60, 70)]
    published, draft, author, deleted, changed, about, foreign, odd, coded, title = kept
    BlogUpdate.objects.create(blog=blog, body=f"![]({published})")
    BlogUpdate.objects.create(blog=blog, body=f"![]({draft})", draft=True)
    LiveBlog.objects.filter(pk=blog.pk).update(description=f"See {about}")
    BlogUpdate.objects.create(blog=blog, body=f"![]({deleted})").delete()
    update = BlogUpdate.objects.create(blog=blog, body=f"![]({changed})")
    update.body = f"[At another site](https://live.example{foreign})"
    update.save()
    BlogUpdate.objects.create(blog=blog, body=odd.replace("-", "\\-").replace(".", "&#46;"))
    BlogUpdate.objects.create(blog=blog, body=coded.replace("a", "%61").replace("1", "&#x31;"))
    BlogUpdate.objects.create(
        blog=blog, body="x", headline=title, author="00" + author.rpartition("/")[2]
    )
    later(8)
    assert prune() == "Removed 0 files that no text names, 0 bytes.\n"
    assert len(list(media.iterdir())) == len(kept)


def test_a_text_may_wait_in_its_writer_s_browser_for_a_week(media, later):
    uploaded()
    later(6)
    assert "Removed 0" in prune()
    assert "Removed 0" in prune("--older-than", "30")
    assert "Removed 1" in prune("--older-than", "5")


def test_what_is_uploaded_again_is_new_again(media, later):
    uploaded()
    (path,) = media.iterdir()
    first = path.stat().st_ctime
    for _ in range(1000):
        uploaded()
        if path.stat().st_ctime > first:  # the file system's clock has steps
            break
    later(0)
    assert unused.unused(time.time() - first) == []


def test_a_copy_is_new_however_old_the_file_says_it_is(media):
    uploaded()
    (path,) = media.iterdir()
    os.utime(path, (0, 0))
    assert "Removed 0" in prune()


def test_a_dry_run_lists_and_removes_nothing(media, later):
    uploaded()
    later(8)
    (path,) = media.iterdir()
    size = path.stat().st_size
    told = prune("--dry-run").splitlines()
    assert told == [
        f"{path}, {size} bytes",
        f"Would remove 1 file that no text names, {size} bytes.",
    ]
    assert path.exists()


def test_what_is_not_ours_is_not_touched(media, later, tmp_path):
    uploaded()
    (path,) = media.iterdir()
    (media / "logo.webp").write_bytes(b"logo")
    (media / f"{'a' * 32}-64x48.webp.bak").write_bytes(b"backup")
    (media / f"{'b' * 32}-64x48.webp").symlink_to(tmp_path / "elsewhere")
    (media / f"{'c' * 32}-64x48.webp").mkdir()
    (media.parent / f"{'d' * 32}-64x48.webp").write_bytes(b"beside")
    others = {*media.parent.rglob("*")} - {path}
    later(8)
    assert "Removed 1" in prune()
    assert {*media.parent.rglob("*")} == others


@pytest.mark.parametrize("days", ["-1", "1.5", "a week", ""])
def test_a_number_of_days_that_is_none_is_refused(media, days):
    uploaded()
    with pytest.raises(CommandError, match="not a whole number of days"):
        prune(f"--older-than={days}")
    assert len(list(media.iterdir())) == 1


def test_a_file_that_cannot_be_removed_is_said(media, later, monkeypatch):
    uploaded()

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    later(8)
    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(CommandError, match=r"Removed 0 .* Then: .*webp: Permission denied\."):
        prune()


def test_without_a_picture_there_is_nothing_to_do():
    assert prune() == "Removed 0 files that no text names, 0 bytes.\n"
