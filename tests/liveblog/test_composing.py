"""What the composer asks while somebody writes: pictures, the preview. No blog is changed."""

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client

from conversations import rate_limits
from liveblog.fields import LONGEST_BODY
from liveblog.models import LiveBlog
from tests.liveblog.pictures import PLACE, encoded, picture, told_on, upload
from tests.liveblog.test_views import client_who_may

pytestmark = pytest.mark.django_db
IMAGES = "/liveblog/demo/images/"
PREVIEW = "/liveblog/demo/preview/"
JSON = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture(autouse=True)
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def editor(blog):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("mara", is_staff=True))
    return client


def ask(client, address, data, **headers):
    """The status and the JSON that the page's script is answered."""
    if not headers and client.handler.enforce_csrf_checks:
        client.get("/liveblog/demo/edit/")
        headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    response = client.post(address, data, headers=JSON | headers)
    assert response["Content-Type"] == "application/json"
    assert "no-store" in response["Cache-Control"]
    return response.status_code, response.json()


def test_an_uploaded_picture_is_served_without_what_it_told(editor):
    status, found = ask(editor, IMAGES, upload(told_on()))
    assert (status, found["type"]) == (201, "image")
    assert (found["width"], found["height"], found["moved"]) == (48, 64, False)
    response = Client().get(found["address"])
    content = response.getvalue()
    assert response.status_code == 200 and content[8:12] == b"WEBP" and PLACE not in content


def test_a_file_that_is_no_picture_is_refused_with_a_reason(editor, media):
    status, error = ask(editor, IMAGES, upload(b"<script>alert(1)</script>", "photo.jpg"))
    assert (status, error["code"]) == (415, "not_a_picture")
    assert error["message"].startswith("This file is not a supported image.")
    assert not media.exists()


def test_a_full_disk_says_when_to_come_back(monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("liveblog.pictures.storage.write", full)
    client = client_who_may("add", "publish")
    response = client.post(IMAGES, upload(encoded(picture())), headers=JSON)
    assert (response.status_code, response["Retry-After"]) == (503, "10")


def test_the_preview_is_what_readers_will_get(editor, blog):
    body = "Some **bold** <script>alert(1)</script>\n\n![A boat](/media/boat.webp)"
    status, found = ask(editor, PREVIEW, {"headline": "Head", "body": body})
    assert (status, found["type"], found["headline"]) == (200, "preview", "Head")
    assert "<strong>bold</strong>" in found["content"] and "script" not in found["content"]
    assert blog.updates.count() == 0
    ask(editor, "/liveblog/demo/edit/", {"headline": "Head", "body": body})
    assert found["content"] in Client().get("/liveblog/demo/").content.decode()


def test_the_preview_works_while_redis_is_away(editor, monkeypatch, caplog):
    def away():
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(rate_limits, "redis", away)
    status, frame = ask(editor, PREVIEW, {"body": "**Now**"})
    assert (status, "<strong>Now</strong>" in frame["content"]) == (200, True)
    assert "Not counted for the limit previews: Redis is unavailable" in caplog.text


def test_a_preview_of_nothing_is_empty(editor):
    assert ask(editor, PREVIEW, {"body": " "}) == (
        200,
        {"type": "preview", "headline": "", "content": ""},
    )


@pytest.mark.parametrize(
    "wrong",
    [{"body": "x" * (LONGEST_BODY + 1)}, {"body": "a\0b"}, {"body": "x", "headline": "x" * 201}],
)
def test_a_preview_is_refused_with_the_form_s_own_sentence(editor, wrong):
    status, error = ask(editor, PREVIEW, wrong)
    form_status, form_error = ask(editor, "/liveblog/demo/edit/", {"body": "x"} | wrong)
    assert (status, error) == (form_status, form_error)
    assert (status, error["code"]) == (422, "invalid")


@pytest.mark.parametrize("address", [IMAGES, PREVIEW])
class TestWhoMay:
    def data(self):
        return upload(encoded(picture())) | {"body": "x"}

    def test_who_is_logged_out_may_not(self, address, client, media):
        status, error = ask(client, address, self.data())
        assert (status, error["code"]) == (401, "not_logged_in")
        assert not media.exists()

    def test_who_may_not_write_here_may_not(self, address, media):
        for verbs in ((), ("delete",)):
            status, error = ask(client_who_may(*verbs), address, self.data())
            assert (status, error["code"]) == (403, "not_allowed")
        assert not media.exists()

    @pytest.mark.parametrize("verb", ["add", "change"])
    def test_who_may_write_a_text_may(self, address, verb):
        assert ask(client_who_may(verb), address, self.data())[0] in (200, 201)

    def test_another_site_s_form_may_not(self, address, editor, media):
        headers = JSON | {"Origin": "http://evil.example"}
        response = editor.post(address, self.data(), headers=headers)
        assert (response.status_code, response.json()["code"]) == (403, "csrf")
        assert not media.exists()

    def test_a_blog_that_is_not_there_is_404_and_reading_405(self, address, editor):
        other = address.replace("demo", "other")
        assert ask(editor, other, self.data())[1]["code"] == "unknown_blog"
        assert editor.get(address).status_code == 405
