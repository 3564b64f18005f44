"""Streams: what a group remembers, on one Redis and on several, encrypted, and after a loss."""

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from asgiref.inmemory import ChannelLayer
from channels.asgi import ChannelLayerWrapper
from channels_realtime.layer import RedisChannelLayer, RedisSentinelChannelLayer
from channels_realtime.layer.requirement import UnsupportedLayer
from channels_realtime.memory_budget import Budget
from channels_realtime.metrics.counters import Metrics
from channels_realtime.streams import Position, Stream
from harness.environment import redis_server
from harness.redis_servers import RedisSentinel, RedisServer
from harness.waiting import wait_until

ENCRYPTED = {"symmetric_encryption_keys": ["a key"]}
KINDS = ["plain", "encrypted", "two shards", "sentinel", "in memory"]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict]:
    """The configuration of each kind of layer."""
    with ExitStack() as exits:
        shards = [exits.enter_context(RedisServer()) for _ in range(2)]
        sentinel = exits.enter_context(RedisSentinel(shards[0], "blog"))
        yield {
            "plain": {"hosts": [redis_server.url]},
            "encrypted": {"hosts": [redis_server.url], **ENCRYPTED},
            "two shards": {"hosts": [shard.url for shard in shards]},
            "sentinel": {"hosts": [("127.0.0.1", sentinel.port)], "services": ["blog"]},
        }


@pytest.fixture(params=KINDS)
def layer(request, servers) -> Iterator[object]:
    name = uuid.uuid4().hex
    if request.param == "in memory":
        yield ChannelLayer(capacity=100)
        return
    kind = RedisSentinelChannelLayer if request.param == "sentinel" else RedisChannelLayer
    config = {"prefix": f"{name}:", "stats_prefix": f"{name}-meta:"}
    found = kind(**servers[request.param], **config)
    yield found
    found.flush()


@pytest.fixture
def plain() -> Iterator[RedisChannelLayer]:
    name = uuid.uuid4().hex
    found = RedisChannelLayer(
        hosts=[redis_server.url], prefix=f"{name}:", stats_prefix=f"{name}-meta:"
    )
    yield found
    found.flush()


def stream_of(layer, name="room", **bounds):
    return Stream(name, channel_layer=ChannelLayerWrapper(layer, "default", []), **bounds)


def say(stream, *texts):
    """Send the texts; the position of the last one."""
    for text in texts:
        position = stream.send({"text": json.dumps({"say": text})})
    return position


def said(history):
    return [json.loads(entry.message["text"])["say"] for entry in history.entries]


def read(layer, channel):
    """The fields of the messages that wait in the channel, on whichever shard."""
    waiting = iter(lambda: layer.receive([channel])[1], None)
    texts = [json.loads(message["text"]) for message in waiting]
    return sorted(texts, key=lambda text: Position.parse(text["position"]))


def test_members_get_the_position_and_the_history_has_the_same_texts(layer):
    stream = stream_of(layer)
    stream.add("ear!one")
    stream.add("ear")
    last = say(stream, "one", "two", "{}")
    stream.discard("ear")
    say(stream, "four")
    expected = [
        {"say": text, "position": f"{last.epoch}-{offset}"}
        for offset, text in enumerate(["one", "two", "{}", "four"], 1)
    ]
    assert read(layer, "ear!") == expected
    assert read(layer, "ear") == expected[:3]
    history = stream.history()
    assert [json.loads(entry.message["text"]) for entry in history.entries] == expected
    assert [entry.offset for entry in history.entries] == [1, 2, 3, 4]
    assert history.position == (last.epoch, 4)
    assert not history.recovered


def test_who_comes_back_gets_what_was_missed_and_no_more(layer):
    stream = stream_of(layer)
    known = say(stream, "one", "two")
    say(stream, "three", "four")
    missed = stream.history(since=known)
    assert said(missed) == ["three", "four"]
    assert missed.recovered
    nothing = stream.history(since=missed.position)
    assert (nothing.entries, nothing.recovered) == ([], True)
    # The position as a client keeps it.
    assert said(stream.history(since=Position.parse(str(known)))) == ["three", "four"]


def test_who_was_away_for_too_long_is_told_so(layer):
    stream = stream_of(layer, size=3)
    first = say(stream, "1")
    second = say(stream, "2")
    say(stream, "3", "4", "5")
    assert said(stream.history(since=second)) == ["3", "4", "5"]
    assert stream.history(since=second).recovered
    lost = stream.history(since=first)
    assert said(lost) == ["3", "4", "5"]
    assert not lost.recovered


