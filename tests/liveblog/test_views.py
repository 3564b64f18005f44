"""The pages as readers and editors meet them."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from conversations.json_text import encode
from conversations.redis_store import layer
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.frames import LONGEST_REPLAY, PAGE, replay_frame

pytestmark = pytest.mark.django_db
READER = "/liveblog/demo/"
EDITOR = "/liveblog/demo/edit/"
JSON = "/liveblog/demo/updates.json"


class Tags(HTMLParser):
    """Every start tag of a page, with its attributes."""

    def __init__(self, response):
        super().__init__()
        self.tags = []
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def all(self, tag, **wanted):
        wanted = {name.replace("_", "-"): value for name, value in wanted.items()}
        return [a for name, a in self.tags if name == tag and wanted.items() <= a.items()]


def shown_ids(response):
    return [int(i) for i in re.findall(r'<article [^>]*id="update-(\d+)"', text_of(response))]


def is_inert(script):
    """Loaded from our own address, or data that no browser runs."""
    return "src" in script or script.get("type") in ("application/json", "application/ld+json")


def text_of(response):
    return response.content.decode()


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo & more", description="As it happens")


@pytest.fixture
def post(blog):
    return lambda body="Hello", **more: BlogUpdate.objects.create(blog=blog, body=body, **more)


@pytest.fixture
def editor(client):
    """A client that is logged in as a member of staff."""
    user = User.objects.create_user("mara", is_staff=True, first_name="Mara", last_name="Lind")
    client.force_login(user)
    return client


def client_who_may(*verbs):
    user = User.objects.create_user("-".join(verbs) or "nobody")
    names = [f"{verb}_blogupdate" for verb in verbs]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


class TestIndex:
    def test_groups_the_blogs_by_state_in_the_order_in_which_they_matter(self, client, blog):
        day = datetime(2027, 5, 1, 12, tzinfo=UTC)
        for slug, state, starts_at in [
            ("over", "ended", None),
            ("sometime", "upcoming", None),
            ("later", "upcoming", day + timedelta(days=1)),
            ("soon", "upcoming", day),
        ]:
            LiveBlog.objects.create(slug=slug, title=slug, state=state, starts_at=starts_at)
        page = client.get("/")
        parts = [">Live</h2>", "Demo &amp; more", ">Upcoming</h2>", ">soon<", ">later<"]
        parts += [">sometime<", ">Ended</h2>", ">over<"]
        assert sorted(parts, key=text_of(page).index) == parts
        times = [time["datetime"] for time in Tags(page).all("time")]
        assert times == [day.isoformat(), (day + timedelta(days=1)).isoformat()]
        assert text_of(page).count("Starts ") == 2

    def test_shows_the_newest_update_of_each_and_no_draft_or_deleted_one(self, client, post):
        assert "No updates yet" in text_of(client.get("/"))
        kept, gone = post("Some *words*"), post("Gone")
        post("Hidden", draft=True)
        gone.delete()
        page = client.get("/")
        assert [time["datetime"] for time in Tags(page).all("time")] == [kept.created.isoformat()]
        assert ">Some words</span>" in text_of(page)
        assert "Gone" not in text_of(page) and "Hidden" not in text_of(page)

    def test_says_so_when_there_are_none(self, client):
        assert "There are no live blogs yet." in text_of(client.get("/"))


class TestReader:
    def test_shows_all_of_an_update_without_a_script(self, client, post):
        update = post("Some **bold** text", headline="Head", author="Jo", key_event=True)
        response = client.get(READER)
        page = text_of(response)
        for part in ("<strong>bold</strong>", ">Head<", ">Jo<", f'href="{READER}{update.pk}/"'):
            assert part in page
        (article,) = Tags(response).all("article", id=f"update-{update.pk}")
        assert article["data-revision"] == "1" and "data-key-event" in article

    def test_marks_an_edited_update(self, client, post):
        update = post()
        edited = re.compile(r'data-part="edited" hidden')
        assert edited.search(text_of(client.get(READER)))
        update.body = "Corrected"
        update.save()
        article = text_of(client.get(READER)).split("<template>")[0]
        assert not edited.search(article) and "Corrected" in article

    def test_headings_name_the_days_but_not_above_pinned_updates(self, client, post):
        rows = [post(), post(), post(pinned=True)]
        for row, day in zip(rows, (1, 2, 3), strict=True):
            created = datetime(2027, 5, day, 23, 30, tzinfo=UTC)
            BlogUpdate.objects.filter(pk=row.pk).update(created=created)
        page = text_of(client.get(READER))
        parts = [f'id="update-{rows[2].pk}"', "Sunday, May 2, 2027</h2>"]
        parts += [f'id="update-{rows[1].pk}"', "Saturday, May 1, 2027</h2>"]
        assert sorted(parts, key=page.index) == parts and page.count('class="day"') == 2
        assert "2027年5月2日星期日</h2>" in text_of(client.get(READER + "?lang=zh-hans"))

    def test_an_upcoming_blog_says_when_it_starts(self, client, blog):
        hidden = 'data-blog="starts_at" hidden>'
        assert hidden in text_of(client.get(READER))
        blog.starts_at = datetime(2027, 5, 1, 12, 30, tzinfo=UTC)
        blog.save()
        assert hidden in text_of(client.get(READER)), "it is live"
        blog.state = "upcoming"
        blog.save()
        page = text_of(client.get(READER))
        assert hidden not in page and "12:30 · May 1 UTC" in page
        assert client.get(JSON).json()["starts_at"] == "2027-05-01T12:30:00.000Z"

    def test_newest_first_and_a_pinned_one_on_top(self, client, post):
        old, middle, new = post(pinned=True), post(), post()
        assert shown_ids(client.get(READER)) == [old.pk, new.pk, middle.pk]

    def test_a_deleted_update_is_gone(self, client, post):
        post("A secret").delete()
        response = client.get(READER)
        assert shown_ids(response) == [] and "A secret" not in text_of(response)
        assert "No updates yet." in text_of(response)

    def test_carries_its_revision_and_the_path_of_its_socket(self, client, post):
        post(), post()
        (stream,) = [a for _, a in Tags(client.get(READER)).tags if "data-stream" in a]
        assert stream["data-revision"] == "2"
        assert stream["data-socket"] == "/channel/liveblog/demo/"

    def test_plain_links_lead_through_all_older_updates_each_once(self, client, post):
        ids = [post().pk for _ in range(2 * PAGE + 3)]
        seen, address = [], READER
        while True:
            response = client.get(address)
            seen += shown_ids(response)
            (link,) = re.findall(r'<p class="older"[^>]*>.*?</p>', text_of(response), re.S)
            if "hidden" in link:
                break
            address = READER + re.search(r'href="(\?before=\d+)"', link)[1]
        assert seen == ids[::-1]

    def test_an_old_link_works_although_its_update_was_deleted(self, client, post):
        first, second = post(), post()
        post()
        second.delete()
        assert shown_ids(client.get(f"{READER}?before={second.pk}")) == [first.pk]

    @pytest.mark.parametrize("before", ["x", "", "-1", "999", "9" * 30, "1 OR 1=1"])
    def test_a_senseless_before_is_not_found(self, client, post, before):
        post()
        assert client.get(READER, {"before": before}).status_code == 404

    def test_what_cannot_be_read_is_a_400_page_in_the_same_design(self, client):
        content_type = "multipart/form-data; boundary="
        garbage = client.post("/accounts/login/", b"wild", content_type=content_type)
        foreign = client.get("/", headers={"host": "elsewhere.example"})
        for response in (garbage, foreign):
            assert response.status_code == 400
            assert "this site has a different address" in text_of(response)
            assert Tags(response).all("link", rel="stylesheet")

    def test_an_unknown_blog_is_a_404_page_in_the_same_design(self, client):
        response = client.get("/liveblog/nothing/")
        assert response.status_code == 404
        assert "Check the address for typing errors." in text_of(response)
        assert Tags(response).all("link", rel="stylesheet")

    def test_scripts_and_handlers_in_a_post_are_inert(self, client, post):
        evil = '<script>alert(1)</script><img src=x onerror="alert(1)"><a href="javascript:x">a</a>'
        post(evil, headline="<script>alert(2)</script>", author='"><svg onload=alert(3)>')
        LiveBlog.objects.update(title="<script>alert(4)</script>", description="<b onclick=x>")
        tags = Tags(client.get(READER))
        assert all(is_inert(script) for script in tags.all("script"))
        assert not tags.all("svg")
        for _, attributes in tags.tags:
            assert not [name for name in attributes if name.startswith("on")]
            assert not (attributes.get("href") or "").startswith("javascript:")

    def test_no_page_needs_inline_scripts_or_styles(self, client, editor, post):
        post()
        for address in ("/", READER, EDITOR, "/accounts/login/", "/nothing"):
            tags = Tags(editor.get(address))
            assert not tags.all("style")
            assert all(is_inert(script) for script in tags.all("script"))
            assert not [a for _, a in tags.tags if "style" in a]

    def test_a_shared_cache_may_keep_it(self, client, post):
        post()
        for address in ("/", READER):
            response = client.get(address)
            assert response["Cache-Control"] == "public, max-age=1"
            assert "Cookie" not in response.get("Vary", "")

    def test_no_shared_cache_keeps_what_shows_who_is_logged_in(self, editor, post):
        address = post().get_absolute_url()
        for page in ("/", address):
            response = editor.get(page)
            assert "private" in response["Cache-Control"]
            assert "public" not in response["Cache-Control"]
            assert any(tag.get("href", "").startswith(EDITOR) for tag in Tags(response).all("a"))
            assert EDITOR not in text_of(Client().get(page))


class TestUpdatesJson:
    def test_is_the_replay_frame(self, client, blog, post):
        post(), post(), post().delete()
        blog.refresh_from_db()
        response = client.get(JSON, {"after": 1})
        assert response["Content-Type"] == "application/json"
        assert text_of(response) == encode(replay_frame(blog, 1))
        assert [u["action"] for u in response.json()["updates"]] == ["created", "deleted"]

    def test_without_a_revision_it_tells_all(self, client, post):
        post()
        assert len(client.get(JSON).json()["updates"]) == 1

    def test_who_missed_too_much_starts_anew(self, client, post):
        for _ in range(LONGEST_REPLAY + 1):
            post()
        replay = client.get(JSON, {"after": 0}).json()
        assert replay["reset"] is True and len(replay["updates"]) == PAGE

    @pytest.mark.parametrize("after", ["x", "", "-1", "1.5", " 1", "1_0", "٣", "9" * 19, "9" * 99])
    def test_a_wrong_revision_is_400_with_a_sentence(self, client, blog, after):
        response = client.get(JSON, {"after": after})
        assert response.status_code == 400
        error = response.json()
        assert (error["type"], error["code"]) == ("error", "bad_revision")
        assert error["message"].endswith(".")

    def test_an_unknown_blog_is_404_in_json(self, client):
        response = client.get("/liveblog/nothing/updates.json?after=0")
        assert response.status_code == 404
        assert response.json()["code"] == "unknown_blog"

    def test_a_shared_cache_may_keep_it(self, editor, post):
        response = editor.get(JSON)
        assert response["Cache-Control"] == "public, max-age=1"
        assert "Cookie" not in response.get("Vary", "")
        assert not response.cookies

    def test_nothing_new_is_304_and_a_change_is_not(self, client, post):
        post()
        tag = client.get(JSON)["ETag"]
        again = client.get(JSON, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again["Cache-Control"] == "public, max-age=1"
        post()
        assert client.get(JSON, headers={"If-None-Match": tag}).status_code == 200

    def test_only_reading_is_allowed(self, client, blog):
        assert client.post(JSON).status_code == 405
        assert client.head(JSON).status_code == 200


class TestEditor:
    def test_a_visitor_is_asked_to_log_in_and_comes_back(self, client, blog):
        response = client.get(EDITOR, follow=True)
        assert response.redirect_chain == [(f"/accounts/login/?next={EDITOR}", 302)]
        User.objects.create_user("jo", password="a long password", is_staff=True)
        data = {"username": "jo", "password": "a long password", "next": EDITOR}
        assert client.post("/accounts/login/", data).url == EDITOR

    def test_who_may_nothing_gets_403_with_a_sentence(self, blog):
        response = client_who_may().get(EDITOR)
        assert response.status_code == 403
        assert "permission to edit live blogs." in text_of(response)

    def test_the_author_is_filled_in(self, editor, blog):
        (author,) = Tags(editor.get(EDITOR)).all("input", name="author")
        assert author["value"] == "Mara Lind"

    def test_without_a_full_name_the_user_name_is_the_author(self, blog):
        (author,) = Tags(client_who_may("add").get(EDITOR)).all("input", name="author")
        assert author["value"] == "add"

    def test_publishes_and_says_so_after_a_redirect(self, editor, blog):
        data = {"headline": "Head", "body": "*Text*", "author": "Jo", "key_event": "on"}
        response = editor.post(EDITOR, data, follow=True)
        assert response.redirect_chain == [(EDITOR, 302)]
        assert "Published." in text_of(response) and "<em>Text</em>" in text_of(response)
        update = blog.updates.get()
        assert (update.headline, update.author) == ("Head", "Jo")
        assert (update.key_event, update.pinned, update.revision) == (True, False, 1)

    @pytest.mark.parametrize("body", ["", "  \n ", "x" * 20_001, "a\x00b"])
    def test_a_wrong_text_is_explained_beside_its_field_and_kept(self, editor, blog, body):
        response = editor.post(EDITOR, {"headline": "Kept", "body": body})
        assert response.status_code == 422
        tags = Tags(response)
        (field,) = tags.all("textarea", name="body")
        assert field["aria-invalid"] == "true"
        assert tags.all("ul", id="id_body_error")
        assert tags.all("input", name="headline", value="Kept")
        assert not BlogUpdate.objects.exists()

    def test_an_update_is_edited(self, editor, post):
        update = post("Before", author="Jo")
        page = editor.get(EDITOR, {"update": update.pk})
        assert re.search(r"<textarea[^>]*>\s*Before</textarea>", text_of(page))
        data = {"body": "After", "author": "Jo", "version": update.version}
        response = editor.post(f"{EDITOR}?update={update.pk}", data)
        assert response.url == EDITOR
        update.refresh_from_db()
        assert (update.body, update.revision) == ("After", 2)
        assert update.edited is not None

    def test_saving_without_a_change_takes_no_revision(self, editor, blog, post):
        update = post("Same", author="Jo")
        data = {"body": "Same", "author": "Jo", "version": update.version}
        response = editor.post(f"{EDITOR}?update={update.pk}", data, follow=True)
        assert "No changes to save." in text_of(response)
        blog.refresh_from_db()
        assert blog.revision == 1

    def test_an_edit_of_what_was_deleted_meanwhile_keeps_the_text(self, editor, blog, post):
        update = post()
        update.delete()
        response = editor.post(f"{EDITOR}?update={update.pk}", {"body": "My words"})
        assert response.status_code == 409
        assert "Someone else deleted this update" in text_of(response) and "My words" in text_of(
            response
        )
        (form,) = Tags(response).all("form", **{"class": "composer"})
        assert form["action"] == EDITOR
        assert not blog.updates.visible().exists()

    def test_deleting_leaves_a_tombstone_and_twice_is_no_error(self, editor, blog, post):
        update = post()
        first = editor.post(EDITOR, {"delete": update.pk}, follow=True)
        second = editor.post(EDITOR, {"delete": update.pk}, follow=True)
        assert "Update deleted." in text_of(first)
        assert "This update was already deleted." in text_of(second)
        blog.refresh_from_db()
        assert blog.revision == 2 and blog.updates.get().deleted

    @pytest.mark.parametrize("number", ["x", "", "999", "9" * 30])
    def test_what_does_not_exist_cannot_be_edited_or_deleted(self, editor, post, number):
        post()
        assert editor.post(EDITOR, {"delete": number}).status_code == 404
        assert editor.get(EDITOR, {"update": number}).status_code == 404
        assert editor.post(f"{EDITOR}?update={number}", {"body": "x"}).status_code == 404

    def test_an_update_of_another_blog_is_out_of_reach(self, editor, post):
        other = LiveBlog.objects.create(slug="other", title="Other")
        update = BlogUpdate.objects.create(blog=other, body="Theirs")
        assert editor.post(EDITOR, {"delete": update.pk}).status_code == 404
        data = {"body": "Mine"}
        assert editor.post(f"{EDITOR}?update={update.pk}", data).status_code == 404
        update.refresh_from_db()
        assert (update.body, update.deleted) == ("Theirs", False)

    @pytest.mark.parametrize("verb", ["add", "change", "delete"])
    def test_each_permission_allows_its_own_act_only(self, blog, post, verb):
        client, update = client_who_may(verb), post()
        acts = {
            "add": (EDITOR, {"body": "New", "action": "draft"}),
            "change": (f"{EDITOR}?update={update.pk}", {"body": "Changed", "version": 1}),
            "delete": (EDITOR, {"delete": update.pk}),
        }
        assert client.get(EDITOR).status_code == 200
        for act, (address, data) in sorted(acts.items()):
            response = client.post(address, data)
            assert response.status_code == (302 if act == verb else 403), act
            if act != verb:
                assert re.search("have permission|An editor|Only editors", text_of(response))

    def test_offers_only_what_the_user_may_do(self, blog, post):
        post()
        page = text_of(client_who_may("delete").get(EDITOR))
        assert 'name="delete"' in page
        assert 'name="body"' not in page and "?update=" not in page

    def test_a_form_of_another_site_is_refused(self, blog):
        user = User.objects.create_user("mara", is_staff=True)
        client = Client(enforce_csrf_checks=True)
        client.force_login(user)
        response = client.post(EDITOR, {"body": "Forged"})
        assert response.status_code == 403 and "This form has expired" in text_of(response)
        token = Tags(client.get(EDITOR)).all("input", name="csrfmiddlewaretoken")[0]["value"]
        data = {"body": "Mine", "csrfmiddlewaretoken": token}
        assert client.post(EDITOR, data).status_code == 302

    def test_no_cache_keeps_an_editors_page(self, editor, blog):
        assert "no-store" in editor.get(EDITOR)["Cache-Control"]

    @pytest.mark.django_db(transaction=True)
    def test_what_is_published_is_broadcast(self, editor, blog, monkeypatch):
        frames = []
        monkeypatch.setattr(
            layer().channel_layer,
            "send_group",
            lambda group, content, mark: frames.append((group, content["text"])),
        )
        editor.post(EDITOR, {"body": "Hello"})
        ((group, text),) = frames
        assert group == "liveblog-demo"
        assert json.loads(text)["content"] == "<p>Hello</p>"
