"""What other programs read: the feed, a post's own page with its cards, the structured data."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from xml.etree import ElementTree

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.frames import PAGE

pytestmark = pytest.mark.django_db
READER = "/liveblog/demo/"
FEED = "/liveblog/demo/feed/"
ATOM = "{http://www.w3.org/2005/Atom}"
EVIL = "</script><script>alert(1)</script> <img src=x onerror=alert(2)> ]]> \x0b & \u2028"


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo & more", description="As it happens")


@pytest.fixture
def post(blog):
    return lambda body="Hello", **more: BlogUpdate.objects.create(blog=blog, body=body, **more)


def entries(response):
    return ElementTree.fromstring(response.content).findall(f"{ATOM}entry")


def text_in(entry, name):
    return entry.findtext(ATOM + name)


def meta(response):
    found = re.findall(
        r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', response.content.decode()
    )
    return {name: unescape(content) for name, content in found}


class TestFeed:
    def test_an_entry_has_all_of_a_post(self, client, post):
        update = post("Some **bold** [text](/there)", headline="Head & tail", author="Jo")
        response = client.get(FEED)
        assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
        (entry,) = entries(response)
        assert text_in(entry, "title") == "Head & tail"
        assert entry.find(f"{ATOM}content").get("type") == "html"
        assert "<strong>bold</strong>" in text_in(entry, "content")
        assert 'href="http://testserver/there"' in text_in(entry, "content")
        assert text_in(entry, f"author/{ATOM}name") == "Jo"
        (link,) = entry.findall(f"{ATOM}link")
        assert link.get("href") == f"http://testserver/liveblog/demo/{update.pk}/"

    def test_a_picture_s_address_is_absolute(self, client, post):
        post("![The lander](/media/lander.webp)")
        (entry,) = entries(client.get(FEED))
        assert 'src="http://testserver/media/lander.webp"' in text_in(entry, "content")

    def test_an_id_survives_an_edit_and_the_time_of_the_edit_is_said(self, client, post):
        update = post("Before")
        (before,) = entries(client.get(FEED))
        update.body = "After"
        update.save()
        (after,) = entries(client.get(FEED, headers={"Host": "testserver:80"}))
        assert text_in(after, "id") == text_in(before, "id")
        assert text_in(after, "id").startswith("tag:testserver,20")
        assert text_in(after, "title") == "After"
        assert text_in(after, "published") == text_in(before, "published")

    def test_newest_first_without_drafts_and_deleted_ones(self, client, post):
        old, gone, new = post("Old"), post("A secret"), post("New")
        post("Hidden", draft=True)
        post("Later", publish_at=timezone.now() + timedelta(days=1))
        gone.delete()
        response = client.get(FEED)
        assert [text_in(entry, "title") for entry in entries(response)] == [new.body, old.body]
        for text in (b"secret", b"Hidden", b"Later"):
            assert text not in response.content

    def test_key_events_only(self, client, post):
        post("Plain"), post("Key", key_event=True)
        response = client.get(f"{FEED}?key-events")
        assert [text_in(entry, "title") for entry in entries(response)] == ["Key"]
        (self_link,) = ElementTree.fromstring(response.content).findall(f"{ATOM}link[@rel='self']")
        assert self_link.get("href").endswith("/feed/?key-events")

    def test_it_has_a_page_of_entries_at_most(self, client, post):
        for _ in range(PAGE + 1):
            post()
        assert len(entries(client.get(FEED))) == PAGE

    def test_what_no_xml_may_hold_does_not_break_it_and_html_is_safe(self, client, post):
        post(EVIL, headline=EVIL, author="\x01")
        (entry,) = entries(client.get(FEED))
        assert "<script" not in text_in(entry, "content")
        assert "onerror" not in text_in(entry, "content")
        assert text_in(entry, "title").startswith("</script>")

    def test_an_empty_blog_is_a_feed_too(self, client, blog):
        assert entries(client.get(FEED)) == []
        assert client.get("/liveblog/nothing/feed/").status_code == 404

    def test_nothing_new_is_304_by_tag_and_by_date(self, client, blog, post):
        post()
        first = client.get(FEED)
        assert first["Cache-Control"] == "public, max-age=1"
        tag, date = first["ETag"], first["Last-Modified"]
        assert client.get(FEED, headers={"If-None-Match": tag}).status_code == 304
        assert client.get(FEED, headers={"If-Modified-Since": date}).status_code == 304
        post()
        assert client.get(FEED, headers={"If-None-Match": tag}).status_code == 200

    def test_a_deletion_makes_the_feed_newer(self, client, blog, post):
        update = post()
        # The date has whole seconds.
        early = timezone.now() - timedelta(minutes=1)
        QuerySet(LiveBlog).update(changed=early)
        date = client.get(FEED)["Last-Modified"]
        BlogUpdate.objects.get(pk=update.pk).delete()
        again = client.get(FEED, headers={"If-Modified-Since": date})
        assert again.status_code == 200 and entries(again) == []

    def test_the_reader_s_page_names_both_feeds(self, client, blog):
        page = client.get(READER).content.decode()
        links = re.findall(
            r'<link rel="alternate" type="application/atom\+xml"[^>]*href="(.*?)"', page
        )
        assert links == [FEED, f"{FEED}?key-events"]


class TestPost:
    def test_every_time_stamp_leads_there_without_a_script(self, client, post):
        update = post("Some **bold** text", headline="Head", author="Jo")
        address = f"{READER}{update.pk}/"
        assert f'href="{address}"' in client.get(READER).content.decode()
        response = client.get(address)
        page = response.content.decode()
        assert response.status_code == 200
        for part in ("<strong>bold</strong>", "<title>Head · Demo &amp; more</title>", ">Jo<"):
            assert part in page
        assert f'<link rel="canonical" href="http://testserver{address}">' in page
        assert response["Cache-Control"] == "public, max-age=1"

    def test_a_card_says_what_happened_and_shows_the_first_image(self, client, post):
        update = post('Look:\n\n![A "boat"](/media/boat.jpg)\n\n![](/media/b.jpg)', headline="H")
        found = meta(client.get(update.get_absolute_url()))
        assert found["og:title"] == "H"
        assert found["description"] == found["og:description"] == "Look:"
        assert found["og:url"] == f"http://testserver{update.get_absolute_url()}"
        assert found["og:image"] == "http://testserver/media/boat.jpg"
        assert found["og:image:alt"] == 'A "boat"'
        assert found["twitter:card"] == "summary_large_image"

    def test_a_card_knows_the_size_of_an_uploaded_picture(self, client, post):
        picture = f"/media/images/{'5' * 32}-1600x900.webp"
        found = meta(client.get(post(f"Look ![]({picture})").get_absolute_url()))
        assert found["og:image"] == f"http://testserver{picture}"
        assert (found["og:image:width"], found["og:image:height"]) == ("1600", "900")
        found = meta(client.get(post("![](https://example.org/a.png)").get_absolute_url()))
        assert found["og:image"] == "https://example.org/a.png"
        assert "og:image:width" not in found and "og:image:alt" not in found

    def test_without_headline_and_image_the_text_is_the_title(self, client, post):
        found = meta(client.get(post("*Words* " * 60).get_absolute_url()))
        assert found["og:title"].startswith("Words Words") and len(found["og:title"]) <= 80
        assert len(found["description"]) <= 200
        assert found["twitter:card"] == "summary"
        assert client.get(found["og:image"]).status_code == 200, "the site's own picture"

    def test_scripts_in_a_post_are_inert(self, client, post):
        update = post(EVIL, headline=f'"><svg onload=x>{EVIL}', author=EVIL)
        page = client.get(update.get_absolute_url()).content.decode()
        assert "<svg" not in page and page.count("<script") == 4  # the page's own

    def test_a_draft_is_404_and_a_deleted_one_410(self, client, post):
        gone, draft, dropped = post("A secret"), post(draft=True), post(draft=True)
        gone.delete(), dropped.delete()
        assert client.get(draft.get_absolute_url()).status_code == 404
        assert client.get(dropped.get_absolute_url()).status_code == 404
        response = client.get(gone.get_absolute_url())
        assert response.status_code == 410
        assert b"secret" not in response.content and b"noindex" in response.content
        assert READER in response.content.decode()

    def test_what_is_not_there_is_404(self, client, post):
        LiveBlog.objects.create(slug="other", title="Other")
        pk = post().pk
        for address in (f"{READER}{pk + 1}/", f"{READER}{'9' * 30}/", f"/liveblog/other/{pk}/"):
            assert client.get(address).status_code == 404, address

    def test_it_leads_back_to_its_place_in_the_stream(self, client, post):
        old = post("Old")
        for _ in range(PAGE):
            post()
        new = post("New")
        for update in (old, new):
            page = client.get(update.get_absolute_url()).content.decode()
            (place,) = re.findall(r'<p class="older"><a class="button" href="(.*?)"', page)
            address, _, fragment = place.partition("#")
            assert f'id="{fragment}"' in client.get(address).content.decode()
        assert address == READER


class TestStructuredData:
    def data(self, client, address=READER):
        page = client.get(address).content.decode()
        (text,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
        return json.loads(text)

    def test_the_page_is_a_live_blog_posting(self, client, blog, post):
        update = post("Some **bold** text", headline="Head", author="Jo")
        found = self.data(client)
        assert (found["@type"], found["headline"]) == ("LiveBlogPosting", "Demo & more")
        assert found["coverageStartTime"].endswith("Z") and "coverageEndTime" not in found
        (item,) = found["liveBlogUpdate"]
        assert item["headline"] == "Head" and item["articleBody"] == "Some bold text"
        assert item["url"] == f"http://testserver{update.get_absolute_url()}"
        assert item["datePublished"] == item["dateModified"]
        assert item["author"] == {"@type": "Person", "name": "Jo"}

    def test_an_update_s_first_image_is_named_with_its_size(self, client, post):
        picture = f"/media/images/{'5' * 32}-1600x900.webp"
        post(f"![The lander]({picture})\n\n![](/media/second.png)")
        (item,) = self.data(client)["liveBlogUpdate"]
        assert item["image"] == {
            "@type": "ImageObject",
            "url": f"http://testserver{picture}",
            "width": 1600,
            "height": 900,
            "caption": "The lander",
        }
        post(f'![a]({picture} "At noon | Jo Lee")')
        item, _ = self.data(client)["liveBlogUpdate"]
        assert item["image"]["creditText"] == "Jo Lee" and item["articleBody"] == "At noon Jo Lee"

    def test_an_announced_start_is_that_of_the_coverage(self, client, blog):
        blog.state, blog.starts_at = "upcoming", datetime(2027, 5, 1, 12, 30, tzinfo=UTC)
        blog.save()
        assert self.data(client)["coverageStartTime"] == "2027-05-01T12:30:00.000Z"

    def test_it_says_when_the_coverage_ended_and_a_post_was_edited(self, client, blog, post):
        update = post("Before")
        update.body = "After"
        update.save()
        blog.state = "ended"
        blog.save()
        found = self.data(client)
        assert found["coverageEndTime"] >= found["coverageStartTime"]
        assert found["dateModified"] >= found["liveBlogUpdate"][0]["dateModified"]
        (item,) = found["liveBlogUpdate"]
        assert item["dateModified"] > item["datePublished"] and item["headline"] == "After"

    def test_nothing_in_a_text_ends_the_block(self, client, blog, post):
        post(EVIL, headline=EVIL + "<!--<script>")
        blog.title = EVIL[:200]
        blog.save()
        found = self.data(client)
        assert found["liveBlogUpdate"][0]["headline"] == EVIL + "<!--<script>"
        page = client.get(READER).content.decode()
        blocks = re.findall(r"<script(?![^>]* src=)[^>]*>", page)
        assert blocks == [
            '<script type="application/ld+json">',
            '<script id="close-codes" type="application/json">',
        ]
        assert "alert(1)</script>" not in page

    def test_hidden_and_deleted_ones_are_not_in_it(self, client, post):
        post("A secret").delete()
        post("Hidden", draft=True)
        assert self.data(client)["liveBlogUpdate"] == []
