"""A write is done once however often it is sent, and overwrites nothing that was not seen."""

from datetime import timedelta

import pytest
from channels_realtime.metrics.counters import Metrics
from django.utils import timezone

from conversations.json_text import encode
from conversations.redis_store import layer
from liveblog.editing import idempotency
from liveblog.models import BlogUpdate, LiveBlog, Write
from liveblog.stream.frames import replay_frame
from liveblog.stream.schedule import Publisher

pytestmark = pytest.mark.django_db


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="moon", title="To the Moon")


def head(blog):
    return LiveBlog.objects.get(pk=blog.pk).revision


class TestKeys:
    def test_the_same_key_creates_once_and_is_answered_alike(self, blog):
        first = idempotency.create(blog, "k", body="One")
        again = idempotency.create(blog, "k", body="Something else")
        assert first == again
        assert first.frame() == {
            "type": "ack",
            "id": blog.updates.get().pk,
            "revision": 1,
            "version": 1,
            "key": "k",
            "action": "created",
        }
        assert (blog.updates.get().body, head(blog)) == ("One", 1)

    def test_the_answer_stays_although_the_update_has_changed_since(self, blog):
        first = idempotency.create(blog, "k", body="One")
        idempotency.delete(blog, "d", first.id)
        assert idempotency.create(blog, "k", body="One") == first
        assert head(blog) == 2

    def test_the_same_key_changes_and_deletes_once(self, blog):
        post = idempotency.create(blog, "a", body="One")
        changed = idempotency.change(blog, "b", post.id, post.version, body="Two")
        assert idempotency.change(blog, "b", post.id, post.version, body="Two") == changed
        deleted = idempotency.delete(blog, "c", post.id, changed.version)
        assert idempotency.delete(blog, "c", post.id, changed.version) == deleted
        assert (changed.action, deleted.action) == ("changed", "deleted")
        assert [changed.revision, deleted.revision, head(blog)] == [2, 3, 3]

    def test_another_blog_has_keys_of_its_own(self, blog):
        mars = LiveBlog.objects.create(slug="mars", title="To Mars")
        assert (
            idempotency.create(blog, "k", body="1").id != idempotency.create(mars, "k", body="2").id
        )

    def test_a_write_that_fails_leaves_no_key(self, blog):
        with pytest.raises(BlogUpdate.DoesNotExist):
            idempotency.change(blog, "k", 999, 1, body="Two")
        assert not Write.objects.exists()
        assert idempotency.create(blog, "k", body="One").action == "created"

    def test_keys_are_forgotten_after_a_day(self, blog):
        for hours in (23, 25):
            idempotency.create(blog, f"{hours}", body="One")
            moment = timezone.now() - timedelta(hours=hours)
            Write.objects.filter(key=f"{hours}").update(created=moment)
        assert idempotency.prune() == 1
        assert [write.key for write in Write.objects.all()] == ["23"]


class TestVersions:
    def test_an_older_version_overwrites_nothing_and_is_told_what_is_there(self, blog):
        post = idempotency.create(blog, "a", body="One")
        idempotency.change(blog, "b", post.id, 1, body="Two", pinned=True)
        for write in (
            lambda: idempotency.change(blog, "c", post.id, 1, body="Mine"),
            lambda: idempotency.delete(blog, "c", post.id, 1),
        ):
            with pytest.raises(idempotency.Conflict) as conflict:
                write()
            assert (conflict.value.current.body, conflict.value.version) == ("Two", 2)
            assert str(conflict.value).endswith("was changed meanwhile; its version is 2.")
        assert (blog.updates.get().body, head(blog)) == ("Two", 2)

    def test_what_was_deleted_cannot_be_changed_and_need_not_be_deleted(self, blog):
        post = idempotency.create(blog, "a", body="One")
        idempotency.delete(blog, "b", post.id)
        with pytest.raises(idempotency.Conflict) as conflict:
            idempotency.change(blog, "c", post.id, 2, body="Mine")
        assert conflict.value.current.deleted
        assert idempotency.delete(blog, "d", post.id, 1).action == "unchanged"
        assert head(blog) == 2

    def test_a_version_that_the_database_has_not_reached_is_a_conflict(self, blog):
        post = idempotency.create(blog, "a", body="One")
        with pytest.raises(idempotency.Conflict):
            idempotency.change(blog, "b", post.id, 5, body="From before a restore")

    def test_a_change_that_changes_nothing_takes_no_revision(self, blog):
        post = idempotency.create(blog, "a", body="One")
        done = idempotency.change(blog, "b", post.id, 1, body="One", pinned=False)
        assert (done.action, done.revision, head(blog)) == ("unchanged", 1, 1)

    def test_a_draft_has_versions_too(self, blog):
        draft = idempotency.create(blog, "a", body="One", draft=True)
        assert (draft.action, draft.revision, draft.version) == ("drafted", None, -1)
        second = idempotency.change(blog, "b", draft.id, -1, body="Two")
        with pytest.raises(idempotency.Conflict):
            idempotency.change(blog, "c", draft.id, -1, body="Mine")
        published = idempotency.change(blog, "d", draft.id, second.version, draft=False)
        assert (published.action, published.revision) == ("created", 1)
        with pytest.raises(idempotency.Conflict):
            idempotency.change(blog, "e", draft.id, second.version, body="Mine")
        assert blog.updates.get().body == "Two"


SECRET = "not yet public"


