"""Row 50: a form that is saved untouched keeps the moment for which its draft is scheduled."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from liveblog.models import BlogUpdate, LiveBlog
from tests.admin_forms import Fields, OpenForm

pytestmark = pytest.mark.django_db
MOMENT = datetime(2037, 10, 25, 1, 30, 45, 123456, tzinfo=UTC)
COMPOSER = ("headline", "body", "author", "publish_at", "scheduled", "key", "version")


@pytest.fixture
def draft() -> BlogUpdate:
    blog = LiveBlog.objects.create(slug="demo", title="Demo")
    return BlogUpdate.objects.create(blog=blog, body="One", draft=True, publish_at=MOMENT)


def composer(client: Client, draft: BlogUpdate) -> dict[str, str]:
    page = client.get(f"/liveblog/demo/edit/?update={draft.pk}").content.decode()
    return {name: value for name, value in Fields(page).values.items() if name in COMPOSER}


def save(client: Client, draft: BlogUpdate, fields: dict[str, str]) -> datetime | None:
    address = f"/liveblog/demo/edit/?update={draft.pk}"
    assert client.post(address, fields | {"action": "publish"}).status_code == 302
    draft.refresh_from_db()
    return draft.publish_at


def test_row_50_without_a_script_the_editors_form_keeps_the_moment(admin_client, draft):
    fields = composer(admin_client, draft)
    assert save(admin_client, draft, fields | {"body": "Two"}) == MOMENT
    assert draft.body == "Two"


def test_row_50_without_a_script_a_new_time_is_taken(admin_client, draft):
    fields = composer(admin_client, draft)
    wanted = datetime(2037, 10, 25, 1, 31, tzinfo=UTC)
    assert save(admin_client, draft, fields | {"publish_at": "2037-10-25T01:31"}) == wanted


def test_row_50_the_admin_s_form_keeps_the_moment(admin_client, draft):
    form = OpenForm(admin_client, f"/admin/liveblog/blogupdate/{draft.pk}/change/")
    assert form.type(body="Two").save()
    draft.refresh_from_db()
    assert (draft.body, draft.publish_at) == ("Two", MOMENT)


# A time that has passed, and what saving as a draft does to a schedule


def post(client: Client, address: str, **fields: object) -> tuple[int, dict[str, object]]:
    """The status and the frame of the answer to a script."""
    answer = client.post(address, fields, headers={"Accept": "application/json"})
    return answer.status_code, answer.json()


def test_a_time_that_has_passed_is_refused_and_publishes_nothing(admin_client, draft):
    past = (timezone.now() - timedelta(minutes=1)).isoformat()
    for address in ("/liveblog/demo/edit/", f"/liveblog/demo/edit/?update={draft.pk}"):
        fields = {"body": "Two", "publish_at": past, "version": draft.version}
        status, error = post(admin_client, address, **fields)
        assert (status, list(error["fields"])) == (422, ["publish_at"])
    assert [row.draft for row in draft.blog.updates.all()] == [True]


def test_a_write_that_was_delayed_until_its_time_is_published(admin_client, draft):
    past = timezone.now() - timedelta(minutes=1)
    for pressed, wanted in ((past, 422), (past - timedelta(seconds=1), 200)):
        fields = {"body": "Two", "publish_at": past.isoformat(), "pressed": pressed.isoformat()}
        assert post(admin_client, "/liveblog/demo/edit/", **fields)[0] == wanted
    assert draft.blog.updates.visible().get().body == "Two"


def test_a_draft_that_is_overdue_can_still_be_saved(admin_client, draft):
    past = timezone.now() - timedelta(minutes=1)
    BlogUpdate._base_manager.filter(pk=draft.pk).update(publish_at=past)
    fields = {"body": "Two", "publish_at": past.isoformat(), "version": draft.version}
    address = f"/liveblog/demo/edit/?update={draft.pk}"
    assert post(admin_client, address, **fields)[1]["action"] == "created"


def test_saving_as_a_draft_keeps_a_schedule_until_its_time_is_removed(admin_client, draft):
    address = f"/liveblog/demo/edit/?update={draft.pk}"
    later = "2037-10-25T12:00:00+00:00"
    fields = {"body": "Two", "action": "draft"}
    for moment, action in ((later, "scheduled"), ("", "drafted"), (later, "drafted")):
        fields |= {"version": draft.version, "publish_at": moment}
        assert post(admin_client, address, **fields)[1]["action"] == action
        draft.refresh_from_db()
        assert draft.draft
        assert (draft.publish_at is not None) == (action == "scheduled")
        fields["body"] += "."
