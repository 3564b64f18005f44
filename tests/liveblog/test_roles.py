"""Contributors write, editors publish, admins also make blogs: by Django's groups."""

import importlib
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from liveblog.editing.roles import GROUPS, rights_of
from liveblog.models import BlogUpdate, LiveBlog
from tests.liveblog.test_editor import EDITOR, ask, listed
from tests.liveblog.test_views import Tags, client_who_may, text_of

pytestmark = pytest.mark.django_db
LATER = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


def member(group, name=None, **more):
    """A client that is logged in as a user of the group's; `client.user` is the user."""
    client = Client()
    client.user = User.objects.create_user(name or group, **more)
    client.user.groups.add(Group.objects.get(name=group))
    client.force_login(client.user)
    return client


@pytest.fixture
def contributor(blog):
    return member("contributor", "cleo")


@pytest.fixture
def editor(blog):
    return member("editor", "edda")


def draft_of(client, blog, **more):
    return BlogUpdate.objects.create(blog=blog, body="Draft", draft=True, owner=client.user, **more)


class TestGroups:
    def test_they_are_there_after_migrate_and_hold_what_exists(self):
        assert {group.name for group in Group.objects.all()} == set(GROUPS)
        for name, role in GROUPS.items():
            wanted = {(app, codename) for app, names in role.items() for codename in names}
            held = Group.objects.get(name=name).permissions
            assert wanted == set(held.values_list("content_type__app_label", "codename"))

    def test_migrating_again_leaves_an_operator_s_groups_as_they_are(self):
        editors = Group.objects.get(name="editor")
        more = Permission.objects.get(codename="add_webhook")
        editors.permissions.add(more)
        editors.permissions.remove(Permission.objects.get(codename="delete_blogupdate"))
        Group.objects.get(name="contributor").delete()
        before = set(editors.permissions.all())
        call_command("migrate", verbosity=0)
        assert set(editors.permissions.all()) == before and more in before
        assert Group.objects.get(name="contributor").permissions.exists()

    def test_who_could_publish_before_there_were_roles_still_can(self):
        add = Permission.objects.get(codename="add_blogupdate")
        user, group = User.objects.create_user("old"), Group.objects.create(name="desk")
        user.user_permissions.add(add)
        group.permissions.add(add)
        other = User.objects.create_user("other")
        name = "liveblog.migrations.0007_publishers_stay_publishers"
        migration = importlib.import_module(name)
        migration.keep_publishers(apps, SimpleNamespace(connection=connection))
        assert rights_of(User.objects.get(pk=user.pk)).post
        assert group.permissions.filter(codename="publish_blogupdate").exists()
        assert not rights_of(other).any


