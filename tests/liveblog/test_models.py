"""Every change takes the blog's next revision, however it is made."""

from datetime import datetime, timedelta
from typing import get_type_hints

import pytest
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.utils import timezone

from liveblog.api import schemas
from liveblog.fields import CONTENT, PUBLICATION, TEXTS, Values, as_values
from liveblog.models import BlogUpdate, LiveBlog, PastVersion

pytestmark = pytest.mark.django_db


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="moon", title="To the Moon")


def revisions(blog):
    return sorted(blog.updates.values_list("revision", flat=True))


def head(blog):
    return LiveBlog.objects.get(pk=blog.pk).revision


def test_a_new_blog_is_at_revision_0(blog):
    assert head(blog) == 0


def test_creating_editing_pinning_and_deleting_each_take_one_revision(blog):
    update = BlogUpdate.objects.create(blog=blog, body="Lift-off")
    assert (update.revision, head(blog)) == (1, 1)
    update.body = "Lift-off!"
    update.save()
    assert (update.revision, head(blog)) == (2, 2)
    update.pinned = True
    update.save()
    assert (update.revision, head(blog)) == (3, 3)
    update.delete()
    assert (update.revision, head(blog)) == (4, 4)


def test_title_and_state_take_a_revision(blog):
    blog.title = "On the Moon"
    blog.save()
    blog.state = LiveBlog.State.ENDED
    blog.save()
    assert head(blog) == 2
    assert blog.ended is not None


def test_a_deleted_update_stays_as_a_tombstone(blog):
    update = BlogUpdate.objects.create(blog=blog, body="A mistake", pinned=True)
    update.delete()
    update.delete()
    row = BlogUpdate.objects.get()
    assert (row.deleted, row.pinned, row.revision) == (True, False, 2)
    assert not blog.updates.visible().exists()


def test_only_new_text_counts_as_an_edit(blog):
    BlogUpdate.objects.create(blog=blog, body="One")
    update = BlogUpdate.objects.get()
    update.pinned = True
    update.save()
    assert update.edited is None
    update.headline = "News"
    update.save()
    assert update.edited is not None


def test_a_flag_is_no_edit_for_a_writer_that_has_read_anothers_text(blog):
    update = BlogUpdate.objects.create(blog=blog, body="One")
    other = BlogUpdate.objects.get(pk=update.pk)
    other.body = "Two"
    other.save()
    update.refresh_from_db()
    update.pinned = True
    update.save()
    assert BlogUpdate.objects.get(pk=update.pk).edited == other.edited
    partly = BlogUpdate.objects.only("key_event").get(pk=update.pk)
    partly.key_event = True
    partly.save()
    assert BlogUpdate.objects.get(pk=update.pk).edited == other.edited


def test_a_save_of_one_field_leaves_what_others_wrote(blog):
    update, old = BlogUpdate.objects.create(blog=blog, body="One"), LiveBlog.objects.get()
    stale = BlogUpdate.objects.get(pk=update.pk)
    update.body, blog.state = "Two", "ended"
    update.save()
    blog.save()
    stale.pinned, old.title = True, "On the Moon"
    stale.save(update_fields=["pinned"])
    old.save(update_fields=["title"])
    update.refresh_from_db()
    assert (update.body, update.pinned, update.edited is None) == ("Two", True, False)
    blog.refresh_from_db()
    assert (blog.title, blog.state, blog.ended is None) == ("On the Moon", "ended", False)


def test_the_database_may_compute_what_is_saved(blog):
    BlogUpdate.objects.create(blog=blog, headline="Go", body="for landing")
    later = timezone.now() + timedelta(hours=1)
    BlogUpdate.objects.create(blog=blog, body="Good morning", publish_at=later)
    blog.updates.visible().update(pinned=~F("pinned"), headline=Concat("headline", Value("!")))
    blog.updates.hidden().update(publish_at=F("publish_at") + timedelta(hours=1))
    [update], [draft] = blog.updates.visible(), blog.updates.hidden()
    assert (update.headline, update.pinned, update.edited is None) == ("Go!", True, False)
    assert draft.publish_at == later + timedelta(hours=1)
    assert update.revision == head(blog) == 2


@pytest.mark.parametrize("draft", [False, True])
def test_an_update_stays_in_its_blog(blog, draft):
    other = LiveBlog.objects.create(slug="mars", title="To Mars")
    update = BlogUpdate.objects.create(blog=blog, body="One", draft=draft)
    update.blog = other
    with pytest.raises(ValueError, match="cannot move to another live blog"):
        update.save()
    with pytest.raises(ValueError, match="cannot move to another live blog"):
        blog.updates.update(blog=other)
    assert (blog.updates.count(), other.updates.count(), head(other)) == (1, 0, 0)


@pytest.mark.parametrize("slug", ["", "to the moon", "mønd", "m" * 81])
def test_a_slug_that_no_address_can_hold_is_refused(blog, slug):
    with pytest.raises(ValidationError):
        LiveBlog.objects.create(slug=slug, title="Nowhere")
    with pytest.raises(ValidationError):
        LiveBlog.objects.update(slug=slug)
    assert (LiveBlog.objects.get().slug, head(blog)) == ("moon", 0)


def test_bulk_operations_take_a_revision_a_row(blog):
    made = BlogUpdate.objects.bulk_create([BlogUpdate(blog=blog, body=c) for c in "abc"])
    assert revisions(blog) == [1, 2, 3]
    BlogUpdate.objects.filter(body__in="ab").update(pinned=True)
    assert revisions(blog) == [3, 4, 5]
    for update in made:
        update.headline = "All"
    BlogUpdate.objects.bulk_update(made, ["headline"])
    assert revisions(blog) == [6, 7, 8]
    assert BlogUpdate.objects.filter(pinned=True, headline="All").count() == 2
    BlogUpdate.objects.all().delete()
    assert revisions(blog) == [9, 10, 11] and head(blog) == 11


def test_a_failed_change_takes_no_revision(blog):
    BlogUpdate.objects.create(blog=blog, body="One")
    with pytest.raises(ValueError, match="too long"):
        change_and_fail(blog)
    assert head(blog) == 1
    assert BlogUpdate.objects.create(blog=blog, body="Two").revision == 2


def change_and_fail(blog):
    from django.db import transaction

    with transaction.atomic():
        BlogUpdate.objects.create(blog=blog, body="Lost")
        raise ValueError("too long")


class TestFields:
    KINDS = {
        models.CharField: str,
        models.TextField: str,
        models.BooleanField: bool,
        models.DateTimeField: datetime | None,
    }

    def test_have_columns_of_the_same_name_and_type(self):
        for name, kind in get_type_hints(Values).items():
            assert self.KINDS[type(BlogUpdate._meta.get_field(name))] == kind, name

    def test_of_content_that_are_texts_are_kept_in_past_versions(self):
        assert {field.name for field in PastVersion._meta.fields} >= {*TEXTS}

    def test_are_those_that_the_api_takes_and_shows(self):
        assert list(schemas.Asked.model_fields) == [*CONTENT, *PUBLICATION]
        assert {*schemas.EditorsUpdate.model_fields} >= {*CONTENT, *PUBLICATION}

    def test_that_no_write_may_set_are_refused(self):
        with pytest.raises(AssertionError, match="revision"):
            as_values({"body": "One", "revision": 5})
