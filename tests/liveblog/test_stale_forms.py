"""Row 41: a form of the admin that was opened earlier overwrites nothing that changed since."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from liveblog.models import BlogUpdate, LiveBlog, Webhook
from liveblog.stream.schedule import Publisher
from tests.admin_forms import OpenForm

pytestmark = pytest.mark.django_db
REFUSED = "Nothing was saved: somebody has changed this since you opened it."


@pytest.fixture
def blog() -> LiveBlog:
    return LiveBlog.objects.create(slug="demo", title="Demo", description="One\nTwo")


@pytest.fixture
def update(blog: LiveBlog) -> BlogUpdate:
    return BlogUpdate.objects.create(blog=blog, headline="Head", body="One\nTwo", author="Jo")


def form_of(client: Client, row: LiveBlog | BlogUpdate | Webhook | Account) -> OpenForm:
    return OpenForm(client, f"/admin/{row._meta.label_lower.replace('.', '/')}/{row.pk}/change/")


def test_row_41_a_form_opened_before_the_end_does_not_reopen_the_coverage(admin_client, blog):
    form = form_of(admin_client, blog).type(title="Better")
    BlogUpdate.objects.create(blog=blog, body="A post is no change of what the form shows")
    blog.refresh_from_db()
    blog.state = "ended"
    blog.save()
    assert not form.save()
    assert REFUSED in form.page and "State is now “Ended”." in form.page
    blog.refresh_from_db()
    assert (blog.state, blog.title) == ("ended", "Demo")
    # Typed fields keep their text, the others show current values: saving again loses nothing.
    assert (form.fields["title"], form.fields["state"]) == ("Better", "ended")
    assert form.save()
    blog.refresh_from_db()
    assert (blog.state, blog.title) == ("ended", "Better")


def test_row_41_of_two_who_type_a_title_the_second_is_told_the_first(admin_client, blog):
    first, second = form_of(admin_client, blog), form_of(admin_client, blog)
    assert first.type(title="First").save()
    assert not second.type(title="Second").save()
    assert "Title is now “First”." in second.page
    assert second.fields["title"] == "Second"
    blog.refresh_from_db()
    assert blog.title == "First"
    assert second.save()
    blog.refresh_from_db()
    assert blog.title == "Second"


def test_row_41_posts_that_come_meanwhile_make_no_form_stale(admin_client, blog):
    form = form_of(admin_client, blog)
    BlogUpdate.objects.create(blog=blog, body="One")
    assert form.type(title="Better").save()
    blog.refresh_from_db()
    assert (blog.title, blog.revision) == ("Better", 2)


def test_row_41_an_update_s_form_says_what_changed_and_keeps_what_was_typed(admin_client, update):
    form = form_of(admin_client, update).type(body="Mine")
    update.headline, update.body, update.pinned = "Theirs", "Theirs\nas well", True
    update.save()
    assert not form.save()
    for sentence in ("Headline is now “Theirs”.", "Text is now “Theirs", "Pinned is now “yes”."):
        assert sentence in form.page
    assert form.fields["body"] == "Mine"
    assert (form.fields["headline"], form.fields["pinned"]) == ("Theirs", "on")
    assert form.save()
    update.refresh_from_db()
    assert (update.headline, update.body, update.pinned) == ("Theirs", "Mine", True)


def test_row_41_a_draft_that_was_published_meanwhile_is_not_changed_unseen(admin_client, blog):
    due = timezone.now() + timedelta(hours=1)
    draft = BlogUpdate.objects.create(blog=blog, body="One", draft=True, publish_at=due)
    form = form_of(admin_client, draft).type(body="Two")
    BlogUpdate.objects.filter(pk=draft.pk).update(publish_at=timezone.now())
    assert Publisher().publish_due() == 1
    assert not form.save()
    assert "Draft is now “no”." in form.page and "Publish at is now empty." in form.page
    draft.refresh_from_db()
    assert draft.body == "One"
    assert form.fields["body"] == "Two" and form.save()
    draft.refresh_from_db()
    assert (draft.body, draft.draft) == ("Two", False)


def test_row_41_another_time_of_publication_is_shown(admin_client, blog):
    """The field that consists of two: date and time."""
    before, now = (datetime(2037, 10, day, 12, tzinfo=UTC) for day in (1, 2))
    draft = BlogUpdate.objects.create(blog=blog, body="One", draft=True, publish_at=before)
    form = form_of(admin_client, draft).type(body="Two")
    BlogUpdate.objects.filter(pk=draft.pk).update(publish_at=now)
    assert not form.save()
    assert (form.fields["publish_at_0"], form.fields["publish_at_1"]) == ("2037-10-02", "12:00:00")
    assert form.save()
    draft.refresh_from_db()
    assert (draft.publish_at, draft.body) == (now, "Two")


def test_row_41_a_form_that_nobody_else_has_changed_is_saved(admin_client, blog, update):
    """Also with line ends as browsers send them, and unchanged without a revision."""
    assert form_of(admin_client, update).save() and form_of(admin_client, blog).save()
    blog.refresh_from_db()
    assert blog.revision == 1
    assert form_of(admin_client, update).type(author="Ada").save()
    update.refresh_from_db()
    assert (update.author, update.revision) == ("Ada", 2)


def test_row_41_a_webhook_that_was_switched_off_is_not_switched_on(admin_client, blog):
    hook = Webhook.objects.create(blog=blog, url="https://example.com/one")
    form = form_of(admin_client, hook).type(url="https://example.com/two")
    Webhook.objects.update(active=False)
    assert not form.save()
    assert "Active is now “no”." in form.page
    assert "active" not in form.fields and form.save()
    hook.refresh_from_db()
    assert (hook.active, hook.url) == (False, "https://example.com/two")


def test_row_41_a_balance_that_was_charged_meanwhile_is_not_set_back(admin_client):
    user = User.objects.create_user("ada")
    account = Account.objects.create(user=user, balance=100)
    form = form_of(admin_client, account).type(language="en")
    Account.objects.update(balance=40)
    assert not form.save()
    assert "Balance is now “40.00”." in form.page
    assert form.fields["balance"] == "40.00" and form.save()
    account.refresh_from_db()
    assert (account.balance, account.language) == (40, "en")


def test_row_41_who_may_only_look_sees_the_page(client, blog):
    viewer = User.objects.create_user("vi", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_liveblog"))
    client.force_login(viewer)
    assert client.get(f"/admin/liveblog/liveblog/{blog.pk}/change/").status_code == 200
