"""What the layer does beyond the conformance suite, on real Redis."""

import struct
import uuid

import asgi_redis
import pytest
from channels_realtime.layer.channel_layer import PROCESS, RedisChannelLayer
from channels_realtime.layer.envelope import LEAVE, Mark
from harness.environment import redis_server
from harness.waiting import wait_until


@pytest.fixture
def make_layer():
    """Makes layers under one prefix: each is a process of its own as far as Redis can tell."""
    name = uuid.uuid4().hex
    made = []

    def make(layer_class=RedisChannelLayer, name=name, **config):
        config = {"prefix": f"{name}:", "stats_prefix": f"{name}-meta:"} | config
        made.append(layer_class(hosts=[redis_server.url], **config))
        return made[-1]

    yield make
    for layer in made:
        layer.flush()


@pytest.fixture
def layer(make_layer):
    return make_layer()


def receive_all(layer, channel):
    """(channel, message) pairs until there are no more."""
    return list(iter(lambda: layer.receive([channel]), (None, None)))


def beat(layer, process):
    """The heartbeat of a process, by which it is registered; returns those that are dead."""
    command = layer.scripts.heartbeat(0, process, look_for_dead=True, dead_after=0.000001)
    return layer.run(command).dead


def remove(layer, process, dead_after=0):
    return layer.run(layer.scripts.remove_process(0, process, dead_after))


# Encryption


def test_redis_sees_no_plaintext(make_layer):
    layer = make_layer(symmetric_encryption_keys=["first key"])
    layer.group_add("secrets", "secret")
    layer.send("secret", {"text": "the eagle has landed"})
    layer.send_group("secrets", {"text": "the eagle has landed"})
    connection = layer.connection(0)
    stored = [connection.lrange(f"{layer.prefix}secret", 0, -1)]
    assert len(stored[0]) == 2 and not any(b"eagle" in value for value in stored[0])


def test_a_message_of_the_old_key_is_read_while_keys_rotate(make_layer):
    make_layer(symmetric_encryption_keys=["old"]).send("rotating", {"text": "hello"})
    layer = make_layer(symmetric_encryption_keys=["new", "old"])
    assert layer.receive(["rotating"]) == ("rotating", {"text": "hello"})


def test_a_message_of_a_foreign_key_is_passed_over(make_layer):
    make_layer(symmetric_encryption_keys=["foreign"]).send("letters", {"text": "unreadable"})
    layer = make_layer(symmetric_encryption_keys=["ours"])
    layer.send("letters", {"text": "readable"})
    assert receive_all(layer, "letters") == [("letters", {"text": "readable"})]


# Entries that nobody of ours wrote


@pytest.mark.parametrize("block", [False, True])
@pytest.mark.parametrize(
    "entry", [b"", b"x", b"asgi:0123", struct.pack(">d", 9e9), struct.pack(">d", 9e9) + b"\xc1"]
)
def test_an_entry_that_is_no_envelope_is_passed_over(layer, entry, block):
    layer.connection(0).rpush(f"{layer.prefix}channel", entry)
    layer.send("channel", {"text": "good"})
    assert layer.receive(["channel"], block=block) == ("channel", {"text": "good"})


# Expiry


@pytest.mark.parametrize("block", [False, True])
def test_an_expired_message_is_passed_over_and_the_next_one_received(make_layer, block):
    layer = make_layer(expiry=60)
    layer.send("channel", {"text": "stale"})
    # The stamp is moved into the past instead of waiting.
    key = f"{layer.prefix}channel"
    entry = layer.connection(0).lpop(key)
    layer.connection(0).rpush(key, struct.pack(">d", 1.0) + entry[8:])
    layer.send("channel", {"text": "fresh"})
    assert layer.receive(["channel"], block=block) == ("channel", {"text": "fresh"})


def test_expired_messages_take_no_room_in_a_channel(make_layer):
    layer = make_layer(capacity=2)
    layer.connection(0).rpush(f"{layer.prefix}channel", *[struct.pack(">d", 1.0)] * 2)
    layer.send("channel", {"text": "fresh"})
    assert receive_all(layer, "channel") == [("channel", {"text": "fresh"})]


def test_a_channel_that_nobody_reads_leaves_no_key_behind(make_layer):
    layer = make_layer(expiry=60)
    layer.send("nobody", {})
    layer.send("nobody!here", {})
    layer.group_add("all", "nobody.else!here")
    layer.send_group("all", {})
    keys = [f"{layer.prefix}{name}" for name in ("nobody", "nobody!", "nobody.else!")]
    assert all(0 < layer.connection(0).ttl(key) <= 61 for key in keys)


# Statistics


