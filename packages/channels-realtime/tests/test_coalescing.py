"""Equal handshakes: one run of the consumer answers all, and none of them misses anything."""

import secrets
import signal
from contextlib import ExitStack

import pytest
from channels.asgi import ChannelLayerWrapper
from channels_realtime.interface.websocket.coalescing import WAIT_WITHIN
from channels_realtime.layer.envelope import STAMP
from channels_realtime.streams import Stream
from harness.clients import status_of
from harness.project import changed
from harness.stack import Stack
from harness.waiting import PATIENCE, wait_until

CROWD = 40


@pytest.fixture(scope="module")
def servers():
    with Stack() as stack:
        # A busy machine may need more than 2 s for the handshakes of one test.
        stack.web = stack.interface(**changed(f"coalescing.FRESH_FOR = {PATIENCE}"))
        stack.worker()
        yield stack


@pytest.fixture
def stack(servers):
    servers.clear_book()
    servers.room = f"room{secrets.token_hex(4)}"
    return servers


def come(stack, kind="public", query="", **options):
    return stack.web.websocket(f"/{kind}/{stack.room}/{query}", **options)


def publish(stack, news):
    """As an editor does: first the database, then the group."""
    stack.redis.rpush("book:news", news)
    stack.layer.send_group(stack.room, {"text": news})


def with_cookie(cookie):
    return {"additional_headers": {"Cookie": cookie}}


def test_a_crowd_is_answered_by_one_run_and_gets_the_next_message(stack):
    stack.redis.rpush("book:news", "old")
    with come(stack) as first, stack.web.websockets(CROWD, f"/public/{stack.room}/") as others:
        everybody = [first, *others]
        assert [client.recv() for client in everybody] == ["old"] * len(everybody)
        assert stack.book("runs") == [""]
        assert stack.layer.group_size(stack.room) == len(everybody)
        publish(stack, "new")
        assert [client.recv() for client in everybody] == ["new"] * len(everybody)


def test_a_message_of_a_stream_reaches_the_crowd_and_ends_the_sharing_of_replies(stack):
    stream = Stream(stack.room, channel_layer=ChannelLayerWrapper(stack.layer, "default", []))
    with come(stack) as first, come(stack) as second:
        assert stack.book("runs") == [""]
        stack.redis.rpush("book:news", "new")
        position = stream.send({"text": '{"news": "new"}'})
        text = f'{{"news": "new","position":"{position}"}}'
        assert [first.recv() for _ in range(2)] == [second.recv() for _ in range(2)] == ["", text]
        with come(stack) as third:
            assert third.recv() == "new"
    assert [entry.message["text"] for entry in stream.history().entries] == [text]


def test_who_comes_after_a_message_gets_a_reply_that_holds_it(stack):
    with come(stack) as first:
        first.recv()
        publish(stack, "one")
        first.recv()
        with come(stack) as second:
            assert second.recv() == "one"
            assert len(stack.book("runs")) == 2


def test_a_message_of_several_keys_ends_a_reply_too(stack):
    with come(stack) as first:
        first.recv()
        stack.redis.rpush("book:news", "closed")
        stack.layer.send_group(stack.room, {"text": "closed", "close": 4001})
        assert first.close_code() == 4001
        with come(stack) as second:
            assert second.recv() == "closed"


def test_a_reply_is_not_shared_for_long(stack):
    web = stack.interface()
    path = f"/public/{stack.room}/"
    with web.websocket(path) as first:
        first.recv()
        stack.redis.rpush("book:news", "unannounced")

        def is_seen():
            with web.websocket(path) as other:
                return other.recv() == "unannounced"

        wait_until(is_seen, "another run of the consumer")


def test_users_do_not_get_each_others_replies(stack):
    with ExitStack() as exits:
        for user in ("user=ada", "user=bob", "", "user=ada", "user=bob", ""):
            options = with_cookie(user) if user else {}
            exits.enter_context(come(stack, "shared", **options)).recv()
    assert stack.book("runs") == ["user=ada", "user=bob", ""]


def test_cookies_are_not_compared_where_the_reply_is_the_same_for_everybody(stack):
    with come(stack, **with_cookie("a=1")) as first, come(stack, **with_cookie("a=2")) as second:
        first.recv()
        second.recv()
    assert stack.book("runs") == ["a=1"]


