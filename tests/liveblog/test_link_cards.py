"""Cards in place of lone links: what is fetched, what is refused, and what readers get."""

import json
from ipaddress import ip_network

import pytest
from django.core.management import call_command
from django.utils import timezone

from liveblog.editing import idempotency
from liveblog.link_cards import client as http
from liveblog.link_cards import fetching, queue, rendering
from liveblog.link_cards.facts import facts_of_oembed, facts_of_page
from liveblog.link_cards.providers import FRAME_SOURCES, frame_of
from liveblog.models import BlogUpdate, LinkCardRequest, LiveBlog
from liveblog.reading.export import as_html, as_json
from liveblog.text.markup import render
from tests.liveblog.pictures import encoded, picture
from tests.liveblog.third_party import PAGE, Answer, other_site
from tests.liveblog.webhook_servers import answering, closed

pytestmark = pytest.mark.django_db

VIDEO = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
FRAMES = {
    VIDEO: "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?autoplay=1&rel=0",
    "https://youtu.be/dQw4w9WgXcQ?si=x&t=90s": FRAME_SOURCES[0]
    + "/embed/dQw4w9WgXcQ?autoplay=1&rel=0&start=90",
    "https://m.youtube.com/shorts/dQw4w9WgXcQ": FRAME_SOURCES[0]
    + "/embed/dQw4w9WgXcQ?autoplay=1&rel=0",
    "https://vimeo.com/76979871": "https://player.vimeo.com/video/76979871?dnt=1&autoplay=1",
    "https://vimeo.com/76979871/ab12": "https://player.vimeo.com/video/76979871?dnt=1&autoplay=1"
    "&h=ab12",
    "https://www.tiktok.com/@nasa/video/7106594312292453675": "https://www.tiktok.com/player/v1/"
    "7106594312292453675?autoplay=1",
    "https://x.com/NASA/status/1590000000000000000?s=20": "https://platform.twitter.com/embed/"
    "Tweet.html?id=1590000000000000000&dnt=true",
    "https://bsky.app/profile/nasa.gov/post/3kabc": "https://embed.bsky.app/embed/nasa.gov/"
    "app.bsky.feed.post/3kabc",
    "https://www.instagram.com/nasa/reel/C1_a-b/": "https://www.instagram.com/reel/C1_a-b/embed/",
}
NO_FRAMES = [
    "https://www.youtube.com/@NASA",
    "https://youtube.com.example.org/watch?v=dQw4w9WgXcQ",
    "https://example.org/https://youtu.be/dQw4w9WgXcQ",
    "https://x.com/NASA",
    "https://mastodon.social/@nasa/1100",
]


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="moon", title="Moon")


@pytest.fixture
def site(settings):
    settings.LINK_CARD_NETWORKS = [ip_network("127.0.0.0/8")]
    with other_site() as site:
        yield site


def written(blog, text):
    update = BlogUpdate(blog=blog, body=text)
    update.save(writer="Ed")
    return update


def fetched(update):
    """The update after all that is due was fetched."""
    queue.fetch_due()
    update.refresh_from_db()
    return update


def requests():
    return list(LinkCardRequest.objects.values_list("address", "attempts"))


# Which links become cards


def test_a_link_alone_in_its_paragraph_is_meant_and_no_other():
    text = f"""See {VIDEO}

<https://example.org/a?b=1&c=ü>

www.example.org/x_y

[A text](https://example.org/named)

https://example.org/1
https://example.org/2

- https://example.org/list"""
    assert rendering.lone_addresses(render(text)) == [
        "https://example.org/a?b=1&c=%C3%BC",
        "http://www.example.org/x_y",
    ]


def test_a_post_has_a_bounded_number_of_cards():
    text = "\n\n".join(f"https://example.org/{n}" for n in range(50))
    assert len(rendering.lone_addresses(render(text))) == rendering.MAX_CARDS
    long = f"https://example.org/{'x' * rendering.LONGEST_ADDRESS}"
    assert rendering.lone_addresses(render(long)) == []


@pytest.mark.parametrize("address", FRAMES)
def test_videos_and_posts_have_frames(address):
    assert frame_of(address).address == FRAMES[address]
    assert FRAMES[address].startswith(tuple(f"{source}/" for source in FRAME_SOURCES))


@pytest.mark.parametrize("address", NO_FRAMES)
def test_other_pages_have_no_frames(address):
    assert frame_of(address) is None


# Fetching


