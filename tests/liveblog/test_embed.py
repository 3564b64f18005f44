"""A live blog in other sites' pages: the script, what it frames, and who may frame it."""

import re

import pytest

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.frames import PAGE
from proj.environment import Environment, WrongValue

NEWS = "https://news.example"


@pytest.fixture
def blog(db):
    blog = LiveBlog.objects.create(slug="moon", title="</script> \"Moon\" & 'more'")
    BlogUpdate.objects.create(blog=blog, body="The Eagle has landed")
    return blog


def policy(response):
    """Which sites may frame it. test_link_cards.py tests which frames it may load."""
    return response["Content-Security-Policy"].partition("; frame-src")[0]


def test_only_this_site_may_frame_it_where_nothing_is_set(client, blog):
    response = client.get("/liveblog/moon/embed/")
    assert "The Eagle has landed" in response.text
    assert policy(response) == "frame-ancestors 'self'"


def test_the_origins_that_are_set_may_frame_it(client, blog, settings):
    settings.EMBED_ORIGINS = [NEWS, "http://localhost:8001"]
    response = client.get("/liveblog/moon/embed/")
    assert policy(response) == f"frame-ancestors 'self' {NEWS} http://localhost:8001"
    # It knows no origins, and where there are both some browsers heed this one.
    assert "X-Frame-Options" not in response


@pytest.mark.parametrize("path", ["/", "/liveblog/moon/", "/accounts/login/", "/chat/moon/"])
def test_no_other_page_may_be_framed_by_them(client, blog, settings, path):
    settings.EMBED_ORIGINS = ["*"]
    response = client.get(path)
    assert response["X-Frame-Options"] in ("DENY", "SAMEORIGIN")
    assert "frame-ancestors" not in response.get("Content-Security-Policy", "")


@pytest.mark.parametrize("path", ["embed/", "embed/?lang=zh-hans", "embed.js"])
def test_it_needs_no_cookie_and_sets_none(client, blog, path):
    response = client.get(f"/liveblog/moon/{path}", headers={"Accept-Language": "en"})
    assert response.status_code == 200 and not response.cookies
    assert "public" in response["Cache-Control"]
    assert "Cookie" not in response.get("Vary", "")


def test_there_is_nothing_in_it_that_writes(client, blog):
    text = client.get("/liveblog/moon/embed/").text
    assert not re.search(r"<form|<input|<textarea|csrf", text)
    assert '<base target="_blank">' in text


def test_older_updates_are_on_the_whole_page(client, blog):
    for _ in range(PAGE):
        BlogUpdate.objects.create(blog=blog, body="More")
    text = client.get("/liveblog/moon/embed/").text
    assert re.search(r'href="/liveblog/moon/\?before=\d+" rel="next"', text)


@pytest.mark.parametrize(
    "query, sheets",
    [
        ("", ['media="(prefers-color-scheme: dark)"']),
        ("?theme=dark", [""]),
        ("?theme=light", []),
        ("?theme=%22%3E", ['media="(prefers-color-scheme: dark)"']),
    ],
)
def test_the_theme_can_be_chosen(client, blog, query, sheets):
    text = client.get(f"/liveblog/moon/embed/{query}").text
    assert [
        media.strip() for media in re.findall(r'href="[^"]*/dark[^"]*\.css"([^>]*)>', text)
    ] == sheets


def test_the_script_is_one_that_caches_keep_and_any_page_may_load(client, blog):
    response = client.get("/liveblog/moon/embed.js")
    assert response["Content-Type"] == "text/javascript; charset=utf-8"
    assert response["Cache-Control"] == "public, max-age=3600"
    assert "Accept-Language" not in response.get("Vary", "")
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    # No title ends the string that it stands in.
    assert r"\u003C/script\u003E \u0022Moon\u0022" in response.text
    again = client.get("/liveblog/moon/embed.js", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["embed/", "embed.js"])
def test_an_unknown_blog_is_not_embedded(client, db, path):
    response = client.get(f"/liveblog/nothing/{path}")
    assert response.status_code == 404 and response["X-Frame-Options"] == "DENY"


def test_the_tag_is_offered_where_all_may_embed(client, blog, settings):
    tag = '&lt;script src="http://testserver/liveblog/moon/embed.js" async&gt;&lt;/script&gt;'
    for origins in ([], [NEWS]):
        settings.EMBED_ORIGINS = origins
        assert tag not in client.get("/liveblog/moon/").text
    settings.EMBED_ORIGINS = ["*"]
    text = client.get("/liveblog/moon/").text
    assert tag in text
    # The title is HTML in the code, and the code is text in the page.
    assert "&amp;lt;/script&amp;gt; &amp;quot;Moon&amp;quot;" in text


def test_editors_are_offered_it_where_some_may(admin_client, blog, settings):
    assert "embed.js" not in admin_client.get("/liveblog/moon/edit/").text
    settings.EMBED_ORIGINS = [NEWS]
    text = admin_client.get("/liveblog/moon/edit/").text
    assert "/liveblog/moon/embed.js" in text and f"Allowed sites: {NEWS}." in text


@pytest.mark.parametrize(
    "value, origins",
    [
        ("", []),
        ("*", ["*"]),
        ("https://News.example, http://localhost:8001", [NEWS, "http://localhost:8001"]),
        ("https://[::1]:8443", ["https://[::1]:8443"]),
    ],
)
def test_the_setting_holds_origins(value, origins):
    assert Environment({"EMBED_ORIGINS": value}).EMBED_ORIGINS == origins


@pytest.mark.parametrize(
    "value",
    [
        "news.example",
        "https://news.example/",
        "https://news.example/page",
        "https://*.news.example",
        "*, https://news.example",
        "ftp://news.example",
        "https://news.example; script-src *",
        "https://user@news.example",
        "'self'",
    ],
)
def test_what_is_no_origin_stops_the_start(value):
    with pytest.raises(WrongValue) as refusal:
        Environment({"EMBED_ORIGINS": value})
    assert f"EMBED_ORIGINS={value!r} is not allowed" in str(refusal.value)
    assert "such as https://news.example, or *" in str(refusal.value)
