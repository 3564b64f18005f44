"""Without nginx, uploaded files are served by Django: cached for ever, and not executable."""

import pytest
from django.test import Client

from proj.static import RANGE, WHOLE

CONTENT = b"RIFF....WEBP and so on"


@pytest.fixture
def client(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    (settings.MEDIA_ROOT / "images").mkdir(parents=True)
    (settings.MEDIA_ROOT / "images" / "a.webp").write_bytes(CONTENT)
    (settings.MEDIA_ROOT / "page.html").write_text("<script>alert(1)</script>")
    (tmp_path / "secret").write_text("not for readers")
    return Client()  # its middleware looks at the settings when it is made


def test_a_picture_is_cached_for_ever_and_cannot_execute(client):
    response = client.get("/media/images/a.webp")
    assert response.status_code == 200 and response.getvalue() == CONTENT
    assert response["Content-Type"] == "image/webp"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in response["Cache-Control"] and "public" in response["Cache-Control"]
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_other_uploaded_files_cannot_execute(client):
    response = client.get("/media/page.html")
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_head_ranges_and_conditional_requests_are_answered(client):
    head = client.head("/media/images/a.webp")
    assert (head["Content-Length"], head.getvalue()) == (str(len(CONTENT)), b"")
    part = client.get("/media/images/a.webp", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.getvalue()) == (206, b"RIFF")
    assert part["Content-Range"] == f"bytes 0-3/{len(CONTENT)}"
    assert part["Accept-Ranges"] == "bytes" and "immutable" in part["Cache-Control"]
    same = client.get("/media/images/a.webp", headers={"If-None-Match": head["ETag"]})
    assert same.status_code == 304
    same = client.get("/media/images/a.webp", headers={"If-Modified-Since": head["Last-Modified"]})
    assert same.status_code == 304


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        ("bytes=0-", 206, 0, RANGE),
        ("bytes=0-1", 206, 0, 2),
        (f"bytes={RANGE}-", 206, RANGE, 2 * RANGE),
        (f"bytes={2 * RANGE}-", 206, 2 * RANGE, 2 * RANGE + 1),  # one byte, the last
        ("bytes=-1", 206, 2 * RANGE, 2 * RANGE + 1),
        (f"bytes=5-{9 * RANGE}", 206, 5, RANGE + 5),
        (f"bytes={2 * RANGE + 1}-", 416, 0, 0),
        ("bytes=9-5", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=0-1,5-9", 206, 0, RANGE),
        ("lines=1-2", 206, 0, RANGE),
    ],
)
def test_a_film_comes_in_parts_of_a_bounded_size(client, settings, wanted, status, start, end):
    film = bytes(range(256)) * (2 * RANGE // 256) + b"!"
    (settings.MEDIA_ROOT / "a.mp4").write_bytes(film)
    part = client.get("/media/a.mp4", headers={"Range": wanted})
    assert (part.status_code, part.getvalue()) == (status, film[start:end])
    size = len(film)
    said = f"bytes {start}-{end - 1}/{size}" if status == 206 else f"bytes */{size}"
    assert part["Content-Range"] == said
    if status == 206:
        assert part["Content-Type"] == "video/mp4"
        assert int(part["Content-Length"]) == end - start


def test_a_changed_file_is_not_mixed_with_an_old_part(client):
    headers = {"Range": "bytes=0-3", "If-Range": '"another"'}
    response = client.get("/media/images/a.webp", headers=headers)
    assert (response.status_code, response.getvalue()) == (200, CONTENT)


def test_a_long_file_is_not_sent_as_a_whole(client, settings):
    with (settings.MEDIA_ROOT / "a.mp4").open("wb") as film:
        film.truncate(WHOLE + 1)
    assert client.get("/media/a.mp4").status_code == 400
    assert int(client.head("/media/a.mp4")["Content-Length"]) == WHOLE + 1


def test_an_upload_that_is_not_complete_is_not_served(client, settings):
    (settings.MEDIA_ROOT / "images" / ".a.part").write_bytes(CONTENT)
    assert client.get("/media/images/.a.part").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "",
        "images",
        "images/",
        "images/b.webp",
        "../secret",
        "%2e%2e/secret",
        "images/../../secret",
        "/secret",
        "images/%00",
        "x" * 5000,
    ],
)
def test_nothing_else_is_listed_or_served(client, path):
    assert client.get(f"/media/{path}").status_code == 404


def test_uploaded_files_cannot_be_written_by_http(client):
    assert client.post("/media/images/a.webp", {}).status_code == 405
