"""Without nginx, uploaded files are served by Django: cached for ever, and not executable."""

import pytest
from django.test import Client

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
    same = client.get("/media/images/a.webp", headers={"If-None-Match": head["ETag"]})
    assert same.status_code == 304
    same = client.get("/media/images/a.webp", headers={"If-Modified-Since": head["Last-Modified"]})
    assert same.status_code == 304


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
