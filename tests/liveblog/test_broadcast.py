"""A committed change reaches the blog's group through Redis; one rolled back does not."""

import json
import logging

import pytest
from channels import channel_layers
from channels_realtime.close_codes import ENDED, NOT_FOUND
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat

from liveblog.models import BlogUpdate, LiveBlog

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def layer():
    layer = channel_layers["default"]
    layer.flush()
    layer.group_add("liveblog-moon", "listener")
    yield layer
    layer.flush()


@pytest.fixture
def blog(layer):
    return LiveBlog.objects.create(slug="moon", title="To the Moon")


def messages(layer):
    while (message := layer.receive(["listener"])[1]) is not None:
        yield json.loads(message["text"]), message.get("close")


def heard(layer):
    return [frame for frame, _ in messages(layer)]


def test_create_edit_and_delete_are_broadcast(layer, blog):
    update = BlogUpdate.objects.create(blog=blog, body="One")
    update.body = "Two"
    update.save()
    update.delete()
    assert [(f["type"], f["revision"], f["action"], f["content"]) for f in heard(layer)] == [
        ("update", 1, "created", "<p>One</p>"),
        ("update", 2, "changed", "<p>Two</p>"),
        ("update", 3, "deleted", ""),
    ]


def test_a_new_title_and_state_are_broadcast(layer, blog):
    blog.title, blog.state = "On the Moon", "upcoming"
    blog.save()
    [frame] = heard(layer)
    assert (frame["type"], frame["title"], frame["state"]) == ("blog", "On the Moon", "upcoming")


def test_the_end_comes_last_and_closes(layer, blog):
    BlogUpdate.objects.create(blog=blog, body="The last words")
    blog.state = "ended"
    blog.save()
    update, about, end = messages(layer)
    assert (update[0]["content"], update[1]) == ("<p>The last words</p>", None)
    assert (about[0]["type"], about[0]["state"], about[1]) == ("blog", "ended", None)
    assert end == ({"type": "ended", "revision": 2}, ENDED)


def test_readers_get_what_the_database_has_where_a_save_left_fields_out(layer, blog):
    update, old = BlogUpdate.objects.create(blog=blog, body="One"), LiveBlog.objects.get()
    stale = BlogUpdate.objects.get()
    update.body, blog.title = "Two", "On the Moon"
    update.save()
    blog.save()
    stale.pinned, old.state = True, "upcoming"
    stale.save(update_fields=["pinned"])
    old.save(update_fields=["state"])
    *_, pinned, about = heard(layer)
    assert (pinned["content"], pinned["pinned"]) == ("<p>Two</p>", True)
    assert (about["title"], about["state"]) == ("On the Moon", "upcoming")


def test_readers_get_what_the_database_has_computed(layer, blog):
    update = BlogUpdate.objects.create(blog=blog, headline="Go", body="for landing")
    update.headline = Concat("headline", Value("!"))
    update.save()
    LiveBlog.objects.update(title=Concat("title", Value("!")))
    *_, changed, about = heard(layer)
    assert (changed["headline"], about["title"]) == ("Go!", "To the Moon!")


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_pages_of_a_blog_that_is_gone_from_its_address_are_sent_away(layer, blog, how):
    with transaction.atomic():
        if how == "deleted":
            blog.delete()
        else:
            LiveBlog.objects.update(slug="mars")
        assert heard(layer) == []
    [(frame, code)] = messages(layer)
    assert (frame["type"], frame["code"], code) == ("error", "unknown_blog", NOT_FOUND)


def test_nothing_is_broadcast_before_the_commit(layer, blog):
    with transaction.atomic():
        BlogUpdate.objects.create(blog=blog, body="One")
        assert heard(layer) == []
    assert len(heard(layer)) == 1


def test_what_is_rolled_back_is_not_broadcast(layer, blog):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        BlogUpdate.objects.create(blog=blog, body="One")
        raise ZeroDivisionError
    assert heard(layer) == []


def test_a_post_is_kept_and_logged_when_redis_is_away(layer, blog, monkeypatch, caplog):
    from redis.exceptions import ConnectionError

    def away(*_):
        raise ConnectionError("Redis is away")

    monkeypatch.setattr(layer.channel_layer, "send_group", away)
    with caplog.at_level(logging.ERROR):
        BlogUpdate.objects.create(blog=blog, body="One")
    assert BlogUpdate.objects.count() == 1
    assert "Revision 1 of moon was not broadcast" in caplog.text
