"""Readers find the updates with some words, whatever their case and script."""

import pytest

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading import search
from tests.liveblog.test_views import Tags, shown_ids, text_of

pytestmark = pytest.mark.django_db
READER = "/liveblog/demo/"


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def post(blog):
    return lambda body="Hello", **more: BlogUpdate.objects.create(blog=blog, body=body, **more).pk


def found(client, query, **more):
    return shown_ids(client.get(READER, {"q": query} | more))


def test_all_words_must_occur_in_any_text_and_case_does_not_matter(client, post):
    old = post("The **Bridge** is closed.", author="Zoë")
    new = post("Ferries run.", headline="No bridge")
    corrected = post("Another", correction="It was the RIVER bridge.")
    assert found(client, "BRIDGE") == [corrected, new, old]
    assert found(client, "closed bridge") == found(client, "ZOË") == [old]
    assert found(client, "bridge tunnel") == []
    assert "Nothing found." in text_of(client.get(READER, {"q": "tunnel"}))


def test_words_within_chinese_and_of_other_widths_are_found(client, post):
    chinese, russian = post("大桥已经关闭,渡轮每20分钟一班。"), post("Москва")
    assert found(client, "关闭") == found(client, "\uff12\uff10") == [chinese]
    assert found(client, "МОСКВА") == [russian]


def test_what_readers_do_not_see_is_not_found(client, blog, post):
    gone = BlogUpdate.objects.get(pk=post("secret"))
    gone.delete()
    post("secret", draft=True)
    post("[a link](https://secret.example.org/secret)")
    other = LiveBlog.objects.create(slug="other", title="Other")
    BlogUpdate.objects.create(blog=other, body="secret")
    assert found(client, "secret") == []


def test_a_page_that_is_full_leads_on(client, post, monkeypatch):
    ids = [post("same") for _ in range(search.PAGE + 2)]
    ids.reverse()
    response = client.get(READER, {"q": "same"})
    assert shown_ids(response) == ids[: search.PAGE]
    (link,) = Tags(response).all("a", rel="next")
    assert shown_ids(client.get(READER + link["href"])) == ids[search.PAGE :]
    monkeypatch.setattr(search, "SCANNED", 3)
    post("different")
    response = client.get(READER, {"q": "same"})
    assert shown_ids(response) == ids[:2] and Tags(response).all("a", rel="next")
    response = client.get(READER, {"q": "nowhere"})
    assert "Nothing found among these updates." in text_of(response)


def test_a_query_is_bounded_and_shown_as_text(client, blog, post):
    post("x")
    response = client.get(READER, {"q": "<b>&" + "y" * 500})
    assert response.status_code == 200 and "<b>&" not in text_of(response)
    assert len(search.words_of("a b " * 300)) == 2 and len(search.words_of("z" * 999)[0]) == 100
    assert response["Cache-Control"] == "public, max-age=1" and "noindex" in text_of(response)
    response = client.get(READER, {"q": " "})
    assert Tags(response).all("input", type="search", name="q") and not shown_ids(response)
    assert f'href="{READER}?q="' in text_of(client.get(READER))
    assert client.get(READER, {"q": "x", "before": "999"}).status_code == 404


def test_programs_search_too(client, post, settings):
    settings.API_TOKENS = ["token of the search"]
    headers = {"Authorization": f"Bearer {settings.API_TOKENS[0]}"}
    ids = [post("Bridge"), post("Other"), post("bridge")]
    answer = client.get("/api/liveblogs/demo/search/", {"q": "bridge"}, headers=headers).json()
    assert [row["id"] for row in answer["updates"]] == [ids[2], ids[0]]
    assert (answer["type"], answer["before"]) == ("found", None)
    below = {"q": "bridge", "before": ids[2]}
    answer = client.get("/api/liveblogs/demo/search/", below, headers=headers).json()
    assert [row["id"] for row in answer["updates"]] == [ids[0]]
    assert client.get("/api/liveblogs/demo/search/", headers=headers).json()["updates"] == []
