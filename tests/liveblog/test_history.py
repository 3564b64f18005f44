"""Every text that was replaced or deleted is kept, whoever did it, and comes back by a form."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from conversations.json_text import encode
from liveblog.editing.models import MAX_PAST_VERSIONS
from liveblog.editing.text_diff import CONTEXT, difference
from liveblog.models import BlogUpdate, LiveBlog, PastVersion
from liveblog.reading.transfer import document
from liveblog.stream.frames import replay_frame, update_frame
from liveblog.stream.schedule import Publisher
from tests.liveblog.test_editor import EDITOR, ask
from tests.liveblog.test_roles import member
from tests.liveblog.test_views import Tags, client_who_may, text_of

pytestmark = pytest.mark.django_db
TOKEN = "a token of the newsroom's"


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def editor(blog):
    return member("editor", "edda", first_name="Edda", last_name="Berg")


@pytest.fixture
def update(blog):
    return BlogUpdate.objects.create(blog=blog, headline="Head", body="One", author="Jo")


def past(update):
    """What is kept, the newest first: (revision, body, who had written it)."""
    return list(update.past.values_list("revision", "body", "editor"))


def history_of(update):
    return f"{EDITOR}{update.pk}/history/"


class TestKept:
    def test_what_a_change_replaces_with_who_wrote_it(self, editor, update):
        address = f"{EDITOR}?update={update.pk}"
        data = {"headline": "Head", "author": "Jo"}
        ask(editor, data | {"body": "Two", "version": 1}, address)
        ask(editor, data | {"body": "Three", "version": 2}, address)
        assert past(update) == [(2, "Two", "Edda Berg"), (1, "One", "")]
        update.refresh_from_db()
        assert (update.body, update.editor) == ("Three", "Edda Berg")

    def test_headline_and_author_too_but_no_flag(self, editor, update):
        for field in ("headline", "author"):
            setattr(update, field, "Other")
            update.save()
        assert len(past(update)) == 2
        update.pinned = True
        update.save()
        ask(editor, {"flag": "key", "post": update.pk})
        assert len(past(update)) == 2

    def test_what_is_deleted_with_who_deleted_it(self, editor, update):
        ask(editor, {"delete": update.pk})
        assert past(update) == [(1, "One", "")]
        update.refresh_from_db()
        assert update.editor == "Edda Berg" and update.saved

    def test_whichever_way_it_was_changed(self, client, update, settings, blog):
        settings.API_TOKENS = [TOKEN]
        client.force_login(User.objects.create_superuser("root"))
        admin = f"/admin/liveblog/blogupdate/{update.pk}/change/"
        data = {"headline": "Head", "body": "By the admin", "author": "Jo"}
        assert client.post(admin, data).status_code == 302
        response = client.patch(
            f"/api/liveblogs/demo/updates/{update.pk}/",
            {"body": "By the API", "version": 2},
            "application/json",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        assert response.status_code == 200
        blog.updates.update(body="By the shell")
        assert past(update) == [
            (3, "By the API", "API"),
            (2, "By the admin", "root"),
            (1, "One", ""),
        ]
        client.post(f"/admin/liveblog/blogupdate/{update.pk}/delete/", {"post": "yes"})
        assert past(update)[0] == (4, "By the shell", "")
        update.refresh_from_db()
        assert update.editor == "root"

    def test_the_draft_that_an_editor_rewrote(self, blog, editor):
        draft = BlogUpdate.objects.create(blog=blog, body="Mine", draft=True)
        ask(editor, {"body": "Better", "version": -1}, f"{EDITOR}?update={draft.pk}")
        assert past(draft) == [(None, "Mine", "")]

    def test_publishing_by_the_clock_replaces_nothing(self, blog, editor):
        ask(editor, {"body": "Due", "publish_at": "2999-01-01T00:00"})
        row = blog.updates.get()
        BlogUpdate._base_manager.filter(pk=row.pk).update(publish_at=timezone.now())
        assert Publisher().publish_due() == 1
        row.refresh_from_db()
        assert (row.draft, row.editor, past(row)) == (False, "Edda Berg", [])

    def test_in_the_same_transaction(self, update):
        class Undo(Exception):
            pass

        with pytest.raises(Undo), transaction.atomic():
            update.body = "Two"
            update.save()
            raise Undo
        assert not PastVersion.objects.exists()

    def test_only_what_is_saved_counts(self, update):
        update.body, update.pinned = "Never saved", True
        update.save(update_fields=["pinned"])
        assert not PastVersion.objects.exists()

    def test_the_newest_of_very_many(self, update, monkeypatch):
        monkeypatch.setattr("liveblog.models.MAX_PAST_VERSIONS", 3)
        assert MAX_PAST_VERSIONS > 100
        for number in range(6):
            update.body = f"Score {number}"
            update.save()
        assert [body for _, body, _ in past(update)] == ["Score 4", "Score 3", "Score 2"]

    def test_out_of_every_reader_s_sight(self, client, blog, update, capsys):
        update.body = "Public"
        update.save(writer="Edda Berg")
        frames = [update_frame(update), replay_frame(blog, 0), document(blog)]
        call_command("export", "demo")
        told = encode(frames) + capsys.readouterr().out
        for address in ("/liveblog/demo/", "/liveblog/demo/updates.json", "/liveblog/demo/feed/"):
            told += text_of(client.get(address))
        assert "Public" in told and "One" not in told and "Edda" not in told


class TestPage:
    @pytest.mark.parametrize("verbs", [None, ()])
    def test_is_for_those_who_may_write(self, client, update, verbs):
        response = (client if verbs is None else client_who_may(*verbs)).get(history_of(update))
        assert response.status_code == (302 if verbs is None else 403)
        assert "One" not in text_of(response)

    def test_of_another_blog_or_of_nothing_is_404(self, editor, update):
        assert editor.get(f"{EDITOR}999/history/").status_code == 404
        LiveBlog.objects.create(slug="other", title="Other")
        assert editor.get(history_of(update).replace("demo", "other")).status_code == 404

    def test_shows_what_was_taken_away_and_added_and_escapes_it(self, editor, update):
        update.body = "One <b>more</b>"
        update.save(writer="Edda Berg")
        page = text_of(editor.get(history_of(update)))
        assert "<ins> &lt;b&gt;more&lt;/b&gt;</ins>" in page and "<b>" not in page
        assert page.index("Edda Berg") < page.index("unknown editor")
        assert "Correction:" not in page

    def test_a_deletion_that_was_undone_has_who_and_when(self, editor, update):
        other = member("editor", "bo", first_name="Bo")
        ask(editor, {"delete": update.pk})
        ask(other, {"restore": update.pk})
        update.refresh_from_db()
        update.body = "Two"
        update.save(writer="Jo")
        page = editor.get(history_of(update))
        written, restored, deleted, first = page.context["entries"]
        assert [each.row.editor for each in (written, restored, deleted, first)] == [
            "Jo",
            "Bo",
            "Edda Berg",
            "",
        ]
        assert (restored.is_restored, deleted.is_deletion) == (True, True)
        assert first.saved < deleted.saved < restored.saved < written.saved
        # The text is the same as before; what was written later is compared with it.
        assert restored.changes["body"] == [("same", "One")]
        assert [kind for kind, _ in written.changes["body"]] == ["gone", "new"]
        text = text_of(page)
        assert text.count("Deleted</span>") == text.count("Restored</span>") == 1
        assert text.count("Restore this version") == 2

    def test_many_versions_are_on_several_pages(self, editor, update):
        for number in range(25):
            update.body = f"Score {number}"
            update.save()
        page = editor.get(history_of(update))
        assert [entry.text["body"] for entry in page.context["entries"]] == [
            f"Score {number}" for number in range(24, 3, -1)
        ]
        (older,) = [a["href"] for a in Tags(page).all("a") if a["href"].startswith("?before=")]
        rest = editor.get(history_of(update) + older).context["entries"]
        assert [entry.text["body"] for entry in rest][-2:] == ["Score 0", "One"]
        assert len(rest) == 5

    def test_a_contributor_reads_it_and_restores_nothing_that_readers_see(self, update):
        update.body = "Two"
        update.save()
        page = text_of(member("contributor").get(history_of(update)))
        assert "One" in page and "Restore this version" not in page


class TestPublisher:
    def drafted(self, blog, **fields):
        draft = BlogUpdate(blog=blog, body="Mine", draft=True, **fields)
        draft.save(writer="Cora")
        return draft

    def said(self, editor, update):
        return re.findall(r"Published by ([\w ]+) ·", text_of(editor.get(history_of(update))))

    def test_is_named_beside_whoever_wrote_the_draft(self, blog, editor):
        draft = self.drafted(blog, review=True)
        assert self.said(editor, draft) == []
        ask(editor, {"body": "Mine", "version": -1}, f"{EDITOR}?update={draft.pk}")
        assert self.said(editor, draft) == ["Edda Berg"]
        assert "Cora" in text_of(editor.get(history_of(draft)))

    def test_stays_whoever_changes_it_later(self, blog, editor):
        draft = self.drafted(blog)
        stale = BlogUpdate.objects.get(pk=draft.pk)
        draft.draft = False
        draft.save(writer="Edda Berg")
        stale.body = "By another page"
        stale.save(writer="Jo")
        assert self.said(editor, draft) == ["Edda Berg"]

    def test_of_what_the_clock_published_is_who_set_the_time(self, blog, editor):
        draft = self.drafted(blog)
        later = {"body": "Mine", "publish_at": "2999-01-01T00:00", "version": -1}
        ask(editor, later, f"{EDITOR}?update={draft.pk}")
        BlogUpdate._base_manager.filter(pk=draft.pk).update(publish_at=timezone.now())
        assert Publisher().publish_due() == 1
        assert self.said(editor, draft) == ["Edda Berg"]

    def test_is_nobody_where_a_program_without_a_name_published_it(self, blog, editor):
        draft = self.drafted(blog, publish_at=timezone.now() + timedelta(days=1))
        draft.publish_at = None
        draft.save(writer="Cora")
        draft.draft = False
        draft.save()
        assert self.said(editor, draft) == []

    def test_of_what_was_posted_at_once_is_who_wrote_it(self, blog, editor):
        ask(editor, {"body": "At once"})
        assert self.said(editor, blog.updates.get()) == ["Edda Berg"]


class TestRestoring:
    def links(self, client, update):
        return [
            tag["href"]
            for tag in Tags(client.get(history_of(update))).all("a")
            if "text=" in tag.get("href", "")
        ]

    def test_puts_the_text_into_the_form_as_an_ordinary_change(self, editor, update):
        update.body, update.pinned = "Two", True
        update.save()
        (link,) = self.links(editor, update)
        response = editor.get(link)
        form = response.context["form"]
        assert (form["body"].value(), form["version"].value()) == ("One", 2)
        assert form["pinned"].value() is True
        (composer,) = Tags(response).all("form", **{"class": "composer"})
        assert '"body":"Two"' in composer["data-stored"]
        update.refresh_from_db()
        assert update.body == "Two"
        data = {"headline": "Head", "body": "One", "author": "Jo", "version": 2, "pinned": "on"}
        assert ask(editor, data, f"{EDITOR}?update={update.pk}")[1]["action"] == "changed"
        assert past(update)[0][1] == "Two"

    def test_overwrites_nothing_that_came_meanwhile(self, editor, update):
        update.body = "Two"
        update.save()
        (link,) = self.links(editor, update)
        form = editor.get(link).context["form"]
        update.body = "Three"
        update.save()
        data = {"body": "One", "version": form["version"].value()}
        assert ask(editor, data, f"{EDITOR}?update={update.pk}")[0] == 409

    def test_publishes_what_was_deleted_as_a_new_update(self, editor, update):
        update.delete()
        (link,) = self.links(editor, update)
        response = editor.get(link)
        form = response.context["form"]
        assert (form["headline"].value(), form["body"].value()) == ("Head", "One")
        (composer,) = Tags(response).all("form", **{"class": "composer"})
        assert composer["action"] == EDITOR and composer["data-mode"] == "new"
        assert "Publish as a new update" in text_of(editor.get(history_of(update)))

    def test_what_was_deleted_before_texts_were_kept_is_there_too(self, editor, update):
        update.delete()
        PastVersion.objects.all().delete()
        (link,) = self.links(editor, update)
        assert link.endswith("text=last")
        assert editor.get(link).context["form"]["body"].value() == "One"

    @pytest.mark.parametrize("text", ["999", "x", "", "9" * 30])
    def test_of_what_is_not_there_is_404(self, editor, update, text):
        assert editor.get(f"{EDITOR}?update={update.pk}&text={text}").status_code == 404
        assert editor.get(f"{EDITOR}?text={text}").status_code == 404

    def test_of_another_update_is_404(self, editor, blog, update):
        update.body = "Two"
        update.save()
        other = BlogUpdate.objects.create(blog=blog, body="Other")
        text = update.past.get().pk
        assert editor.get(f"{EDITOR}?update={other.pk}&text={text}").status_code == 404


class TestDifferences:
    @pytest.mark.parametrize(
        ("before", "after", "parts"),
        [
            ("", "", []),
            ("same", "same", [("same", "same")]),
            ("", "new", [("new", "new")]),
            ("old", "", [("gone", "old")]),
            (
                "a cat sat",
                "a dog sat",
                [("same", "a"), ("gone", " cat"), ("new", " dog"), ("same", " sat")],
            ),
            ("一二三", "一三", [("same", "一"), ("gone", "二"), ("same", "三")]),
            ("a\n\nb", "a\n\nb\n\nc", [("same", "a\n\nb"), ("new", "\n\nc")]),
            ("end ", "end", [("same", "end"), ("gone", " ")]),
        ],
    )
    def test_are_by_words(self, before, after, parts):
        assert difference(before, after) == parts

    def test_leave_out_what_is_far_from_a_change(self):
        long = "word " * 1000
        parts = difference(f"a {long}", f"b {long}")
        assert [kind for kind, _ in parts] == ["gone", "new", "same"]
        assert len(parts[-1][1]) < CONTEXT + 10 and parts[-1][1].endswith("… ")

    def test_of_two_longest_texts_take_no_time_to_speak_of(self):
        """A bound of the work, not of the clock: the test would run for minutes without it."""
        before, after = "a b " * 5000, "b a c " * 3333
        parts = difference(before, after)
        assert "".join(text for kind, text in parts if kind == "gone")