def test_a_page_becomes_a_card_with_a_picture_of_our_own(blog, site):
    address = site.has("/landing")
    site.answers["/picture.png"] = Answer(encoded(picture((64, 48))), "image/png")
    update = written(blog, f"Look:\n\n{address}")
    assert "link-card" not in update.content and site.requested == []
    html = fetched(update).content
    assert '<div class="link-card link-card-page"><a href="' + address in html
    assert "<b>Landing site &amp; rocks</b> <small>Moon Times · Ann</small>" in html
    assert '" alt="" width="64" height="48" loading="lazy"' in html
    assert 'src="/media/images/' in html and "picture.png" not in html
    assert "data-frame" not in html and requests() == []


def test_a_video_has_a_card_at_once_and_more_when_the_provider_has_answered(
    blog, site, monkeypatch
):
    update = written(blog, VIDEO)
    assert '<div class="link-card link-card-video" data-frame="https://www.youtube-noc' in (
        update.content
    )
    assert "<b>www.youtube.com/watch?v=dQw4w9WgXcQ</b> <small>YouTube</small>" in update.content
    facts = {"title": "<Landing>", "author_name": "NASA", "thumbnail_url": site.address + "/p"}
    site.answers["/oembed"] = Answer(json.dumps(facts).encode(), "application/json")
    site.answers["/p"] = Answer(encoded(picture((64, 36)), "JPEG"), "image/jpeg")
    provider = type(frame_of(VIDEO).provider)
    monkeypatch.setattr(provider, "oembed_address", lambda *_: site.address + "/oembed")
    html = fetched(update).content
    assert "<b>&lt;Landing&gt;</b> <small>YouTube · NASA</small>" in html
    assert 'width="64" height="36"' in html


def test_mastodon_names_the_author_by_oembed(blog, site):
    link = '<link rel="alternate" type="application/json+oembed" href="/api/oembed?url=x">'
    page = f'<head>{link}<meta property="og:title" content="Ann (@ann@m.example)"></head>'
    site.has("/@ann/1100", page)
    site.answers["/api/oembed?url=x"] = Answer(b'{"author_name": "Ann"}', "application/json")
    update = fetched(written(blog, f"{site.address}/@ann/1100"))
    assert "<b>Ann (@ann@m.example)</b> <small>127.0.0.1 · Ann</small>" in update.content


def test_a_short_address_leads_to_the_providers_frame(blog, site, monkeypatch):
    monkeypatch.setattr(http, "check", lambda address: None)
    provider = type(frame_of(VIDEO).provider)
    monkeypatch.setattr(provider, "oembed_address", lambda *_: site.address + "/oembed")
    site.answers["/oembed"] = Answer(b'{"title": "Landing"}', "application/json")

    async def follow(address, accept, most, tls):
        if address.endswith("/short"):
            return http.Resource(VIDEO, "text/html", None, b"", False)
        return await real(address, accept, most, tls)

    real = http.follow
    monkeypatch.setattr(http, "follow", follow)
    update = fetched(written(blog, site.address + "/short"))
    assert update.link_cards[site.address + "/short"]["resolved"] == VIDEO
    assert f'data-frame="{FRAMES[VIDEO].replace("&", "&amp;")}"' in update.content
    assert f'<a href="{site.address}/short"' in update.content


def test_posts_are_known_by_their_author_and_words():
    html = '<blockquote><p lang="en">One <b>small</b> step<br>&amp; a leap</p>&mdash;</blockquote>'
    facts = facts_of_oembed(json.dumps({"author_name": "NASA", "html": html}).encode(), "")
    card = fetching.as_card("x", fetching.Fetched(facts, "x", b""))
    assert (card["title"], card["text"]) == ("NASA", "One small step & a leap")


# What is refused


def is_given_up(update):
    html = fetched(update).content
    row = LinkCardRequest.objects.get()
    return "link-card" not in html and row.due is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_private_networks_are_not_reached(blog, site, settings, host):
    settings.LINK_CARD_NETWORKS = []
    site.has("/")
    assert is_given_up(written(blog, f"<http://{host}:{site.server_port}/>"))
    assert site.requested == []


def test_a_redirect_to_a_private_network_is_not_followed(blog, site):
    site.answers["/"] = Answer(status=302, location="http://169.254.169.254/latest")
    site.answers["/file"] = Answer(status=302, location="file:///etc/passwd")
    assert is_given_up(written(blog, f"{site.address}/"))
    LinkCardRequest.objects.all().delete()
    assert is_given_up(written(blog, f"{site.address}/file"))