class TestContributors:
    def test_write_drafts_that_wait_for_review(self, contributor, blog):
        status, ack = ask(contributor, {"body": "One", "action": "draft", "key": "a"})
        assert (status, ack["action"]) == (200, "drafted")
        row = blog.updates.get()
        assert (row.draft, row.review, row.owner, row.editor) == (
            *(True, True),
            contributor.user,
            "cleo",
        )

    @pytest.mark.parametrize(
        "data",
        [
            {},
            {"action": "publish"},
            {"publish_at": "2999-01-01T00:00"},
            {"action": "publish", "publish_at": "2999-01-01T00:00"},
        ],
    )
    def test_neither_publish_nor_schedule(self, contributor, blog, data):
        status, error = ask(contributor, {"body": "One"} | data)
        assert (status, error["code"]) == (403, "not_allowed")
        assert error["message"] == "You can write drafts. An editor has to publish them."
        assert not blog.updates.exists()
        draft = draft_of(contributor, blog)
        address = f"{EDITOR}?update={draft.pk}"
        assert ask(contributor, {"body": "One", "version": -1} | data, address)[0] == 403
        assert blog.updates.get().draft

    def test_a_draft_with_a_time_is_kept_without_it(self, contributor, blog):
        data = {"body": "One", "action": "draft", "publish_at": "2999-01-01T00:00"}
        assert ask(contributor, data)[1]["action"] == "drafted"
        assert blog.updates.get().publish_at is None

    def test_change_each_other_s_drafts(self, contributor, editor, blog):
        draft = draft_of(editor, blog)
        data = {"body": "Better", "version": -1, "action": "draft"}
        assert ask(contributor, data, f"{EDITOR}?update={draft.pk}")[1]["action"] == "drafted"
        draft.refresh_from_db()
        assert (draft.body, draft.review, draft.owner) == ("Better", True, editor.user)

    def test_leave_alone_what_an_editor_has_scheduled(self, contributor, blog):
        draft = draft_of(contributor, blog, publish_at=LATER)
        address = f"{EDITOR}?update={draft.pk}"
        data = {"body": "Sneaked in", "version": -1, "action": "draft"}
        status, error = ask(contributor, data, address)
        assert (status, error["message"]) == (
            403,
            "This draft is scheduled. Only editors can change it.",
        )
        assert contributor.get(address).status_code == 403
        assert ask(contributor, {"delete": draft.pk})[0] == 403
        draft.refresh_from_db()
        assert (draft.body, draft.deleted, draft.publish_at is None) == ("Draft", False, False)

    def test_touch_nothing_that_readers_see(self, contributor, blog):
        update = BlogUpdate.objects.create(blog=blog, body="Out", owner=contributor.user)
        address = f"{EDITOR}?update={update.pk}"
        for data, to in (
            ({"body": "x", "version": 1}, address),
            ({"body": "x", "version": 1, "action": "draft"}, address),
            ({"delete": update.pk}, EDITOR),
            ({"delete": update.pk, "version": 1}, EDITOR),
            ({"flag": "pin", "post": update.pk}, EDITOR),
            ({"move": "end"}, f"{EDITOR}about/"),
            ({"title": "Mine", "initial-title": "Demo"}, f"{EDITOR}about/"),
        ):
            status, error = ask(contributor, data, to)
            assert (status, error["code"]) == (403, "not_allowed"), data
            assert error["message"].endswith(".")
        refused = contributor.get(address)
        assert refused.status_code == 403 and "Only editors can change it." in text_of(refused)
        update.refresh_from_db()
        blog.refresh_from_db()
        assert (update.body, update.revision, blog.revision, blog.title) == ("Out", 1, 1, "Demo")

    def test_delete_their_own_drafts_alone(self, contributor, editor, blog):
        own, other = draft_of(contributor, blog), draft_of(editor, blog)
        assert ask(contributor, {"delete": other.pk})[0] == 403
        assert ask(contributor, {"delete": own.pk})[1]["action"] == "deleted"
        assert [row.pk for row in blog.updates.hidden()] == [other.pk]

    def test_a_draft_that_is_published_while_they_press_delete_stays(
        self, contributor, blog, monkeypatch
    ):
        own = draft_of(contributor, blog)
        delete = importlib.import_module("liveblog.editing.idempotency").delete

        def late(blog, key, pk, *args, **more):
            row = blog.updates.get(pk=pk)
            row.draft = False
            row.save()
            return delete(blog, key, pk, *args, **more)

        monkeypatch.setattr("liveblog.editing.idempotency.delete", late)
        assert ask(contributor, {"delete": own.pk})[0] == 409
        assert not blog.updates.get().deleted

    def test_see_a_page_that_offers_only_that(self, contributor, editor, blog):
        own, other = draft_of(contributor, blog), draft_of(editor, blog)
        scheduled = draft_of(contributor, blog, publish_at=LATER)
        update = BlogUpdate.objects.create(blog=blog, body="Out")
        response = contributor.get(EDITOR)
        page, tags = text_of(response), Tags(response)
        assert "Submit for review" in page and "An editor will review and publish it." in page
        assert not tags.all("button", value="publish")
        assert not tags.all("input", name="publish_at")
        assert not tags.all("button", name="move") and not tags.all("button", name="flag")
        deletable = {int(tag["value"]) for tag in tags.all("button", name="delete")}
        assert deletable - {0} == {own.pk}
        links = {tag.get("href") for tag in tags.all("a")}
        assert {f"?update={own.pk}", f"?update={other.pk}"} <= links
        assert not {f"?update={scheduled.pk}", f"?update={update.pk}"} & links
        assert "/admin/" not in links