def test_positions_that_the_stream_never_had_are_not_recovered(layer):
    stream = stream_of(layer)
    empty = stream.history(since=("0" * 12, 0))
    assert empty == ([], "", 0, False)
    assert empty.position is None
    last = say(stream, "one")
    for since in [("0" * 12, 1), (last.epoch, 2), (last.epoch, 10**15 - 1)]:
        found = stream.history(since)
        assert said(found) == ["one"]
        assert not found.recovered
    # Before the first one: everything is there.
    assert stream.history((last.epoch, 0)).recovered


def test_a_removed_message_is_not_in_the_history_and_leaves_no_gap(layer):
    stream = stream_of(layer)
    positions = [say(stream, text) for text in ("one", "two", "three")]
    deletion = stream.send({"text": '{"delete":2}'}, key=None, remove=positions[1])
    texts = [entry.message["text"] for entry in stream.history().entries]
    assert texts[-1] == '{"delete":2}'
    assert [json.loads(text).get("say") for text in texts] == ["one", "three", None]
    back = stream.history(since=positions[0])
    assert back.recovered
    assert [entry.offset for entry in back.entries] == [3, 4]
    # What is not there, or is of another epoch, removes nothing.
    for gone in [Position("0" * 12, 1), Position(deletion.epoch, 99), positions[1]]:
        stream.send({"text": "{}"}, remove=gone)
    assert [entry.offset for entry in stream.history().entries] == [1, 3, 4, 5, 6, 7]


def test_a_history_of_size_0_counts_and_holds_nothing(layer):
    stream = stream_of(layer, size=0)
    first = say(stream, "one")
    last = say(stream, "two")
    assert (first.offset, last.offset) == (1, 2)
    assert stream.history(since=last).recovered
    assert stream.history(since=first) == ([], last.epoch, 2, False)


@pytest.mark.parametrize("layer", ["encrypted", "in memory"], indirect=True)
def test_a_message_that_is_too_old_is_not_in_the_history(layer):
    short = stream_of(layer, age=1)
    say(short, "old")
    wait_until(lambda: not short.history().entries, "the end of a message")
    last = say(short, "new")
    assert said(short.history()) == ["new"]
    assert last.offset in (1, 2)  # the stream itself may have ended in between


def test_streams_do_not_mix(layer):
    one, two = stream_of(layer, "one"), stream_of(layer, "two")
    say(one, "1")
    say(two, "2")
    assert [said(stream.history()) for stream in (one, two)] == [["1"], ["2"]]
    assert one.history().epoch != two.history().epoch


def test_bounds_and_messages_that_make_no_sense_are_refused(plain):
    for bounds in [{"size": -1}, {"size": 1001}, {"age": 0}, {"age": 10**9}]:
        with pytest.raises(ValueError, match="A stream holds"):
            stream_of(plain, **bounds)
    stream = stream_of(plain)
    for message in [{}, {"text": None}, {"bytes": b"{}"}, {"text": "hello"}, {"text": "[]"}]:
        with pytest.raises(ValueError, match="JSON object"):
            stream.send(message)
    assert stream.history().position is None
    for text in ["", "x", "0" * 12, "-1", "g" * 12 + "-1", "0" * 12 + "--1", "0" * 12 + "-١"]:
        with pytest.raises(ValueError, match="no position"):
            Position.parse(text)


def test_the_stock_layer_is_refused_in_one_sentence(stock_layer):
    with pytest.raises(UnsupportedLayer, match="A stream needs the channel layer of channels_real"):
        stream_of(stock_layer)


# What Redis holds


def test_redis_sees_no_plaintext(servers):
    layer = RedisChannelLayer(**servers["encrypted"], prefix=f"{uuid.uuid4().hex}:")
    say(stream_of(layer), "the eagle has landed")
    held = layer.connection(0).hgetall(layer.scripts.stream_key("room"))
    assert any(len(value) > 100 for value in held.values())
    assert b"eagle" not in b"".join(held.values())
    layer.flush()


def test_a_history_that_cannot_be_decrypted_is_not_recovered(servers, plain):
    """Its key was replaced: the message is lost, which is counted."""
    config = {"hosts": [redis_server.url], "prefix": plain.prefix}
    known = say(stream_of(RedisChannelLayer(**config, **ENCRYPTED)), "one", "two")
    other = RedisChannelLayer(**config, symmetric_encryption_keys=["another key"])
    other.metrics = Metrics("worker")
    found = stream_of(other).history(since=(known.epoch, 1))
    assert (found.entries, found.recovered) == ([], False)
    assert other.metrics.drops["unreadable"] == 1


def test_an_abandoned_stream_leaves_nothing(plain):
    say(stream_of(plain, age=60), "one")
    connection = plain.connection(0)
    ends = [connection.ttl(key) for key in connection.scan_iter(f"{plain.prefix}*stream*")]
    assert len(ends) == 3
    assert all(0 < end <= 61 for end in ends)
    assert connection.exists(plain.scripts.stream_key("other")) == 0
    stream_of(plain, "other").history()
    assert connection.exists(plain.scripts.stream_key("other")) == 0  # reading makes nothing


