"""Which updates stand on which page, in either order; the key events; what caches are told."""

import re

import pytest

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading.pages import MAX_KEY_EVENTS
from liveblog.stream.frames import PAGE
from tests.liveblog.test_views import Tags, shown_ids, text_of

pytestmark = pytest.mark.django_db
READER = "/liveblog/demo/"


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo & more")


@pytest.fixture
def post(blog):
    return lambda body="Hello", **more: BlogUpdate.objects.create(blog=blog, body=body, **more)


@pytest.fixture
def ended(blog, post):
    update = post()
    blog.state = "ended"
    blog.save()
    return update


def stream_of(response):
    (stream,) = [a for _, a in Tags(response).tags if "data-stream" in a]
    return stream


class TestOldestFirst:
    def test_plain_links_lead_through_all_updates_each_once(self, client, post):
        ids = [post().pk for _ in range(2 * PAGE + 3)]
        seen, address = [], f"{READER}?order=oldest"
        while address:
            response = client.get(address)
            seen += shown_ids(response)
            link = re.search(r'<p class="older">.*?href="(.*?)"', text_of(response))
            address = link and READER + link[1].replace("&amp;", "&")
        assert seen == ids

    def test_pinned_ones_stand_on_top_of_the_first_page_however_new(self, client, post):
        ids = [post().pk for _ in range(PAGE + 1)]
        new = post(pinned=True).pk
        first = client.get(f"{READER}?order=oldest")
        assert shown_ids(first) == [new, *ids[:PAGE]]
        second = client.get(f"{READER}?order=oldest&after={ids[PAGE - 1]}")
        assert shown_ids(second) == [ids[PAGE], new]

    def test_the_script_is_told_between_which_places_the_page_lies(self, client, post):
        ids = [post().pk for _ in range(PAGE + 1)]
        first = stream_of(client.get(f"{READER}?order=oldest"))
        assert int(first["data-ceiling-id"]) == ids[PAGE - 1] + 1
        assert "data-floor-id" not in first and first["data-order"] == "oldest"
        second = stream_of(client.get(f"{READER}?order=oldest&after={ids[PAGE - 1]}"))
        assert int(second["data-floor-id"]) == ids[PAGE - 1] + 1
        assert "data-ceiling-id" not in second

    def test_both_orders_are_offered_and_the_present_one_is_marked(self, client, post):
        for order in ("newest", "oldest"):
            tags = Tags(client.get(f"{READER}?order={order}"))
            marked = tags.all("a", aria_current="true", data_order_choice=order)
            assert [link["href"] for link in marked] == [f"?order={order}"]

    def test_an_order_that_there_is_not_is_not_found(self, client, blog):
        assert client.get(f"{READER}?order=best").status_code == 404


class TestKeyEvents:
    def links(self, client, address=READER):
        nav = text_of(client.get(address)).split("data-key-list>")[1].split("</ol>")[0]
        return re.findall(r'<a href="(.*?)">.*?<span dir="auto">(.*?)</span>', nav)

    def test_each_link_leads_to_the_page_that_holds_the_post(self, client, post):
        old = post("*First* words", key_event=True)
        for _ in range(2 * PAGE):
            post()
        new = post(headline="News & more", key_event=True)
        for order in ("newest", "oldest"):
            links = self.links(client, f"{READER}?order={order}")
            assert [title for _, title in links] == ["News &amp; more", "First words"]
            for (href, _), update in zip(links, (new, old), strict=True):
                if href.startswith("#"):
                    continue
                response = client.get(href.partition("#")[0].replace("&amp;", "&"), follow=True)
                assert update.pk in shown_ids(response)
                ((last, _),) = response.redirect_chain
                assert last.endswith(f"#update-{update.pk}")

    def test_a_caption_is_no_part_of_the_text_in_the_list(self, client, post):
        post('A bridge:\n\n![a](/media/images/a.webp "At noon | Li Wei")', key_event=True)
        post('![b](/media/images/b.webp "Alone | Li Wei")', key_event=True)
        assert [title for _, title in self.links(client)] == ["Alone Li Wei", "A bridge:"]

    def test_a_post_on_this_page_is_a_fragment_of_it(self, client, post):
        update = post(key_event=True)
        assert self.links(client)[0][0] == f"#update-{update.pk}"

    def test_only_the_newest_are_listed_and_a_link_leads_to_the_others(self, client, post):
        more = re.compile(r'<p class="key-events-more" data-key-more><a href="(.*?)">')
        oldest = post(key_event=True)
        for _ in range(MAX_KEY_EVENTS - 1):
            post(key_event=True)
        assert not more.search(text_of(client.get(READER)))
        post(key_event=True)
        assert len(self.links(client)) == MAX_KEY_EVENTS
        address = READER + more.search(text_of(client.get(READER)))[1]
        assert shown_ids(client.get(address)) == [oldest.pk]

    def test_hidden_and_deleted_ones_are_not_listed(self, client, post):
        post("A secret", key_event=True, draft=True)
        post("Gone", key_event=True).delete()
        assert self.links(client) == []

    def test_a_post_that_was_deleted_leads_to_where_it_stood(self, client, post):
        gone, kept = post(), post()
        gone.delete()
        response = client.get(f"{READER}?at={gone.pk}", follow=True)
        assert response.status_code == 200
        assert client.get(f"{READER}?at={kept.pk + 1}").status_code == 404


