"""Row 50: a form that is saved untouched keeps the moment for which its draft is scheduled."""

from datetime import UTC, datetime

import pytest
from django.test import Client

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
