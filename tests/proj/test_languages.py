"""The language of an answer, the cookie that stores it, and the headers for caches."""

import re

import pytest
from django.utils import translation
from django.utils.html import strip_tags

from liveblog.models import BlogUpdate, LiveBlog
from proj.languages import accepted_language

CHINESE, ENGLISH = b'lang="zh-hans"', b'<html lang="en">'


@pytest.fixture
def page(client, db):
    LiveBlog.objects.create(slug="moon", title="To the Moon")

    def get(query="", accept="", cookie=None, path="/liveblog/moon/"):
        client.cookies.clear()
        if cookie:
            client.cookies["django_language"] = cookie
        return client.get(path + query, headers={"Accept-Language": accept})

    return get


def language_of(response):
    assert f'<html lang="{response["Content-Language"]}">' in response.text
    return response["Content-Language"]


@pytest.mark.parametrize(
    "query, cookie, accept, language",
    [
        ("", None, "", "en"),
        ("", None, "zh-CN,zh;q=0.9,en;q=0.8", "zh-hans"),
        ("", "en", "zh-CN", "en"),
        ("", "zh-hans", "en", "zh-hans"),
        ("?lang=en", "zh-hans", "zh-CN", "en"),
        ("?lang=zh-hans", "en", "en", "zh-hans"),
        ("?lang=tlh", "zh-hans", "en", "zh-hans"),
        ("", "../../etc", "zh-TW", "zh-hans"),
    ],
)
def test_the_query_takes_precedence_over_the_cookie_and_that_over_the_browser(
    page, query, cookie, accept, language
):
    assert language_of(page(query, accept, cookie)) == language


@pytest.mark.parametrize(
    "header, language",
    [
        ("zh", "zh-hans"),
        ("zh-Hant-HK, en;q=0.5", "zh-hans"),
        ("en;q=0.5, zh;q=0.9", "zh-hans"),
        ("de-DE, de;q=0.9", "en"),
        ("zh;q=0, en", "en"),
        ("*", "en"),
        ("zhuang", "en"),
        ("\x00,,;q=x", "en"),
        ("zh-" * 900, "en"),
    ],
)
def test_the_site_s_language_that_the_header_prefers_is_used(rf, header, language):
    assert accepted_language(rf.get("/", headers={"Accept-Language": header})) == language


def test_dates_are_formatted_for_the_language(page):
    BlogUpdate.objects.create(blog=LiveBlog.objects.get(), body="Landed")
    shown = {language: strip_tags(page(accept=language).text) for language in ("en", "zh")}
    assert re.search(r"\d\d:\d\d · \w{3} \d{1,2} UTC", shown["en"])
    assert re.search(r"\d\d:\d\d · \d{1,2}月\d{1,2}日 UTC", shown["zh"])


def test_the_language_of_the_query_is_stored_in_a_cookie(page):
    response = page("?lang=zh-hans", "en")
    cookie = response.cookies["django_language"]
    assert cookie.value == "zh-hans" and cookie["samesite"] == "Lax" and cookie["max-age"]
    # A cache that kept this answer would hand the cookie on.
    assert "private" in response["Cache-Control"] and "public" not in response["Cache-Control"]


@pytest.mark.parametrize(
    "query, cookie, accept",
    [
        ("", None, "zh"),
        ("?lang=zh-hans", None, "zh"),
        ("?lang=zh-hans", "zh-hans", "en"),
        ("?lang=tlh", None, ""),
    ],
)
def test_no_cookie_is_set_for_the_language_that_the_browser_prefers(page, query, cookie, accept):
    response = page(query, accept, cookie)
    assert not response.cookies
    assert "public" in response["Cache-Control"]


@pytest.mark.parametrize(
    "query, cookie, accept, vary",
    [
        ("", None, "zh", {"Accept-Language"}),
        ("", "en", "en", {"Accept-Language"}),
        ("", "zh-hans", "en", {"Accept-Language", "Cookie"}),
        ("?lang=zh-hans", None, "zh", set()),
    ],
)
def test_vary_names_what_a_page_depends_on_and_no_more(page, query, cookie, accept, vary):
    told = page(query, accept, cookie)["Vary"].split(", ")
    assert set(told) == vary | {"Accept-Encoding"}  # whether it is compressed


def test_a_304_sets_the_cookie_and_varies_as_well(page, client):
    tag = page("?lang=zh-hans", "zh")["ETag"]
    headers = {"Accept-Language": "en", "If-None-Match": tag}
    response = client.get("/liveblog/moon/?lang=zh-hans", headers=headers)
    assert response.status_code == 304
    assert response.cookies["django_language"].value == "zh-hans"
    client.cookies.clear()
    headers = {"Accept-Language": "zh", "If-None-Match": page("", "zh")["ETag"]}
    response = client.get("/liveblog/moon/", headers=headers)
    assert response.status_code == 304 and "Accept-Language" in response["Vary"]


@pytest.mark.parametrize("path", ["/liveblog/moon/updates.json?after=0", "/liveblog/moon/feed/"])
def test_answers_without_translated_text_do_not_vary(page, path):
    english, chinese = page(path=path, accept="en"), page(path=path, accept="zh")
    assert english.content == chinese.content
    assert "Accept-Language" not in english.get("Vary", "")


def test_the_language_ends_with_its_request(page):
    """A worker's next message, which may be no request at all, does not inherit it."""
    assert language_of(page("?lang=zh-hans")) == "zh-hans"
    assert translation.get_language() == "en"
    assert language_of(page(path="/nothing-here/", accept="zh")) == "zh-hans"
    assert translation.get_language() == "en"


def test_it_ends_with_a_request_that_fails_too(page, client, monkeypatch):
    monkeypatch.setattr("liveblog.reading.views.stream", lambda *_: 1 / 0)
    client.raise_request_exception = False
    response = page("?lang=zh-hans")
    assert response.status_code == 500 and CHINESE in response.content
    assert translation.get_language() == "en"
    monkeypatch.undo()
    assert ENGLISH in page().content


def test_the_footer_s_links_keep_the_rest_of_the_query(page):
    text = page("?room=a&lang=en&x=%26", path="/").text
    assert 'href="?room=a&amp;lang=zh-hans&amp;x=%26"' in text
    assert "English</a>" in text and "中文</a>" in text