@pytest.mark.parametrize(
    "other",
    [
        {"query": "?after=1"},
        {"origin": "http://elsewhere.example"},
        {"additional_headers": {"X-Forwarded-Proto": "https"}},
    ],
    ids=["query", "origin", "scheme"],
)
def test_another_question_is_answered_by_the_consumer(stack, other):
    with come(stack) as first, come(stack, **other) as second:
        first.recv()
        second.recv()
    assert len(stack.book("runs")) == 2


@pytest.mark.parametrize("kind", ["unshared", "remember", "two"])
def test_what_is_not_only_a_shared_reply_is_answered_each_time(stack, kind):
    """No mark, a channel session that was written, and a second group."""
    with come(stack, kind) as first, come(stack, kind) as second, come(stack, kind) as third:
        for client in (first, second, third):
            client.recv()
    assert len(stack.book("runs")) == 3


def test_sockets_that_share_a_reply_send_and_close_like_others(stack):
    with come(stack) as first:
        first.recv()
        second = come(stack)
        second.recv()
        assert second.ask("anything") == "anything"
        names = {first.ask("name"), second.ask("name")}
        assert len(names) == 2
        [name] = names - {first.ask("name")}
        second.drop()
        wait_until(lambda: name in stack.book("disconnects"), "its disconnect")
        assert stack.layer.group_channels(stack.room) == [first.ask("name")]
        assert stack.book("runs") == [""]


def test_the_consumer_is_asked_again_where_redis_has_lost_the_group(stack):
    with come(stack) as first:
        first.recv()
        stack.redis.delete(stack.layer.group_key(stack.room))
        stack.redis.rpush("book:news", "missed")
        stack.layer.send_group(stack.room, {"text": "missed"})  # reaches nobody
        with come(stack) as second:
            assert second.recv() == "missed"
        assert len(stack.book("runs")) == 2


class Unserved:
    """Handshakes at an interface server that no worker answers yet."""

    def __init__(self, stack, exits, wait):
        self.stack = stack
        waits = changed(f"coalescing.WAIT_WITHIN = {wait}")
        self.web = stack.interface("--health-path", "/health/", **waits)
        self.path = f"/public/{stack.room}/"
        self.exits = exits

    def come(self):
        return self.exits.enter_context(self.web.raw_handshake(self.path))

    @property
    def queue(self):
        return f"{self.stack.layer.prefix}websocket.connect"

    def sent(self):
        return self.stack.redis.llen(self.queue)


@pytest.fixture
def unserved(request):
    """`param`: the seconds for which a handshake waits for the reply to another."""
    with Stack(capacity=1000) as stack, ExitStack() as exits:
        stack.room = "room"
        yield Unserved(stack, exits, request.param)


@pytest.mark.parametrize("unserved", [WAIT_WITHIN], indirect=True)
def test_others_wait_for_the_first_reply_but_not_long(unserved):
    crowd = [unserved.come() for _ in range(CROWD)]
    wait_until(lambda: unserved.sent() == CROWD, "all of them at the workers")
    # The server's times, as this process may look too late.
    entries = unserved.stack.redis.lrange(unserved.queue, 0, -1)
    first, second, *_ = sorted(STAMP.unpack_from(entry)[0] for entry in entries)
    assert second - first > WAIT_WITHIN / 2
    unserved.stack.worker()
    assert [status_of(client) for client in crowd] == [101] * CROWD


@pytest.mark.parametrize("unserved", [PATIENCE], indirect=True)
def test_others_go_on_when_the_first_one_leaves(unserved):
    first = unserved.come()
    wait_until(lambda: unserved.sent(), "the first handshake")
    crowd = [unserved.come() for _ in range(CROWD)]
    first.close()
    wait_until(lambda: unserved.sent() == 2, "the next one's turn")
    unserved.stack.worker()
    assert [status_of(client) for client in crowd] == [101] * CROWD


@pytest.mark.parametrize("unserved", [PATIENCE], indirect=True)
def test_who_waits_when_the_server_ends_is_refused(unserved):
    crowd = [unserved.come() for _ in range(CROWD)]
    # Connections are accepted in their order: once this one is answered, none is in the backlog.
    assert unserved.web.request("GET", "/health/").status == 200
    unserved.web.send_signal(signal.SIGTERM)
    assert [status_of(client) for client in crowd] == [503] * CROWD
