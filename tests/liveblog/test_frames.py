"""The frames that readers get."""

import json

import pytest

from conversations.json_text import encode
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.frames import LONGEST_REPLAY, PAGE, replay_frame, update_frame

pytestmark = pytest.mark.django_db


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="moon", title="To the Moon")


def post(blog, body="Text", **fields):
    return BlogUpdate.objects.create(blog=blog, body=body, **fields)


def test_an_update_frame_holds_what_the_contract_names(blog):
    update = post(blog, "**Go**", headline="Landing", author="Desk", key_event=True)
    frame = json.loads(encode(update_frame(update)))
    assert frame.pop("created").endswith("Z")
    assert frame == {
        "type": "update",
        "id": update.pk,
        "revision": 1,
        "action": "created",
        "content": "<p><strong>Go</strong></p>",
        "headline": "Landing",
        "author": "Desk",
        "correction": "",
        "pinned": False,
        "key_event": True,
        "edited": None,
    }


def test_the_frame_of_a_deleted_update_gives_nothing_away(blog):
    update = post(blog, "secret", headline="secret", author="secret")
    update.delete()
    frame = update_frame(update)
    assert frame["action"] == "deleted" and frame["content"] == ""
    assert "secret" not in encode(frame)


def test_a_replay_holds_each_changed_row_once_in_its_newest_state(blog):
    first, second = post(blog, "first"), post(blog, "second")
    first.body = "first, edited"
    first.save()
    second.delete()
    blog.refresh_from_db()
    replay = replay_frame(blog, after=1)
    assert (replay["revision"], replay["reset"]) == (4, False)
    assert [(u["id"], u["action"]) for u in replay["updates"]] == [
        (first.pk, "changed"),
        (second.pk, "deleted"),
    ]
    assert replay_frame(blog, after=4)["updates"] == []


def test_a_reader_that_missed_too_much_starts_anew_with_the_newest_page_and_the_pinned(blog):
    pinned = post(blog, "old but pinned", pinned=True)
    for number in range(LONGEST_REPLAY + 1):
        post(blog, str(number))
    blog.refresh_from_db()
    replay = replay_frame(blog, after=1)
    assert replay["reset"] and len(replay["updates"]) == PAGE + 1
    assert pinned.pk in {update["id"] for update in replay["updates"]}
    assert not replay_frame(blog, after=2)["reset"]


def test_a_reader_ahead_of_a_restored_database_starts_anew(blog):
    post(blog, "kept")
    blog.refresh_from_db()
    replay = replay_frame(blog, after=99)
    assert replay["reset"] and [u["content"] for u in replay["updates"]] == ["<p>kept</p>"]
