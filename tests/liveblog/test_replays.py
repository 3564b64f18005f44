"""Replays: long ones in parts, and how much of them one client is sent."""

import dataclasses
import json

import pytest
import redis
from channels import Channel, channel_layers
from channels.message import Message
from channels_realtime.sharing import SHARED, SHARES_REPLIES
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consumers import liveblog
from conversations.json_text import encode
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream import replay
from liveblog.stream.frames import LONGEST_REPLAY, PART, replay_frame
from liveblog.stream.replay import (
    ADDRESS,
    SHAREABLE,
    SOCKET,
    ReplayClient,
    charge,
    seconds_to_wait,
)
from liveblog.stream.restored import skip_lost_revisions

pytestmark = pytest.mark.django_db
JSON = "/liveblog/demo/updates.json"
ELSEWHERE = "203.0.113.7"


@pytest.fixture
def blog():
    blog = LiveBlog.objects.create(slug="demo", title="To the Moon")
    for number in range(100):
        BlogUpdate.objects.create(blog=blog, body=f"{number} " + "word " * 200)
    blog.refresh_from_db()
    return blog


@pytest.fixture
def requester(request):
    """Somebody whom no other test has counted, at an address of their own."""
    name = request.node.name
    return ReplayClient(reply_channel=f"realtime.{name}!1", address=f"address of {name}")


def parts_of(blog, after):
    """All parts of a replay, each asked for from where the one before ended."""
    parts = [replay_frame(blog, after, in_parts=True)]
    while "head" in parts[-1]:
        parts.append(replay_frame(blog, parts[-1]["revision"], in_parts=True))
    return parts


def test_a_long_replay_comes_in_parts_that_each_count(blog):
    BlogUpdate.objects.get(revision=3).delete()
    blog.refresh_from_db()
    whole = replay_frame(blog, after=0)
    parts = parts_of(blog, after=0)
    assert len(parts) > 3
    assert [u for part in parts for u in part["updates"]] == whole["updates"]
    for part in parts:
        assert len(encode(part).encode()) < PART + 3000
        assert all(u["revision"] <= part["revision"] for u in part["updates"])
        assert part["reset"] is False
    assert [part.get("head") for part in parts] == [blog.revision] * (len(parts) - 1) + [None]
    assert parts[-1]["revision"] == blog.revision


def test_an_update_longer_than_a_part_is_a_part(blog):
    BlogUpdate.objects.create(blog=blog, body="word " * 3900)
    BlogUpdate.objects.create(blog=blog, body="word " * 3900)
    BlogUpdate.objects.create(blog=blog, body="The newest")
    blog.refresh_from_db()
    assert sum(len(part["updates"]) for part in parts_of(blog, after=100)) == 3


def test_a_client_that_did_not_ask_for_parts_gets_all_at_once(blog):
    frame = replay_frame(blog, after=0)
    assert len(frame["updates"]) == 100 and "head" not in frame


def test_a_reset_comes_whole(blog):
    for _ in range(LONGEST_REPLAY):
        BlogUpdate.objects.create(blog=blog, body="word " * 300)
    blog.refresh_from_db()
    frame = replay_frame(blog, after=0, in_parts=True)
    assert frame["reset"] and "head" not in frame and len(encode(frame)) > PART


def test_updates_json_gives_parts_as_well(client, blog):
    part = client.get(JSON, {"after": 0, "parts": 1}).json()
    assert part["head"] == blog.revision > part["revision"]


def test_row_46_all_sockets_of_one_address_share_a_limit(requester):
    sockets = [
        dataclasses.replace(requester, reply_channel=f"{requester.reply_channel}{n}")
        for n in range(100)
    ]
    for number in range(100):
        if wait := seconds_to_wait(sockets[number]):
            break
        charge(sockets[number], SOCKET.most - 1)
    assert 0 < wait <= ADDRESS.seconds
    assert number * SOCKET.most >= ADDRESS.most
    assert seconds_to_wait(dataclasses.replace(requester, reply_channel=None)), "nor over HTTP"
    assert not seconds_to_wait(dataclasses.replace(requester, address="another's"))