class TestEditors:
    def test_publish_a_contributor_s_draft_after_a_look(self, contributor, editor, blog):
        ask(contributor, {"body": "One", "action": "draft", "author": "Cleo"})
        page = text_of(editor.get(EDITOR))
        assert "Awaiting review" in page
        row = blog.updates.get()
        data = {"body": "One, checked", "author": "Cleo", "version": -1}
        assert ask(editor, data, f"{EDITOR}?update={row.pk}")[1]["action"] == "created"
        row.refresh_from_db()
        assert (row.review, row.revision, row.owner) == (False, 1, contributor.user)
        assert "Awaiting review" not in text_of(editor.get(EDITOR))

    def test_a_contributor_s_draft_still_waits_after_an_editor_saved_it(
        self, contributor, editor, blog
    ):
        ask(contributor, {"body": "One", "action": "draft"})
        row = blog.updates.get()
        data = {"body": "Two", "action": "draft", "version": -1}
        ask(editor, data, f"{EDITOR}?update={row.pk}")
        assert blog.updates.get().review

    def test_what_waits_stands_in_a_list_of_its_own(self, contributor, editor, blog):
        waits = ask(contributor, {"body": "Waits", "action": "draft"})[1]["id"]
        draft, scheduled = draft_of(editor, blog), draft_of(editor, blog, publish_at=LATER)
        assert listed(editor, "review") == [waits]
        assert listed(editor, "drafts") == [draft.pk]
        assert listed(editor, "scheduled") == [scheduled.pk]
        tabs = {
            tag["data-tab"]: tag for tag in Tags(editor.get(EDITOR)).all("a", **{"class": "tab"})
        }
        assert list(tabs) == ["posts", "drafts", "scheduled", "review", "deleted"]
        assert "hidden" in tabs["deleted"] and tabs["posts"]["aria-current"] == "true"

    def test_do_all_that_the_page_has(self, editor, blog):
        ack = ask(editor, {"body": "One"})[1]
        assert ack["action"] == "created"
        assert ask(editor, {"flag": "pin", "post": ack["id"]})[1]["action"] == "changed"
        assert ask(editor, {"flag": "pin", "post": ack["id"]})[1]["action"] == "unchanged"
        assert ask(editor, {"flag": "key", "post": ack["id"]})[1]["action"] == "changed"
        row = blog.updates.get()
        assert (row.pinned, row.key_event, row.edited) == (True, True, None)
        assert ask(editor, {"flag": "unpin", "post": ack["id"]})[1]["action"] == "changed"
        assert ask(editor, {"flag": "burn", "post": ack["id"]})[0] == 422
        assert ask(editor, {"delete": ack["id"]})[1]["action"] == "deleted"
        assert ask(editor, {"flag": "pin", "post": ack["id"]})[0] == 409
        scheduled = {"body": "Two", "publish_at": "2999-01-01T00:00"}
        assert ask(editor, scheduled)[1]["action"] == "scheduled"
        assert editor.get("/admin/").status_code == 302


def test_who_is_deleted_leaves_their_drafts(contributor, blog):
    draft = draft_of(contributor, blog)
    contributor.user.delete()
    draft.refresh_from_db()
    assert (draft.owner, draft.deleted, draft.version) == (None, False, -1)


def test_permissions_can_be_mixed(blog):
    """A corrector changes what is published, and publishes nothing new."""
    corrector = client_who_may("change")
    update = BlogUpdate.objects.create(blog=blog, body="Tpyo")
    data = {"body": "Typo", "version": 1}
    assert ask(corrector, data, f"{EDITOR}?update={update.pk}")[1]["action"] == "changed"
    assert ask(corrector, {"body": "New"})[0] == 403


def test_staff_are_operators_and_who_is_no_longer_active_is_nobody(blog):
    staff = User.objects.create_user("ops", is_staff=True)
    assert rights_of(staff).run and rights_of(staff).post
    staff.is_active = False
    assert not rights_of(staff).any


class TestAdmins:
    @pytest.fixture
    def admin(self, blog):
        return member("admin", "ada", is_staff=True)

    def test_make_blogs_users_and_webhooks(self, admin):
        for page in ("liveblog/liveblog", "auth/user", "liveblog/webhook"):
            assert admin.get(f"/admin/{page}/add/").status_code == 200, page
        data = {"username": "nia", "password1": "over the moon", "password2": "over the moon"}
        data["usable_password"] = "true"
        assert admin.post("/admin/auth/user/add/", data).status_code == 302
        nia = User.objects.get(username="nia")
        editors = Group.objects.get(name="editor")
        form = admin.get(f"/admin/auth/user/{nia.pk}/change/").context["adminform"].form
        sent = {name: value for name, value in form.initial.items() if value not in (None, False)}
        sent |= {"groups": [editors.pk], "date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
        sent |= {"is_superuser": "on", "user_permissions": [1]}
        response = admin.post(f"/admin/auth/user/{nia.pk}/change/", sent)
        assert response.status_code == 302, response.context["errors"]
        nia.refresh_from_db()
        assert list(nia.groups.all()) == [editors]
        assert not nia.is_superuser and not nia.user_permissions.exists()

    def test_cannot_make_themselves_superusers_nor_touch_those(self, admin):
        root = User.objects.create_superuser("root")
        address = f"/admin/auth/user/{root.pk}/"
        assert admin.post(f"{address}change/", {"username": "mine"}).status_code == 403
        new = {"password1": "over the moon", "password2": "over the moon"}
        assert admin.post(f"{address}password/", new).status_code == 403
        root.refresh_from_db()
        assert root.username == "root" and not root.has_usable_password()