class TestHiddenText:
    @pytest.fixture(params=["draft", "scheduled", "deleted draft"])
    def hidden(self, request, blog):
        BlogUpdate.objects.create(blog=blog, body="Public")
        when = timezone.now() + timedelta(hours=1) if request.param == "scheduled" else None
        update = BlogUpdate.objects.create(
            blog=blog, body=SECRET, headline=SECRET, author=SECRET, draft=True, publish_at=when
        )
        if request.param == "deleted draft":
            update.delete()
        return update

    def test_it_has_no_revision_and_takes_none(self, blog, hidden):
        hidden.refresh_from_db()
        assert (hidden.revision, hidden.created_revision, head(blog)) == (None, None, 1)

    def test_it_is_in_no_replay(self, blog, hidden):
        blog.refresh_from_db()
        for after in (0, 1, 99):
            assert SECRET not in encode(replay_frame(blog, after))

    @pytest.mark.parametrize(
        "address", ["/", "/liveblog/moon/", "/liveblog/moon/updates.json", "/admin/"]
    )
    def test_it_is_on_no_page_for_readers(self, client, hidden, address):
        assert SECRET not in client.get(address, follow=True).content.decode()
        assert hidden.created.isoformat() not in client.get("/").content.decode()

    def test_nothing_tells_that_it_is_there(self, client, hidden):
        assert client.get(f"/liveblog/moon/?before={hidden.pk}").status_code == 404

    @pytest.mark.django_db(transaction=True)
    def test_it_is_not_broadcast(self, blog, hidden, monkeypatch):
        sent = []
        monkeypatch.setattr(
            "liveblog.stream.broadcast.send", lambda blog, frame: sent.append(frame)
        )
        update = BlogUpdate.objects.create(blog=blog, body=SECRET, draft=True)
        update.headline = SECRET
        update.save()
        update.delete()
        hidden.save()
        assert sent == []


@pytest.mark.django_db(transaction=True)
def test_the_time_from_commit_to_layer_is_observed(blog, monkeypatch):
    metrics = Metrics("worker")
    monkeypatch.setattr(layer().channel_layer, "metrics", metrics)
    BlogUpdate.objects.create(blog=blog, body="One")
    assert sum(metrics.latencies["commit_to_layer"].counts) == 1


class TestPublishing:
    def test_a_draft_takes_its_revision_and_its_time_when_it_is_published(self, blog):
        draft = BlogUpdate.objects.create(blog=blog, body="One", draft=True)
        begun = draft.created
        BlogUpdate.objects.create(blog=blog, body="Meanwhile")
        draft.body, draft.draft = "Two", False
        draft.save()
        draft.refresh_from_db()
        assert (draft.revision, draft.created_revision, head(blog)) == (2, 2, 2)
        assert draft.created > begun
        assert draft.edited is None

    def test_what_readers_have_seen_does_not_become_a_draft(self, blog):
        update = BlogUpdate.objects.create(blog=blog, body="One")
        update.draft = True
        with pytest.raises(ValueError, match="cannot become a draft"):
            update.save()
        with pytest.raises(ValueError, match="cannot become a draft"):
            BlogUpdate.objects.update(draft=True)
        assert head(blog) == 1
        assert not BlogUpdate.objects.get().draft

    def test_a_stale_save_of_a_draft_keeps_it_published(self, blog):
        BlogUpdate.objects.create(blog=blog, body="One", draft=True)
        mine, theirs = BlogUpdate.objects.get(), BlogUpdate.objects.get()
        theirs.draft = False
        theirs.save()
        mine.body = "Two"
        mine.save()
        row = BlogUpdate.objects.get()
        assert (row.draft, row.body) == (False, "Two")
        assert (row.revision, row.created_revision, head(blog)) == (2, 1, 2)
        assert row.created == theirs.created

    def test_a_time_to_come_schedules_and_one_that_is_past_does_not(self, blog):
        hour = timedelta(hours=1)
        later = BlogUpdate.objects.create(blog=blog, body="Later", publish_at=timezone.now() + hour)
        now = BlogUpdate.objects.create(blog=blog, body="Now", publish_at=timezone.now() - hour)
        assert (later.draft, later.revision) == (True, None)
        assert (now.draft, now.revision, now.publish_at) == (False, 1, None)

    def test_what_is_due_is_published_once_in_its_order(self, blog):
        now = timezone.now()
        rows = [
            BlogUpdate.objects.create(
                blog=blog, body=f"{n}", draft=True, publish_at=now - timedelta(minutes=n)
            )
            for n in (1, 2)
        ]
        plain = BlogUpdate.objects.create(blog=blog, body="A draft", draft=True)
        gone = BlogUpdate.objects.create(blog=blog, body="Gone", draft=True, publish_at=now)
        gone.delete()
        assert (Publisher().publish_due(), Publisher().publish_due()) == (2, 0)
        for row in (*rows, plain, gone):
            row.refresh_from_db()
        assert [rows[1].revision, rows[0].revision, head(blog)] == [1, 2, 2]
        assert rows[0].created > now and rows[0].publish_at is None
        assert (plain.revision, gone.revision) == (None, None)

    def test_what_is_not_due_waits(self, blog):
        soon = timezone.now() + timedelta(seconds=60)
        idempotency.create(blog, "a", body="One", publish_at=soon)
        assert Publisher().publish_due() == 0
        assert Write.objects.get().action == "scheduled"