def test_statistics_equal_those_of_asgi_redis(make_layer):
    answers = []
    for layer_class in (asgi_redis.RedisChannelLayer, RedisChannelLayer):
        layer = make_layer(layer_class, name=uuid.uuid4().hex, capacity=3)
        layer.group_add("group", "busy")
        layer.group_add("group", "local!one")
        for _ in range(3):
            layer.send("busy", {})
        layer.send("local!two", {})
        with pytest.raises(layer.ChannelFull):
            layer.send("busy", {})
        layer.send_group("group", {})
        layer.receive(["busy"])
        statistics = [layer.channel_statistics(name) for name in ("busy", "local!", "unheard-of")]
        for channel in statistics:
            age = channel.pop("messages_max_age")
            assert type(age) is int
            assert 0 <= age < layer.expiry
        answers.append([*statistics, layer.global_statistics()])
    stock, ours = answers
    assert ours == stock
    assert ours[0] == {"messages_count": 3, "messages_pending": 2, "channel_full_count": 2}
    assert ours[-1] == {"messages_count": 5, "channel_full_count": 2}


def test_the_age_of_a_channel_is_that_of_its_oldest_message(layer):
    assert layer.channel_statistics("channel")["messages_max_age"] == 0
    layer.send("channel", {})
    seconds, _ = layer.connection(0).time()
    key = f"{layer.prefix}channel"
    entry = layer.connection(0).lpop(key)
    layer.connection(0).rpush(key, struct.pack(">d", seconds - 30) + entry[8:])
    layer.send("channel", {})
    assert 30 <= layer.channel_statistics("channel")["messages_max_age"] < 60


# Groups


def test_300_members_of_one_plain_process_get_each_one_message(layer):
    members = {f"plain!{number}" for number in range(300)}
    for member in members:
        layer.group_add("crowd", member)
    layer.send_group("crowd", {"text": "hello"})
    received = receive_all(layer, "plain!")
    assert len(received) == 300
    assert {channel for channel, _ in received} == members
    assert all(message == {"text": "hello"} for _, message in received)


def test_a_group_message_costs_one_entry_a_process(layer):
    for process in ("plain!", f"{PROCESS}ours!"):
        for number in range(50):
            layer.group_add("crowd", f"{process}{number}")
    layer.connection(0).delete(f"{layer.prefix}{PROCESS}ours!")  # what the joins put there
    layer.send_group("crowd", {"text": "hello"})
    lists = [f"{layer.prefix}{process}" for process in ("plain!", f"{PROCESS}ours!")]
    assert [layer.connection(0).llen(key) for key in lists] == [1, 1]


def test_group_size_counts_what_group_channels_lists(layer):
    assert layer.group_size("crowd") == 0
    for member in ("ordinary", "single?reader", "plain!a", "plain!b", f"{PROCESS}ours!a"):
        layer.group_add("crowd", member)
        layer.group_add("crowd", member)
    layer.group_discard("crowd", "plain!b")
    layer.group_discard("crowd", "plain!never-there")
    assert sorted(layer.group_channels("crowd")) == [
        "ordinary",
        "plain!a",
        f"{PROCESS}ours!a",
        "single?reader",
    ]
    assert layer.group_size("crowd") == 4


def test_members_of_a_dead_process_are_neither_listed_nor_sent_to_nor_kept(make_layer, monkeypatch):
    layer = make_layer()
    dead, alive = f"{PROCESS}dead!", f"{PROCESS}alive!"
    for process in (dead, alive):
        beat(layer, process)
        layer.group_add("crowd", f"{process}socket")
    # The last heartbeat of one of them is moved into the past instead of waiting.
    layer.connection(0).zincrby(layer.scripts.processes, -3600, dead)
    assert layer.group_channels("crowd") == [f"{alive}socket"]
    assert layer.group_size("crowd") == 1
    layer.connection(0).delete(f"{layer.prefix}{dead}", f"{layer.prefix}{alive}")
    layer.send_group("crowd", {"text": "hello"})
    assert layer.connection(0).llen(f"{layer.prefix}{dead}") == 0
    assert layer.connection(0).llen(f"{layer.prefix}{alive}") == 1
    reply = layer.run(layer.scripts.heartbeat(0, alive, look_for_dead=True))
    assert not reply.was_lost
    assert reply.dead == [dead]
    assert remove(layer, dead, 12)
    kept = [key.decode() for key in layer.connection(0).keys(f"{layer.prefix}*")]
    assert kept and not [key for key in kept if dead in key]
    assert layer.connection(0).zrange(layer.group_key("crowd"), 0, -1) == [alive.encode()]


