"""The admin's pages: what they list, and that every change takes its revision."""

import pytest

from liveblog.models import BlogUpdate, LiveBlog

pytestmark = pytest.mark.django_db
BLOGS = "/admin/liveblog/liveblog/"
UPDATES = "/admin/liveblog/blogupdate/"


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def update(blog):
    return BlogUpdate.objects.create(blog=blog, headline="Touchdown", body="Text", author="Jo")


def revision_of(blog):
    blog.refresh_from_db()
    return blog.revision


def test_a_new_blog_from_the_admin_works(admin_client):
    data = {"title": "Moon", "slug": "moon", "state": "live", "description": ""}
    assert admin_client.post(f"{BLOGS}add/", data).status_code == 302
    assert admin_client.get("/liveblog/moon/").status_code == 200


def test_a_new_title_takes_a_revision_and_the_slug_stays(admin_client, blog):
    data = {"title": "Better", "slug": "elsewhere", "state": "ended", "description": ""}
    assert admin_client.post(f"{BLOGS}{blog.pk}/change/", data).status_code == 302
    assert revision_of(blog) == 1
    assert (blog.title, blog.slug, blog.state) == ("Better", "demo", "ended")
    assert blog.ended is not None


def test_the_revision_cannot_be_typed_in(admin_client, blog):
    data = {"title": "Better", "state": "live", "description": "", "revision": "500"}
    admin_client.post(f"{BLOGS}{blog.pk}/change/", data)
    assert revision_of(blog) == 1


def test_saving_without_a_change_takes_no_revision(admin_client, blog, update):
    data = {"title": "Demo", "state": "live", "description": ""}
    assert admin_client.post(f"{BLOGS}{blog.pk}/change/", data).status_code == 302
    data = {"headline": "Touchdown", "body": "Text", "author": "Jo"}
    assert admin_client.post(f"{UPDATES}{update.pk}/change/", data).status_code == 302
    assert revision_of(blog) == 1


def test_an_update_is_added_and_changed(admin_client, blog):
    data = {"blog": blog.pk, "headline": "", "body": "One", "author": "Jo"}
    assert admin_client.post(f"{UPDATES}add/", data).status_code == 302
    update = blog.updates.get()
    data = {"headline": "", "body": "Two", "author": "Jo", "pinned": "on"}
    assert admin_client.post(f"{UPDATES}{update.pk}/change/", data).status_code == 302
    update.refresh_from_db()
    assert (update.body, update.pinned, update.revision) == ("Two", True, 2)


def test_deleting_leaves_a_tombstone_that_the_admin_no_longer_lists(admin_client, update):
    response = admin_client.post(f"{UPDATES}{update.pk}/delete/", {"post": "yes"})
    assert response.status_code == 302
    update.refresh_from_db()
    assert (update.deleted, update.revision) == (True, 2)
    assert f"{update.pk}/change/" not in admin_client.get(UPDATES).content.decode()
    # The admin answers with a message and its start page.
    assert admin_client.get(f"{UPDATES}{update.pk}/change/").status_code == 302


def test_the_delete_action_leaves_tombstones(admin_client, blog, update):
    other = BlogUpdate.objects.create(blog=blog, body="Two")
    data = {
        "action": "delete_selected",
        "_selected_action": [update.pk, other.pk],
        "post": "yes",
    }
    assert admin_client.post(UPDATES, data).status_code == 302
    assert blog.updates.filter(deleted=True).count() == 2
    assert revision_of(blog) == 4


@pytest.mark.parametrize("address", [BLOGS, UPDATES])
@pytest.mark.parametrize(("search", "found"), [("dem", True), ("tex", True), ("zzz", False)])
def test_the_lists_can_be_searched(admin_client, update, address, search, found):
    LiveBlog.objects.filter(pk=update.blog_id).update(description="Text")
    BlogUpdate.objects.filter(pk=update.pk).update(headline="Demo")
    page = admin_client.get(address, {"q": search}).content.decode()
    row = update.blog if address == BLOGS else update
    assert (f"{address}{row.pk}/change/" in page) == found


def test_the_lists_can_be_filtered(admin_client, update):
    assert "Touchdown" in admin_client.get(UPDATES, {"key_event__exact": "0"}).content.decode()
    assert "Touchdown" not in admin_client.get(UPDATES, {"key_event__exact": "1"}).content.decode()
    assert admin_client.get(BLOGS, {"state__exact": "live"}).status_code == 200