def test_redirects_are_followed_but_not_for_ever(blog, site):
    site.answers["/old"] = Answer(status=301, location="/new")
    site.has("/new")
    assert "Landing site" in fetched(written(blog, f"{site.address}/old")).content
    site.answers["/round"] = Answer(status=302, location="/round")
    assert is_given_up(written(blog, f"{site.address}/round"))
    assert site.requested.count("/round") == http.MAX_REDIRECTS + 1


def test_what_is_too_large_is_cut_or_left_out(blog, site):
    site.has("/long", PAGE + " " * fetching.LARGEST_PAGE * 2)
    site.answers["/picture.png"] = Answer(b"\x89PNG" + bytes(fetching.LARGEST_PICTURE), "image/png")
    html = fetched(written(blog, f"{site.address}/long")).content
    assert "Landing site" in html and "<img" not in html


def test_a_picture_of_too_many_pixels_is_left_out(blog, site, monkeypatch):
    monkeypatch.setattr(fetching, "PIXELS", 100)
    site.answers["/picture.png"] = Answer(encoded(picture((20, 20))), "image/png")
    assert "<img" not in fetched(written(blog, site.has("/"))).content


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"\x00\xff<meta property='og:title' content=" + b"<" * 4000),
        Answer(b"%PDF-1.7", "application/pdf"),
        Answer(status=404),
        Answer(b"<title> </title>"),
    ],
)
def test_what_is_no_page_stays_a_link(blog, site, answer):
    site.answers["/"] = answer
    assert is_given_up(written(blog, f"{site.address}/"))


def test_garbage_takes_little_time():
    for garbage in ("<", "<meta ", "<meta a='", "<p><p", "<link type=", "<title>", "\u202e"):
        page = (garbage * 300_000)[: fetching.LARGEST_PAGE].encode()
        facts_of_page(page, "no-such-charset", "https://example.org/")
        facts_of_oembed(json.dumps({"html": garbage * 5_000}).encode(), "")
    with pytest.raises(ValueError):
        facts_of_oembed(b"[" * 100_000, "")


def test_a_slow_site_is_given_its_time_and_tried_again_later(blog, settings, monkeypatch):
    settings.LINK_CARD_NETWORKS = [ip_network("127.0.0.0/8")]
    monkeypatch.setattr(http, "TIMEOUT", 0.3)
    with answering([b"HTTP/1.1 200 OK\r\nX: ", *[b"x"] * 400]) as port:
        update = written(blog, f"http://127.0.0.1:{port}/")
        assert "link-card" not in fetched(update).content
    row = LinkCardRequest.objects.get()
    assert row.attempts == 1 and row.due > timezone.now()


def test_after_a_few_attempts_the_link_stays_a_link(blog, settings):
    settings.LINK_CARD_NETWORKS = [ip_network("127.0.0.0/8")]
    update = written(blog, closed())
    for _ in range(len(queue.BACKOFF) + 1):
        fetched(update)
        LinkCardRequest.objects.exclude(due=None).update(due=timezone.now())
    assert requests() == [(update.body, len(queue.BACKOFF) + 1)]
    assert LinkCardRequest.objects.get().due is None
    update.pinned = True
    update.save()  # does not ask again
    assert LinkCardRequest.objects.get().due is None


def test_where_the_disk_is_full_the_card_comes_later(blog, site, monkeypatch):
    site.answers["/picture.png"] = Answer(encoded(picture((31, 31))), "image/png")
    update = written(blog, site.has("/"))

    def refuse(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "store", refuse)
        assert "link-card" not in fetched(update).content
    LinkCardRequest.objects.update(due=timezone.now())
    assert "/media/images/" in fetched(update).content


def test_an_update_cannot_make_a_card_of_its_own(blog):
    html = '<div class="link-card" data-frame="https://evil.example/"><p>Click</p></div>'
    assert written(blog, html).content == "<p>Click</p>"


def test_a_claimed_request_is_fetched_once(blog, site):
    written(blog, site.has("/"))
    assert len(queue.claim()) == 1
    assert queue.claim() == []


# What writers and readers notice


def test_a_card_is_no_edit_and_no_conflict(blog, site):
    update = written(blog, site.has("/"))
    seen = update.version
    written(blog, "Another")
    fetched(update)
    assert update.revision == 3 and update.edited is None and update.editor == "Ed"
    assert update.past.count() == 0
    idempotency.change(blog, "key", update.pk, seen, body=f"{update.body}\n\nMore")
    update.refresh_from_db()
    assert "Landing site" in update.content and "More" in update.content
    with pytest.raises(idempotency.Conflict):
        idempotency.change(blog, "other", update.pk, seen, body="Overwritten")