class TestCaches:
    @pytest.mark.parametrize("address", [READER, f"{READER}?order=oldest", READER + "{pk}/"])
    def test_after_the_end_shared_caches_keep_it_and_browsers_look_again(
        self, client, ended, address
    ):
        response = client.get(address.format(pk=ended.pk))
        control = set(response["Cache-Control"].split(", "))
        assert control == {"public", "max-age=60", "s-maxage=31536000"}
        assert response["X-Accel-Expires"] == "1"
        tag = {"If-None-Match": response["ETag"]}
        assert client.get(address.format(pk=ended.pk), headers=tag).status_code == 304
        ended.body = "Corrected"
        ended.save()
        assert client.get(address.format(pk=ended.pk), headers=tag).status_code == 200

    def test_while_it_is_covered_nobody_keeps_it(self, client, post):
        response = client.get(READER)
        assert response["Cache-Control"] == "public, max-age=1"
        assert "X-Accel-Expires" not in response

    def test_an_ended_page_says_so_to_the_script_and_an_editor_s_stays(self, admin_client, ended):
        stream = stream_of(admin_client.get(READER))
        assert stream["data-state"] == "ended" and "data-stay" not in stream
        assert "data-stay" in stream_of(admin_client.get(f"{READER}edit/"))


class TestCard:
    def meta(self, client, address=READER, **options):
        tags = Tags(client.get(address, **options))
        found = {a.get("property", a.get("name")): a.get("content") for a in tags.all("meta")}
        (canonical,) = tags.all("link", rel="canonical")
        return found | {"canonical": canonical["href"]}

    def test_the_blog_has_one_with_its_newest_picture(self, client, blog, post):
        post("![Earth](/media/earth.jpg)")
        post("![A boat](/media/boat.jpg)")
        found = self.meta(client)
        assert (found["og:title"], found["og:type"]) == ("Demo & more", "website")
        assert found["og:image"] == "http://testserver/media/boat.jpg"
        assert found["twitter:card"] == "summary_large_image"
        assert found["og:description"] == "A boat", "without a description of its own"
        assert found["og:url"] == found["canonical"] == f"http://testserver{READER}"

    def test_either_order_is_the_same_page_and_an_older_one_its_own(self, client, post):
        ids = [post().pk for _ in range(2)]
        assert self.meta(client, f"{READER}?order=oldest")["canonical"].endswith("/demo/")
        older = f"{READER}?before={ids[1]}"
        assert self.meta(client, older)["canonical"] == f"http://testserver{older}"

    def test_every_address_is_https_where_the_reader_came_by_it(self, client, post):
        """In cards, JSON-LD and the feed."""
        update = post("![A boat](/media/boat.jpg)", key_event=True)
        for address in (READER, update.get_absolute_url(), f"{READER}feed/"):
            page = text_of(client.get(address, secure=True))
            assert "https://testserver/" in page
            assert "http://testserver" not in page
