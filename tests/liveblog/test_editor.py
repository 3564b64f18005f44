"""What the editor's page answers to scripts, to doubles, to conflicts, and about drafts."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.frames import replay_frame
from tests.liveblog.test_views import Tags, client_who_may, text_of

pytestmark = pytest.mark.django_db
EDITOR = "/liveblog/demo/edit/"
JSON = {"Accept": "application/json"}


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def editor(client, blog):
    """A client that is logged in as a member of staff."""
    client.force_login(User.objects.create_user("mara", is_staff=True))
    return client


@pytest.fixture
def update(blog):
    return BlogUpdate.objects.create(blog=blog, headline="Head", body="Before", author="Jo")


def ask(client, data, address=EDITOR):
    """The status and the JSON that a script is answered."""
    response = client.post(address, data, headers=JSON)
    assert response["Content-Type"] == "application/json", text_of(response)
    assert "no-store" in response["Cache-Control"]
    return response.status_code, response.json()


def listed(client, name, query=""):
    """The ids of the updates in a list of the page, in its order."""
    desk = client.get(f"{EDITOR}?{query}").context["desk"]
    found = next(each for each in [*desk.lists, desk.found] if each and each.name == name)
    return [row.update.pk for row in found.rows]


class TestScripts:
    def test_a_post_is_acknowledged_and_the_same_key_alike(self, editor, blog):
        answers = [ask(editor, {"body": "Hello", "key": "k-1"}) for _ in range(2)]
        update = blog.updates.get()
        ack = {"type": "ack", "id": update.pk, "revision": 1, "version": 1}
        assert answers == [(200, ack | {"key": "k-1", "action": "created"})] * 2

    def test_a_change_and_a_deletion_are_acknowledged(self, editor, update):
        address = f"{EDITOR}?update={update.pk}"
        data = {"headline": "Head", "body": "After", "author": "Jo", "version": 1, "key": "k"}
        status, changed = ask(editor, data, address)
        assert (status, changed["action"], changed["revision"]) == (200, "changed", 2)
        status, gone = ask(editor, {"delete": update.pk, "version": 2, "key": "d"})
        assert (status, gone["action"], gone["revision"]) == (200, "deleted", 3)
        status, again = ask(editor, {"delete": update.pk, "version": 2, "key": "e"})
        assert (status, again["action"], again["revision"]) == (200, "unchanged", 3)

    def test_a_conflict_tells_what_is_there_and_overwrites_nothing(self, editor, update):
        update.body = "*Theirs*"
        update.save()
        data = {"body": "Mine", "version": 1, "key": "k"}
        for sent, address in (
            (data, f"{EDITOR}?update={update.pk}"),
            ({"delete": update.pk, "version": 1}, EDITOR),
        ):
            status, error = ask(editor, sent, address)
            assert (status, error["type"], error["code"]) == (409, "error", "conflict")
            current = error["current"]
            assert (current["id"], current["revision"], current["version"]) == (update.pk, 2, 2)
            assert (current["body"], current["headline"]) == ("*Theirs*", "Head")
            assert current["content"] == "<p><em>Theirs</em></p>"
        update.refresh_from_db()
        assert (update.body, update.revision) == ("*Theirs*", 2)
        # Nothing was recorded under the key: sent over what was shown, it is written.
        assert ask(editor, data | {"version": 2}, f"{EDITOR}?update={update.pk}")[0] == 200

    def test_what_was_deleted_is_a_conflict_that_gives_nothing_away(self, editor, update):
        update.delete()
        data = {"body": "Mine", "version": 1}
        status, error = ask(editor, data, f"{EDITOR}?update={update.pk}")
        assert (status, error["current"]["action"], error["current"]["body"]) == (
            *(409, "deleted"),
            "",
        )

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"body": ""}, "body"),
            ({"body": "x" * 20_001}, "body"),
            ({"body": "a\0b"}, "body"),
            ({"key": "a b"}, "key"),
            ({"key": "x" * 65}, "key"),
            ({"key": "\0"}, "key"),
            ({"action": "burn"}, "action"),
            ({"publish_at": "tomorrow"}, "publish_at"),
            ({"publish_at": "0001-01-01T00:00+12:00"}, "publish_at"),
            ({"publish_at": "9999-12-31T23:59-12:00"}, "publish_at"),
            ({"version": "x"}, "version"),
            ({"version": "9" * 30}, "version"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_field(self, editor, blog, wrong, field):
        status, error = ask(editor, {"body": "Hello"} | wrong)
        assert (status, error["type"], error["code"]) == (422, "error", "invalid")
        assert list(error["fields"]) == [field]
        assert all(sentence.endswith((".", ")")) for sentence in error["fields"][field])
        assert not blog.updates.exists()

    def test_a_change_names_the_version_that_it_saw(self, editor, update):
        status, error = ask(editor, {"body": "Mine"}, f"{EDITOR}?update={update.pk}")
        assert (status, list(error["fields"])) == (422, ["version"])

    def test_who_is_logged_out_hears_it_instead_of_a_login_page(self, client, blog):
        status, error = ask(client, {"body": "Hello"})
        assert (status, error["code"]) == (401, "not_logged_in")
        assert not blog.updates.exists()

    def test_who_may_not_hears_it(self, blog, update):
        for client in (client_who_may(), client_who_may("delete")):
            status, error = ask(client, {"body": "Hello"})
            assert (status, error["code"]) == (403, "not_allowed")
            assert error["message"].startswith("You don't have permission")

    def test_what_is_not_there_is_404_with_its_code(self, editor):
        assert ask(editor, {}, "/liveblog/nothing/edit/")[1]["code"] == "unknown_blog"
        for data, address in (({"body": "x"}, f"{EDITOR}?update=999"), ({"delete": "x"}, EDITOR)):
            status, error = ask(editor, data, address)
            assert (status, error["code"]) == (404, "not_found")

    def test_a_form_of_another_site_is_refused(self, blog):
        client = Client(enforce_csrf_checks=True)
        client.force_login(User.objects.create_user("mara", is_staff=True))
        status, error = ask_without_cache_header(client, {"body": "Forged"})
        assert (status, error["code"]) == (403, "csrf")
        assert not blog.updates.exists()

    def test_a_database_that_fails_asks_for_the_same_once_more(self, editor, monkeypatch):
        def fail(*args, **fields):
            raise OperationalError("gone")

        with monkeypatch.context() as patch:
            patch.setattr("liveblog.editing.idempotency.record", fail)
            status, error = ask(editor, {"body": "Hello", "key": "k"})
        assert (status, error["code"]) == (503, "unavailable")
        assert not BlogUpdate.objects.exists()
        assert ask(editor, {"body": "Hello", "key": "k"})[0] == 200


def ask_without_cache_header(client, data):
    response = client.post(EDITOR, data, headers=JSON)
    return response.status_code, response.json()


class TestPage:
    def test_a_form_sent_twice_posts_once(self, editor, blog):
        fields = Tags(editor.get(EDITOR)).all("input", type="hidden", name="key")
        data = {"body": "Hello", "key": fields[0]["value"]}
        for _ in range(2):
            assert "Published." in text_of(editor.post(EDITOR, data, follow=True))
        assert blog.updates.count() == 1
        (fresh,) = Tags(editor.get(EDITOR)).all("input", type="hidden", name="key")
        assert fresh["value"] != data["key"]

    def test_a_conflict_shows_both_texts_and_a_second_look_may_overwrite(self, editor, update):
        address = f"{EDITOR}?update={update.pk}"
        update.body = "Their words"
        update.save()
        response = editor.post(address, {"body": "My words", "version": 1, "key": "k"})
        assert response.status_code == 409
        page = text_of(response)
        assert (
            "My words" in page
            and "Their words" in page
            and "someone else changed this update" in page
        )
        assert response.context["conflict"]["body"] == "Their words"
        update.refresh_from_db()
        assert update.body == "Their words"
        form = response.context["form"]
        data = {"body": "My words", "version": form["version"].value(), "key": form["key"].value()}
        assert editor.post(address, data).status_code == 302
        update.refresh_from_db()
        assert (update.body, update.revision) == ("My words", 3)

    def test_a_wrong_text_does_not_make_a_newer_version_its_own(self, editor, update):
        update.pinned = True
        update.save()
        data = {"body": "", "version": 1, "key": "k"}
        response = editor.post(f"{EDITOR}?update={update.pk}", data)
        assert response.status_code == 422
        assert response.context["form"]["version"].value() == "1"

    def test_an_ended_blog_takes_posts(self, editor, blog):
        blog.state = "ended"
        blog.save()
        assert editor.post(EDITOR, {"body": "A correction"}).status_code == 302


class TestDrafts:
    def test_a_draft_is_kept_and_published_later(self, editor, blog):
        status, ack = ask(editor, {"body": "One", "action": "draft", "key": "a"})
        assert (status, ack["action"], ack["revision"]) == (200, "drafted", None)
        assert listed(editor, "drafts") == [ack["id"]]
        data = {"body": "Two", "version": ack["version"], "key": "b"}
        status, ack = ask(editor, data, f"{EDITOR}?update={ack['id']}")
        assert (ack["action"], ack["revision"]) == ("created", 1)
        assert blog.updates.get().body == "Two"

    def test_a_time_to_come_schedules_and_a_draft_without_one_takes_it_back(self, editor, blog):
        soon = (timezone.now() + timedelta(hours=1)).replace(second=0, microsecond=0)
        data = {"body": "One", "publish_at": f"{soon:%Y-%m-%dT%H:%M}", "key": "a"}
        status, ack = ask(editor, data)
        assert (ack["action"], blog.updates.get().publish_at) == ("scheduled", soon)
        address = f"{EDITOR}?update={ack['id']}"
        (field,) = Tags(editor.get(address)).all("input", name="publish_at")
        assert field["value"] == data["publish_at"]
        data |= {"action": "draft", "publish_at": "", "version": ack["version"], "key": "b"}
        assert ask(editor, data, address)[1]["action"] == "drafted"
        assert blog.updates.get().publish_at is None

    def test_a_time_with_an_offset_is_understood(self, editor, blog):
        data = {"body": "One", "publish_at": "2999-06-01T12:00:00+02:00"}
        assert ask(editor, data)[1]["action"] == "scheduled"
        assert blog.updates.get().publish_at.isoformat() == "2999-06-01T10:00:00+00:00"

    @pytest.mark.parametrize("data", [{"action": "draft"}, {"publish_at": "2999-01-01T00:00"}])
    def test_what_is_published_stays_so(self, editor, update, data):
        address = f"{EDITOR}?update={update.pk}"
        status, error = ask(editor, {"body": "x", "version": 1} | data, address)
        assert (status, list(error["fields"])) == (422, list(data))

    def test_publishing_somebody_s_draft_takes_the_permission_to_publish(self, blog):
        draft = BlogUpdate.objects.create(blog=blog, body="One", draft=True)
        address, client = f"{EDITOR}?update={draft.pk}", client_who_may("change")
        data = {"body": "Two", "version": -1}
        assert ask(client, data, address)[0] == 403
        assert ask(client, data | {"action": "draft"}, address)[1]["action"] == "drafted"
        assert blog.updates.get().draft

    def test_a_draft_is_deleted_without_a_trace_for_readers(self, editor, blog):
        draft = BlogUpdate.objects.create(blog=blog, body="One", draft=True)
        status, ack = ask(editor, {"delete": draft.pk})
        assert (status, ack["action"], ack["revision"]) == (200, "deleted", None)
        blog.refresh_from_db()
        assert blog.revision == 0
        assert listed(editor, "drafts") == []


class TestLists:
    @pytest.fixture
    def rows(self, blog):
        texts = [
            {"headline": "The Eagle", "body": "has landed"},
            {"body": "A fuel alarm", "author": "Jo Eagle"},
            {"body": "An eagle, not seen yet", "draft": True},
            {"body": "Another eagle"},
        ]
        rows = [BlogUpdate.objects.create(blog=blog, **text) for text in texts]
        rows[3].delete()
        return [row.pk for row in rows]

    def test_the_search_finds_all_updates_with_every_word(self, editor, rows):
        eagle, alarm, draft, _ = rows
        assert listed(editor, "found", "q=EAGLE") == [draft, alarm, eagle]
        assert listed(editor, "found", "q=eagle+alarm") == [alarm]
        assert listed(editor, "found", "q=%25") == []
        page = text_of(editor.get(f"{EDITOR}?q=%3Cb%3E"))
        assert "0 updates with “&lt;b&gt;”" in page and "Nothing was found." in page

    def test_a_list_has_pages_and_an_unknown_page_is_the_nearest(self, editor, blog):
        rows = [
            BlogUpdate.objects.create(blog=blog, body="Draft", draft=True).pk for _ in range(52)
        ]
        assert listed(editor, "drafts", "tab=drafts") == rows[:1:-1]
        assert listed(editor, "drafts", "tab=drafts&page=2") == rows[1::-1]
        for page in ("99", "x", "0", "9" * 30):
            assert listed(editor, "drafts", f"tab=drafts&page={page}")
        assert 'rel="next"' in text_of(editor.get(f"{EDITOR}?tab=drafts"))
        # The page is that of the list that is open.
        assert listed(editor, "drafts", "tab=review&page=2") == rows[:1:-1]

    def test_scripts_get_the_lists_without_the_stream(self, editor, rows):
        lists = text_of(editor.get(f"{EDITOR}?part=lists"))
        assert "An eagle, not seen yet" in lists and "has landed" not in lists
        found = text_of(editor.get(f"{EDITOR}?part=found&q=eagle"))
        assert "has landed" in found and "data-list" not in found

    def test_scripts_get_an_update_to_edit(self, editor, rows):
        def opened(client, pk):
            response = client.get(f"{EDITOR}?update={pk}", headers=JSON)
            return response.status_code, response.json()

        status, frame = opened(editor, rows[0])
        assert (status, frame["body"], frame["version"], frame["draft"]) == (
            *(200, "has landed", 1),
            False,
        )
        assert opened(editor, rows[2])[1]["draft"] is True
        assert opened(editor, rows[3])[1]["action"] == "deleted"
        assert "Another" not in str(opened(editor, rows[3]))
        assert opened(editor, 999)[0] == 404
        assert opened(client_who_may("add"), rows[0])[0] == 403
        assert opened(Client(), rows[2])[0] == 401


class TestRestoring:
    def test_a_deletion_is_undone_at_the_same_place_with_a_new_revision(self, editor, blog, update):
        update.pinned = True
        update.save()
        ask(editor, {"delete": update.pk, "version": 2})
        data = {"restore": update.pk, "version": 3, "pinned": "on", "key": "r"}
        for _ in range(2):  # the second is the same
            status, ack = ask(editor, data)
            assert (status, ack["action"], ack["revision"]) == (200, "restored", 4)
        row = blog.updates.get()
        assert (row.deleted, row.pinned, row.key_event, row.body) == (False, True, False, "Before")
        assert (row.created, row.edited, row.created_revision) == (update.created, None, 1)
        assert [u["id"] for u in replay_frame(row.blog, 3)["updates"]] == [row.pk]
        assert listed(editor, "deleted") == []
        # The history has the deleted text once, and the deletion.
        assert [past.body for past in row.past.all()] == ["", "Before"]

    def test_what_is_not_deleted_or_was_changed_meanwhile_stays(self, editor, update):
        assert ask(editor, {"restore": update.pk})[1]["action"] == "unchanged"
        update.delete()
        assert ask(editor, {"restore": update.pk, "version": 1})[0] == 409
        assert "Update restored." in text_of(
            editor.post(EDITOR, {"restore": update.pk}, follow=True)
        )

    def test_a_draft_is_a_draft_again_and_never_published_by_that(self, editor, blog):
        now = timezone.now()
        for moment, wanted in [
            (None, None),
            (now - timedelta(1), None),
            (now + timedelta(1), now + timedelta(1)),
        ]:
            draft = BlogUpdate.objects.create(
                blog=blog, body="Draft", draft=True, publish_at=moment
            )
            draft.delete()
            assert ask(editor, {"restore": draft.pk})[1]["action"] == "restored"
            draft.refresh_from_db()
            assert (draft.draft, draft.deleted, draft.publish_at) == (True, False, wanted)

    def test_it_takes_the_right_to_delete_and_for_a_post_to_publish(self, blog, update):
        update.delete()
        for verbs in (("add", "change"), ("add", "delete"), ("publish", "change")):
            assert ask(client_who_may(*verbs), {"restore": update.pk})[0] == 403
        assert ask(client_who_may("delete", "publish"), {"restore": update.pk})[0] == 200


class TestAdmin:
    def test_a_draft_is_published_there_and_stays_so(self, admin_client, blog):
        draft = BlogUpdate.objects.create(blog=blog, body="One", draft=True)
        address = f"/admin/liveblog/blogupdate/{draft.pk}/change/"
        data = {"headline": "", "body": "One", "author": ""}
        assert admin_client.post(address, data).status_code == 302
        draft.refresh_from_db()
        assert (draft.draft, draft.revision) == (False, 1)
        assert admin_client.post(address, data | {"draft": "on"}).status_code == 302
        draft.refresh_from_db()
        assert not draft.draft