def test_a_client_of_the_api_that_read_it_before_the_card_may_write(blog, site, settings, client):
    settings.API_TOKENS = ["token"]
    headers = {"Authorization": "Bearer token"}
    update = written(blog, site.has("/"))
    path = f"/api/liveblogs/moon/updates/{update.pk}/"
    before = client.get(path, headers=headers)["ETag"]
    fetched(update)
    assert client.get(path, headers=headers)["ETag"] != before
    for status in (200, 412):
        answer = client.patch(
            path,
            {"body": f"{status} {update.body}"},
            content_type="application/json",
            headers=headers | {"If-Match": before},
        )
        assert answer.status_code == status


def test_a_card_goes_with_its_address(blog, site):
    update = fetched(written(blog, site.has("/")))
    update.body = "Nothing to see"
    update.save()
    update.refresh_from_db()
    assert update.link_cards == {}


def test_a_card_that_comes_too_late_is_dropped(blog, site):
    update = written(blog, site.has("/"))
    update.body = "Nothing to see"
    update.save()
    assert fetched(update).link_cards == {} and requests() == []
    assert update.revision == 2


def test_nothing_of_a_draft_leaves_the_server(blog, site):
    update = BlogUpdate(blog=blog, body=site.has("/"), draft=True)
    update.save()
    assert fetched(update).link_cards == {} and site.requested == []
    update.draft = False
    update.save(update_fields=["draft"])
    assert "Landing site" in fetched(update).content


def test_feeds_and_exports_have_links_with_titles(blog, site, client):
    update = fetched(written(blog, site.has("/")))
    link = f'<p><a href="{update.body}" rel="noopener nofollow ugc">Landing site &amp; rocks</a>'
    assert f"{link} (Moon Times)</p>" in as_html(blog)
    feed = client.get("/liveblog/moon/feed/").text
    assert "Landing site" in feed and "link-card" not in feed and "/media/" not in feed
    assert "Landing site" not in as_json(blog) and update.body in as_json(blog)
    posting = client.get("/liveblog/moon/").text.partition("ld+json")[2].partition("</script>")[0]
    assert "Landing site" not in posting and update.body in posting


def test_an_import_fetches_again(blog, site, tmp_path):
    update = fetched(written(blog, site.has("/")))
    file = tmp_path / "moon.json"
    file.write_text(as_json(blog))
    call_command("import", file, slug="copy")
    assert requests() == [(update.body, 0)]


def test_the_picture_of_a_card_is_in_use(blog, site):
    from liveblog.pictures.unused import unused

    site.answers["/picture.png"] = Answer(encoded(picture((63, 47))), "image/png")
    update = fetched(written(blog, site.has("/")))
    name = update.link_cards[update.body]["picture"].rpartition("/")[2]
    assert name not in [path.name for path in unused(age=-1)]
    update.link_cards = {}
    update.save()
    LinkCardRequest.objects.all().delete()
    assert name in [path.name for path in unused(age=-1)]


def test_pages_admit_exactly_the_frames_of_cards(blog, client):
    written(blog, VIDEO)
    policy = client.get("/liveblog/moon/")["Content-Security-Policy"]
    assert policy == f"frame-src 'self' {' '.join(FRAME_SOURCES)}"
    framed = client.get("/liveblog/moon/embed/")["Content-Security-Policy"]
    assert framed == f"frame-ancestors 'self'; {policy}"
    for path in ("/", "/liveblog/moon/updates.json", "/accounts/login/"):
        assert "frame-src" not in client.get(path).get("Content-Security-Policy", "")


def test_switched_off_nothing_is_fetched_and_posts_have_links(blog, site, settings, client):
    fetched(written(blog, site.has("/")))
    settings.LINK_CARDS = False
    written(blog, VIDEO)
    page = client.get("/liveblog/moon/")
    assert "Content-Security-Policy" not in page
    assert 'class="link-card' not in page.text
    assert f'<p><a href="{VIDEO}"' in page.text and requests() == []


def test_links_that_wait_and_links_that_stay_are_in_the_metrics(blog, site, client):
    fetched(written(blog, f"{site.address}/missing"))
    written(blog, f"{site.address}/later")
    lines = client.get("/metrics").text.splitlines()
    assert "liveblog_link_cards_waiting 1.0" in lines
    assert "liveblog_link_cards_given_up 1.0" in lines