def test_all_histories_together_are_bounded_and_a_drop_is_counted(plain):
    plain.metrics = Metrics("worker")
    plain.budget = Budget.of(8 * 10_000)  # 10,000 bytes for histories
    text = "x" * 1000
    quiet = say(stream_of(plain, "quiet"), text)
    for _ in range(20):
        say(stream_of(plain, "loud"), text)
    loud = stream_of(plain, "loud").history()
    assert 5 <= len(loud.entries) < 10
    assert plain.metrics.drops["history_full"] == 1
    assert not stream_of(plain, "quiet").history(since=quiet).recovered
    sizes = plain.connection(0).hgetall(f"{plain.prefix}:stream-bytes")
    held = sum(int(size) for key, size in sizes.items() if key)
    assert held == int(sizes[b""]) <= 10_000


def test_what_has_expired_is_not_counted_any_more(plain):
    say(stream_of(plain, "short", age=1), "x" * 1000)
    say(stream_of(plain, "long", age=100), "one")
    connection = plain.connection(0)
    key = plain.scripts.stream_key("short")
    wait_until(lambda: not connection.exists(key), "the end of a stream")
    say(stream_of(plain, "long", age=100), "two")
    assert set(connection.hkeys(f"{plain.prefix}:stream-bytes")) == {
        b"",
        plain.scripts.stream_key("long").encode(),
    }


def test_appending_and_sending_are_one_round_trip(plain):
    stream = stream_of(plain)
    say(stream, "one")
    connection = plain.connection(0)
    before = connection.info("commandstats")["cmdstat_evalsha"]["calls"]
    say(stream, "two")
    stream.history()
    assert connection.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 2


def test_a_message_that_is_sent_again_is_appended_once(plain, monkeypatch):
    """Its reply was lost with the connection, so the command is repeated."""
    stream = stream_of(plain)
    stream.add("ear")
    say(stream, "one")
    run = plain.run
    monkeypatch.setattr(plain, "run", lambda command: (run(command), run(command))[1])
    last = say(stream, "two")
    monkeypatch.undo()
    assert last.offset == 2
    assert [fields["say"] for fields in read(plain, "ear")] == ["one", "two"]
    assert said(stream.history()) == ["one", "two"]
    assert say(stream, "three").offset == 3


def test_many_senders_make_no_gap(plain):
    """Each is a process of its own as far as Redis can tell."""
    config = {"hosts": [redis_server.url], "prefix": plain.prefix}
    senders = [stream_of(RedisChannelLayer(**config)) for _ in range(4)]
    offsets = [say(senders[number % 4], str(number)).offset for number in range(40)]
    assert offsets == list(range(1, 41))
    assert said(senders[0].history()) == [str(number) for number in range(40)]


# After a loss


def test_a_redis_that_was_emptied_begins_a_new_epoch(plain):
    stream = stream_of(plain)
    known = say(stream, "one", "two", "three")
    plain.connection(0).delete(plain.scripts.stream_key("room"))
    assert not stream.history(since=known).recovered
    new = say(stream, "1", "2", "3", "4")
    assert (new.epoch == known.epoch, new.offset) == (False, 4)
    found = stream.history(since=known)
    assert said(found) == ["1", "2", "3", "4"]
    assert not found.recovered


def test_a_redis_that_was_restarted_from_an_older_snapshot_begins_a_new_epoch():
    """Its offsets would be those of messages that its clients have seen, with other texts."""
    with RedisServer() as server:
        layer = RedisChannelLayer(hosts=[server.url])
        stream = stream_of(layer)
        old = say(stream, "kept 1", "kept 2")
        server.client().save()
        known = say(stream, "lost 3")
        server.kill()
        server.start()
        back = stream.history(since=known)
        assert said(back) == ["kept 1", "kept 2"]
        assert not back.recovered
        new = say(stream, "new 3")
        assert new.epoch == back.epoch != known.epoch
        assert new.offset == 3
        assert stream.history(since=back.position).recovered
        for since in (known, old):  # even what is still there: nobody can tell
            found = stream.history(since)
            assert said(found) == ["kept 1", "kept 2", "new 3"]
            assert not found.recovered
        texts = [json.loads(entry.message["text"]) for entry in found.entries]
        assert [text["position"] for text in texts] == [f"{old.epoch}-1", str(old), str(new)]
        # A message of an earlier epoch can still be removed.
        stream.send({"text": '{"say":"deleted"}'}, remove=old)
        assert said(stream.history()) == ["kept 1", "new 3", "deleted"]
