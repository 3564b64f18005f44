"""Both languages through real nginx: one copy of a page a language, and nobody gets another's."""

import pytest

from tests.e2e.nginx import requests_made
from tests.e2e.stack import Reader

ZH, EN = "zh-hans", "en"


def language_of(answer):
    status, headers, body = answer
    assert f'<html lang="{headers["Content-Language"]}">'.encode() in body
    return headers["Content-Language"]


@pytest.mark.parametrize(
    "accept, language",
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", ZH),
        ("de, zh-TW;q=0.7", ZH),
        ("en-GB,en;q=0.9,zh;q=0.8", EN),
        ("de,en;q=0.5,zh;q=0.3", EN),
        ("zhuang", EN),
        ("fr", EN),
        ("", EN),
    ],
)
def test_a_reader_gets_the_first_of_our_languages_that_the_browser_names(
    nginx, blog, accept, language
):
    path = f"/liveblog/{blog}/"
    assert language_of(nginx.get(path, Accept_Language=accept)) == language
    # The copy that nginx keeps by now is of this language alone.
    other = {ZH: "en", EN: "zh"}[language]
    assert language_of(nginx.get(path, Accept_Language=other)) != language
    assert language_of(nginx.get(path, Accept_Language=accept)) == language


def test_browsers_of_one_language_share_one_copy(stack, nginx, blog):
    before = requests_made(stack)
    for number in range(200):
        accept = f"{['zh', 'en'][number % 2]}-X{number}, de;q=0.{number}"
        cookie = f"django_language={['en', 'zh-hans'][number % 3 % 2]}; other={number}"
        answer = nginx.get(f"/liveblog/{blog}/", Accept_Language=accept, Cookie=cookie)
        assert answer[0] == 200
    assert requests_made(stack) - before < 100


def test_asking_by_the_address_is_remembered_and_cached(stack, nginx, blog):
    path = f"/liveblog/{blog}/"
    headers = nginx.get(f"{path}?lang=zh-hans", Accept_Language="en")[1]
    assert headers.get_all("Set-Cookie") == [
        "django_language=zh-hans; Max-Age=31536000; Path=/; SameSite=Lax"
    ]
    cookie = headers["Set-Cookie"].split(";")[0]
    answer = nginx.get(path, Accept_Language="en", Cookie=cookie)
    assert language_of(answer) == ZH
    # Caches further on must not hand this one to those without the cookie.
    assert {"Accept-Language", "Cookie"} <= varies_by(answer[1])
    assert answer[1]["Set-Cookie"] is None

    back = nginx.get(f"{path}?lang=en", Accept_Language="en", Cookie=cookie)
    assert language_of(back) == EN and "django_language=en" in back[1]["Set-Cookie"]

    tag = nginx.get(f"{path}?lang=zh-hans", Accept_Language="en")[1]["ETag"]
    unchanged = nginx.get(f"{path}?lang=zh-hans", Accept_Language="en", If_None_Match=tag)
    assert unchanged[0] == 304 and unchanged[1]["Set-Cookie"].split(";")[0] == cookie

    before = requests_made(stack)
    for _ in range(100):  # a crowd that follows a shared link
        assert language_of(nginx.get(f"{path}?lang=zh-hans", Accept_Language="en")) == ZH
    assert requests_made(stack) - before < 50


def varies_by(headers):
    return {name.strip() for line in headers.get_all("Vary", []) for name in line.split(",")}


def test_other_caches_are_told_of_a_cookie_only_where_it_decides(nginx, blog):
    for cookie in ("", "django_language=en", "django_language=nonsense", "other=zh-hans"):
        headers = nginx.get(f"/liveblog/{blog}/", Accept_Language="en", Cookie=cookie)[1]
        assert varies_by(headers) == {"Accept-Language", "Accept-Encoding"}, cookie


def test_frames_and_files_are_the_same_for_all_and_set_no_cookie(nginx, blog):
    for path in (f"/liveblog/{blog}/updates.json", "/static/liveblog/shared/liveblog.css"):
        headers = nginx.get(f"{path}?lang=zh-hans", Accept_Language="en")[1]
        assert headers["Set-Cookie"] is None
        assert varies_by(headers) <= {"Accept-Encoding"}


def test_what_one_reader_asked_for_stays_out_of_the_next_one_s_frames(nginx, blog):
    """Requests and sockets take turns in the same workers."""
    for _ in range(4):
        assert language_of(nginx.get("/nothing-here/", Accept_Language="zh")) == ZH
        with Reader(f"ws://{nginx.address}/channel/liveblog/nothing/") as reader:
            assert reader.frame()["message"] == "There is no live blog at this address."
