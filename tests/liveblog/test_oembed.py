"""oEmbed: live blogs and posts in sites that embed addresses. Checked against the rules of
WordPress for sites that it does not trust (wp_filter_oembed_result).
"""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from liveblog.models import BlogUpdate, LiveBlog
from tests.liveblog.test_views import text_of

pytestmark = pytest.mark.django_db
SITE = "http://testserver"
PICTURE = f"/media/images/{'5' * 32}-1600x900.webp"
# What WordPress looks for, and the tags and attributes that it keeps.
KEPT = re.compile(r"(<blockquote>.*?</blockquote>)?.*(<iframe.*?></iframe>)")
ATTRIBUTES = {"src", "width", "height", "frameborder", "marginwidth", "marginheight", "scrolling"}


@pytest.fixture
def blog(settings):
    settings.EMBED_ORIGINS = ["https://news.example"]
    return LiveBlog.objects.create(slug="demo", title='Demo "&" <more>')


@pytest.fixture
def update(blog):
    body = f"![a]({PICTURE})"
    return BlogUpdate.objects.create(blog=blog, headline="Head", body=body, author="Jo")


def ask(client, path, **more):
    return client.get("/oembed", {"url": SITE + path, "format": "json"} | more)


def discovered(client, path):
    """The answer to the address that a page names."""
    links = re.findall(
        r'<link [^>]*type="application/json\+oembed"[^>]*>', text_of(client.get(path))
    )
    (address,) = [unescape(re.search('href="(.*?)"', link)[1]) for link in links]
    assert address.startswith(f"{SITE}/oembed?")
    query = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    return client.get("/oembed", query).json()


def test_a_live_blog_and_a_post_name_their_frames(client, blog, update):
    for path, frame, title in (
        ("/liveblog/demo/", "/liveblog/demo/embed/", 'Demo "&" <more>'),
        (f"/liveblog/demo/{update.pk}/", f"/liveblog/demo/embed/{update.pk}/", "Head"),
    ):
        found = discovered(client, path)
        assert (found["type"], found["version"], found["title"]) == ("rich", "1.0", title)
        assert (found["thumbnail_url"], found["thumbnail_width"]) == (SITE + PICTURE, 1600)
        html = found["html"]
        assert KEPT.fullmatch(html) and html.count("<") == 6
        (tag,) = re.findall("<iframe (.*?)>", html)
        attributes = {name: unescape(value) for name, value in re.findall('(\\w+)="(.*?)"', tag)}
        assert attributes.keys() <= ATTRIBUTES | {"title"}
        assert attributes["src"] == SITE + frame and attributes["title"] == title
        assert int(attributes["height"]) == found["height"]
        response = client.get(frame)
        assert "https://news.example" in response["Content-Security-Policy"]
        assert "X-Frame-Options" not in response and "<form" not in text_of(response)
    assert found["author_name"] == "Jo"
    anchored = ask(client, f"/liveblog/demo/?before=1#update-{update.pk}").json()
    assert anchored["title"] == "Head"


def test_it_is_no_larger_than_the_site_allows(client, blog):
    found = ask(client, "/liveblog/demo/", maxwidth="300", maxheight="200").json()
    assert (found["width"], found["height"]) == (300, 200)
    found = ask(client, "/liveblog/demo/", maxwidth="9999", maxheight="x").json()
    assert (found["width"], found["height"]) == (600, 640)


def test_where_nothing_may_be_framed_it_is_a_link(client, blog, settings):
    settings.EMBED_ORIGINS = []
    found = ask(client, "/liveblog/demo/").json()
    assert found["type"] == "link" and "html" not in found


def test_other_addresses_are_404_and_other_formats_501(client, blog, update):
    draft = BlogUpdate.objects.create(blog=blog, body="secret", draft=True)
    gone = BlogUpdate.objects.create(blog=blog, body="secret")
    gone.delete()
    paths = ["/", "/liveblog/none/", "/liveblog/demo/edit/", "/admin/", "/nowhere", "//["]
    for path in [*paths, *(f"/liveblog/demo/{row.pk}/" for row in (draft, gone))]:
        assert ask(client, path).status_code == 404, path
    for url in ("", "https://elsewhere.example/liveblog/demo/", "javascript:x", "http://["):
        assert client.get("/oembed", {"url": url}).status_code == 404
    assert ask(client, "/liveblog/demo/", format="xml").status_code == 501
    assert client.get(f"/liveblog/demo/embed/{draft.pk}/").status_code == 404
