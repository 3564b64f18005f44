"""Heartbeats of groups: all members get one where something was missed, else every n-th."""

from types import SimpleNamespace

import pytest
from channels_realtime.interface.redis.heartbeats import FORGET_AFTER, Heartbeats
from channels_realtime.interface.redis.inbox import Inbox
from channels_realtime.layer.envelope import GROUP, STAMP, Codec, Mark
from channels_realtime.metrics.counters import Metrics
from harness.stack import Stack
from harness.waiting import wait_until

PERIOD = 2.0  # s between two heartbeats
RARELY = 1 << 30  # every so many go to all members: none in a test, wherever a process begins


class Group:
    """The heartbeats of one group as an interface server sees them."""

    def __init__(self, stagger=0):
        self.heartbeats = Heartbeats(lambda every: stagger)
        self.now = 0.0

    def beat(self, version, every=1000):
        """The recipients of the next heartbeat: "all", or the new members."""
        self.now += PERIOD
        found = self.heartbeats.receive("group", Mark(version, every), self.now)
        return "all" if found is None else found

    def change(self, version):
        assert self.heartbeats.receive("group", Mark(version), self.now) is None


@pytest.fixture
def group():
    return Group()


def test_all_members_get_the_first_and_then_every_nth(group):
    reached = ["all" if group.beat("1", every=3) == "all" else "" for _ in range(7)]
    assert reached == ["all", "", "", "all", "", "", "all"]


def test_it_is_another_nth_in_each_process():
    def reached(stagger):
        group = Group(stagger)
        return ["all" if group.beat("1", every=4) == "all" else "" for _ in range(9)]

    assert reached(0) == ["all", "", "", "", "all", "", "", "", "all"]
    assert reached(1) == ["all", "", "", "all", "", "", "", "all", ""]
    assert reached(3) == ["all", "all", "", "", "", "all", "", "", ""]


def test_a_process_staggers_by_less_than_n():
    heartbeats = Heartbeats()
    for every in (1, 2, 40):
        for name in map(str, range(50)):
            heartbeats.receive(name, Mark("1", every), 0.0)
            heartbeats.receive(name, Mark("2", every), 0.0)
        assert all(0 <= followed.held < every for followed in heartbeats.groups.values())


def test_with_1_all_members_get_each(group):
    assert {group.beat("1", every=1) for _ in range(5)} == {"all"}


def test_a_change_that_came_need_not_be_repeated(group):
    group.beat("1")
    group.change("2")
    assert group.beat("2") == set()


def test_a_change_that_was_lost_is_repeated_to_all_at_once(group):
    group.beat("1")
    assert group.beat("2") == "all"
    assert group.beat("2") == set()


def test_a_change_that_was_lost_before_another_leaves_the_gap_to_the_members(group):
    """They see it themselves: the newest change has reached them."""
    group.beat("1")
    group.change("3")
    assert group.beat("3") == set()


def test_a_heartbeat_that_changes_have_overtaken_shows_no_loss(group):
    group.beat("1")
    group.change("2")
    group.change("3")
    assert group.beat("2") == set()
    assert group.beat("3") == set()
    assert group.beat("2") == "all", "an older state is back"


def test_a_member_that_joins_gets_the_next_heartbeat(group):
    group.beat("1")
    group.heartbeats.join("group", "new")
    assert group.beat("1") == {"new"}
    assert group.beat("1") == set()


def test_the_next_heartbeat_comes_when_the_last_one_promised_it(group):
    """A crowd that grows must not wait for longer than it was told."""
    group.beat("1", every=2)
    assert [group.beat("1", every=9) for _ in range(2)] == [set(), "all"]
    assert [group.beat("1", every=2) for _ in range(2)] == [set(), "all"]


def test_after_a_loss_or_a_long_silence_all_members_get_the_next(group):
    group.beat("1")
    group.heartbeats.forget_all()
    assert group.beat("1") == "all"
    group.now += FORGET_AFTER
    assert group.beat("1") == "all"


def test_groups_without_heartbeats_take_no_memory(group):
    group.change("1")
    group.heartbeats.join("group", "member")
    assert not group.heartbeats.groups
    group.beat("1")
    group.heartbeats.join("group", "member")
    group.heartbeats.check_time(group.now + FORGET_AFTER - 1)
    assert group.heartbeats.groups
    group.heartbeats.check_time(group.now + FORGET_AFTER + 1)
    assert not group.heartbeats.groups


class Recipients:
    """What reaches the sockets of a group that nobody has joined lately."""

    def __init__(self):
        self.heartbeats = Heartbeats()
        self.writes = []

    def receive_marked(self, group, mark, frame):
        return self.heartbeats.receive(group, mark, 0.0) is not None

    def broadcast(self, group, frames):
        self.writes.append([frame[2:].decode() for frame in frames])


def test_marked_changes_of_a_burst_are_one_write_as_others_are():
    recipients, codec = Recipients(), Codec()
    inbox = Inbox(
        SimpleNamespace(codec=codec, expiry=60, prefix=""), "", recipients, Metrics("test")
    )
    inbox.link = SimpleNamespace(shard=SimpleNamespace(clock=SimpleNamespace(now=lambda: 0.0)))
    burst = [("a", Mark("1")), ("b", Mark("2")), ("c", None), ("beat", Mark("2", 9)), ("d", None)]
    inbox.handle(
        [STAMP.pack(0) + codec.pack(GROUP, "group", {"text": text}, mark) for text, mark in burst]
    )
    assert recipients.writes == [["a", "b", "c"], ["beat", "d"]]


# With a real interface server


@pytest.fixture(scope="module")
def stack():
    with Stack() as stack:
        stack.front = stack.interface()
        stack.worker()
        yield stack


def beat(stack, text, version, every=RARELY):
    stack.layer.send_group("pulsed", {"text": text}, Mark(version, every))


def test_sockets_get_heartbeats_only_where_they_need_them(stack):
    with stack.front.websocket("/group/pulsed/") as old:
        wait_until(lambda: stack.layer.group_size("pulsed") == 1, "the member")
        beat(stack, "first", "1")
        assert old.recv() == "first"
        beat(stack, "nothing missed", "1")
        stack.layer.send_group("pulsed", {"text": "change"}, Mark("2"))
        beat(stack, "nothing missed", "2")
        with stack.front.websocket("/group/pulsed/") as new:
            wait_until(lambda: stack.layer.group_size("pulsed") == 2, "the other member")
            beat(stack, "to the new one", "2")
            assert new.recv() == "to the new one"
            beat(stack, "change 3 was lost", "3")
            assert new.recv() == "change 3 was lost"
        stack.layer.send_group("pulsed", {"text": "end"})
        received = [old.recv() for _ in range(3)]
    assert received == ["change", "change 3 was lost", "end"]