def test_row_46_an_office_that_wakes_up_is_not_refused(requester):
    for number in range(500):
        reader = dataclasses.replace(requester, reply_channel=f"{requester.reply_channel}{number}")
        assert not seconds_to_wait(reader)
        charge(reader, 215_000)


def test_a_proxy_that_names_nobody_is_not_taken_for_one_client(requester):
    requester = dataclasses.replace(requester, reply_channel=None, address="127.0.0.1")
    charge(requester, 2 * ADDRESS.most)
    assert not seconds_to_wait(requester)


def test_without_redis_replays_are_not_counted_but_sent(requester, monkeypatch):
    def away(*_):
        raise redis.ConnectionError

    monkeypatch.setattr("conversations.rate_limits.redis", away)
    charge(requester, 2 * SOCKET.most)
    assert not seconds_to_wait(requester)


def test_row_46_polls_over_the_limit_are_429_and_no_cache_keeps_that(client, blog):
    charge(ReplayClient(reply_channel=None, address=ELSEWHERE), ADDRESS.most)
    refusal = client.get(JSON, {"after": 0}, REMOTE_ADDR=ELSEWHERE)
    assert refusal.status_code == 429
    assert refusal["Cache-Control"] == "no-store"
    assert 0 < int(refusal["Retry-After"]) <= ADDRESS.seconds
    error = refusal.json()
    assert (error["type"], error["code"]) == ("error", "too_many_replays")
    assert error["message"].endswith(".")
    few = client.get(JSON, {"after": blog.revision - 1}, REMOTE_ADDR=ELSEWHERE)
    assert few.status_code == 200, "who has missed little is no burden"


def test_a_handshake_that_has_missed_little_costs_redis_nothing(blog, requester, monkeypatch):
    monkeypatch.setattr(replay, "seconds_to_wait", pytest.fail)
    monkeypatch.setattr(replay, "charge", pytest.fail)
    reply = replay.replay("demo", blog.revision - 5, False, requester, handshake=True)
    assert len(json.loads(reply.message["text"])["updates"]) == 5
    assert reply.is_shareable


def test_a_long_replay_is_not_shared_because_it_counts_for_each_reader(blog, requester):
    whole = replay.replay("demo", 0, False, requester, handshake=True)
    assert len(whole.message["text"]) > SHAREABLE
    assert not whole.is_shareable
    part = replay.replay("demo", 0, True, requester, handshake=True)
    assert part.is_shareable


class ReplyChannel(Channel):
    """Keeps what is sent to it."""

    def send(self, content, immediately=False):
        self.sent = content


def test_the_queries_of_a_connect_are_few_and_its_reply_is_for_all(blog):
    """So the queries of a herd do not grow with it."""
    content = {
        "reply_channel": "realtime.one!1",
        "query_string": b"after=99",
        "headers": [(b"cookie", b"sessionid=any")],
        SHARES_REPLIES: True,
    }
    for most in (5, 1):  # the blog is known from the first on, and so is the replay
        message = Message(content, "websocket.connect", channel_layers["default"])
        message.reply_channel = ReplyChannel(content["reply_channel"])
        with CaptureQueriesContext(connection) as captured:
            liveblog.ws_connect(message, "demo")
        assert 0 < len(captured) <= most
        mark = message.reply_channel.sent[SHARED]
        assert mark == {"group": blog.group_name, "vary": []}


def test_a_page_that_has_what_a_restored_backup_lacks_gets_the_newest_page():
    blog = LiveBlog.objects.create(slug="restored")
    BlogUpdate.objects.create(blog=blog, body="In the backup")
    skip_lost_revisions()
    blog.refresh_from_db()
    BlogUpdate.objects.create(blog=blog, body="After the restore")
    blog.refresh_from_db()
    # One revision was lost with what came after the backup; the next cannot be the same.
    assert replay_frame(blog, 2)["reset"] and len(replay_frame(blog, 2)["updates"]) == 2
    assert not replay_frame(blog, 1)["reset"] and len(replay_frame(blog, 1)["updates"]) == 1
    assert not replay_frame(blog, blog.revision - 1)["reset"]
    before = blog.revision
    skip_lost_revisions()
    blog.refresh_from_db()
    assert replay_frame(blog, before + 1)["reset"] and not replay_frame(blog, before)["reset"]