def test_a_process_that_beats_again_in_time_is_not_removed(layer):
    process = f"{PROCESS}slow!"
    beat(layer, process)
    layer.group_add("crowd", f"{process}socket")
    layer.connection(0).zincrby(layer.scripts.processes, -3600, process)
    beat(layer, process)
    assert not remove(layer, process, 12)
    assert layer.group_channels("crowd") == [f"{process}socket"]


def test_a_member_joins_without_expiry_where_its_process_beats(make_layer):
    layer = make_layer(group_expiry=1)
    process = f"{PROCESS}ours!"
    beat(layer, process)
    layer.group_add("crowd", f"{process}socket")
    layer.group_add("crowd", "ordinary")
    wait_until(lambda: "ordinary" not in layer.group_channels("crowd"), "a group's expiry")
    assert layer.group_channels("crowd") == [f"{process}socket"]


def test_a_discard_reaches_the_process_even_where_redis_has_lost_the_group(layer):
    """Else the process would register the socket again, and it would be a member for ever."""
    process = f"{PROCESS}ours!"
    beat(layer, process)
    layer.group_add("crowd", f"{process}socket")
    layer.flush()
    layer.group_discard("crowd", f"{process}socket")
    entries = layer.connection(0).lrange(f"{layer.prefix}{process}", 0, -1)
    assert [layer.codec.unpack(entry) for entry in entries] == [
        (LEAVE, "crowd", f"{process}socket", None)
    ]


def test_members_that_are_no_sockets_of_ours_get_a_marked_message_as_any_other(layer):
    layer.group_add("crowd", "worker")
    layer.group_add("crowd", "stock.daphne!socket")
    layer.send_group("crowd", {"text": "hello"}, Mark("7", every=5))
    for channel in ("worker", "stock.daphne!"):
        assert layer.receive([channel])[1] == {"text": "hello"}


def test_members_are_counted_by_process(layer):
    layer.group_add("crowd", "worker")
    for channel in ("one!a", "one!b", "two!a"):
        layer.group_add("crowd", channel)
    assert layer.group_sizes("crowd") == {"one!": 2, "two!": 1, "": 1}
    assert layer.group_sizes("nobody") == {}


def test_a_group_message_that_does_not_fit_is_counted_and_logged(make_layer, caplog):
    layer = make_layer(capacity=1)
    layer.group_add("crowd", "full")
    layer.group_add("crowd", "empty")
    layer.send("full", {})
    layer.send_group("crowd", {"text": "hello"})
    assert layer.channel_statistics("full")["channel_full_count"] == 1
    assert "group crowd did not fit into full" in caplog.text
    assert receive_all(layer, "empty") == [("empty", {"text": "hello"})]


def fill(send, refused):
    """Send until it is refused; the number of messages of 1 MiB that were taken."""
    for number in range(100):
        send()
        if refused():
            return number
    raise AssertionError("100 MiB were taken")


def test_a_channel_is_bounded_in_bytes(make_layer):
    layer = make_layer(capacity=1000, memory_budget=256 << 20)
    full = []

    def send():
        try:
            layer.send("large", {"bytes": bytes(1 << 20)})
        except layer.ChannelFull:
            full.append(True)

    assert 24 <= fill(send, lambda: full) <= 32
    assert layer.connection(0).memory_usage(f"{layer.prefix}large", samples=0) <= 32 << 20
    layer.send("other", {"bytes": bytes(1 << 20)})
    layer.receive(["large"])
    layer.send("large", {"text": "there is room again"})


def test_the_backlog_of_an_interface_server_is_bounded_in_bytes(make_layer):
    layer = make_layer(memory_budget=256 << 20)
    process = f"{PROCESS}stuck!"
    beat(layer, process)
    layer.group_add("crowd", f"{process}socket")
    message = {"bytes": bytes(1 << 20)}
    counter = f"{layer.stats_prefix}{process}:channel_full_count"
    taken = fill(
        lambda: layer.send_group("crowd", message), lambda: layer.connection(0).get(counter)
    )
    assert 24 <= taken <= 32
    with pytest.raises(layer.ChannelFull):
        layer.send(f"{process}socket", message)


def test_send_many_says_which_channels_were_full_and_sends_the_rest(make_layer):
    layer = make_layer(capacity=1)
    layer.send("full", {})
    with pytest.raises(layer.ChannelFull) as refused:
        layer.send_many([("empty", {"n": 1}), ("full", {"n": 2})])
    assert refused.value.args == ("full",)
    assert receive_all(layer, "empty") == [("empty", {"n": 1})]


def test_a_process_that_says_goodbye_is_gone_at_once(layer):
    process = f"{PROCESS}leaving!"
    beat(layer, process)
    layer.group_add("crowd", f"{process}socket")
    assert remove(layer, process)
    assert layer.group_channels("crowd") == []
