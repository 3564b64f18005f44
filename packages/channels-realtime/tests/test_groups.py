"""Group membership under any order of join, leave, send and death, against a simple model."""

import uuid
from collections import Counter

from channels_realtime.interface.groups import Groups
from channels_realtime.layer.channel_layer import PROCESS, RedisChannelLayer
from channels_realtime.layer.envelope import GROUP, JOIN, LEAVE
from harness.environment import redis_server
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

names = st.sampled_from(["news", "sport", "weather"])


class LocalGroups(RuleBasedStateMachine):
    """Groups of one process; the model is a set of (group, member)."""

    members = st.integers(0, 4)

    def __init__(self):
        super().__init__()
        self.groups = Groups()
        self.model = set()

    @rule(group=names, member=members)
    def join(self, group, member):
        self.groups.join(group, member)
        self.model.add((group, member))

    @rule(group=names, member=members)
    def leave(self, group, member):
        self.groups.leave(group, member)
        self.model.discard((group, member))

    @rule(member=members)
    def forget(self, member):
        assert self.groups.forget(member) == {g for g, m in self.model if m == member}
        self.model = {(g, m) for g, m in self.model if m != member}

    @invariant()
    def both_directions_equal_the_model(self):
        groups, members = self.groups.groups, self.groups.members
        assert {(g, m) for g, ms in members.items() for m in ms} == self.model
        assert {(g, m) for m, gs in groups.items() for g in gs} == self.model

    @invariant()
    def nothing_empty_is_kept(self):
        assert all(self.groups.members.values()) and all(self.groups.groups.values())


class Interface:
    """What an interface server does with its list: it knows its members by what it reads there."""

    def __init__(self, layer, name):
        self.layer = layer
        self.name = name
        self.groups = Groups()

    def beat(self):
        layer = self.layer
        command = layer.scripts.heartbeat(0, self.name, look_for_dead=True, dead_after=3600)
        if layer.run(command).was_lost:
            for group, members in self.groups.members.items():
                locals_ = [member.partition("!")[2] for member in members]
                layer.run(layer.scripts.register(0, group, self.name, locals_))

    def read(self):
        """Every (channel, message) that its list brings to its sockets."""
        connection = self.layer.connection(0)
        delivered = []
        while entry := connection.lpop(self.layer.prefix + self.name):
            kind, group, content, _ = self.layer.codec.unpack(entry)
            if kind == JOIN:
                self.groups.join(group, content)
            elif kind == LEAVE:
                self.groups.leave(group, content)
            else:
                assert kind == GROUP
                delivered += [(m, content["n"]) for m in self.groups.members.get(group, ())]
        return delivered

    def close_socket(self, channel):
        groups = self.groups.forget(channel)
        member = channel.partition("!")[2]
        self.layer.run(self.layer.scripts.forget(0, self.name, member, groups))


class GroupsInRedis(RuleBasedStateMachine):
    """Interface servers, plain processes and ordinary channels in the same groups.

    The model is a set of (group, channel); a message reaches each member of its group once.
    """

    interfaces = st.sampled_from([f"{PROCESS}one!", f"{PROCESS}two!"])
    locals_ = st.sampled_from(["a", "b", "c"])
    channels = st.one_of(
        st.tuples(st.one_of(interfaces, st.just("plain!")), locals_).map("".join),
        st.sampled_from(["ordinary", "single?reader"]),
    )

    def __init__(self):
        super().__init__()
        name = uuid.uuid4().hex
        self.layer = RedisChannelLayer(
            hosts=[redis_server.url], prefix=f"{name}:", stats_prefix=f"{name}-meta:"
        )
        self.interfaces_at_work = {
            name: Interface(self.layer, name) for name in (f"{PROCESS}one!", f"{PROCESS}two!")
        }
        for interface in self.interfaces_at_work.values():
            interface.beat()
        self.model = set()
        self.sent = 0

    def teardown(self):
        self.layer.flush()

    @rule(group=names, channel=channels)
    def join(self, group, channel):
        self.layer.group_add(group, channel)
        self.model.add((group, channel))

    @rule(group=names, channel=channels)
    def leave(self, group, channel):
        self.layer.group_discard(group, channel)
        self.model.discard((group, channel))

    @rule(group=names)
    def send(self, group):
        self.sent += 1
        self.layer.send_group(group, {"n": self.sent})
        delivered = []
        for interface in self.interfaces_at_work.values():
            delivered += interface.read()
        others = ["plain!", "ordinary", "single?reader"]
        while (found := self.layer.receive(others)) != (None, None):
            delivered.append((found[0], found[1]["n"]))
        expected = [(channel, self.sent) for g, channel in self.model if g == group]
        assert Counter(delivered) == Counter(expected)

    @rule(name=interfaces, local=locals_)
    def close_socket(self, name, local):
        interface = self.interfaces_at_work[name]
        interface.read()  # what came before
        interface.close_socket(name + local)
        self.model = {(g, c) for g, c in self.model if c != name + local}

    @rule(name=interfaces)
    def beat(self, name):
        self.interfaces_at_work[name].beat()

    @rule(name=interfaces)
    def die(self, name):
        """The process is killed and removed; another one starts under its name."""
        assert self.layer.run(self.layer.scripts.remove_process(0, name, dead_after=0))
        self.model = {(g, c) for g, c in self.model if not c.startswith(name)}
        self.interfaces_at_work[name] = Interface(self.layer, name)
        self.interfaces_at_work[name].beat()

    @rule()
    def redis_loses_its_keys(self):
        """Interface servers register their members again; nobody speaks for the others."""
        for interface in self.interfaces_at_work.values():
            interface.read()
        self.layer.flush()
        for interface in self.interfaces_at_work.values():
            interface.beat()
        self.model = {(g, c) for g, c in self.model if c.startswith(PROCESS)}

    @invariant()
    def group_channels_equal_the_model(self):
        for group in ("news", "sport", "weather"):
            listed = self.layer.group_channels(group)
            assert Counter(listed) == Counter(c for g, c in self.model if g == group)
            assert self.layer.group_size(group) == len(listed)


class GroupsInRedisEncrypted(GroupsInRedis):
    def __init__(self):
        super().__init__()
        config = {"symmetric_encryption_keys": ["a key"], "prefix": self.layer.prefix}
        layer = RedisChannelLayer(
            hosts=[redis_server.url], stats_prefix=self.layer.stats_prefix, **config
        )
        self.layer = layer
        for interface in self.interfaces_at_work.values():
            interface.layer = layer


TestLocalGroups = LocalGroups.TestCase
TestLocalGroups.settings = settings(max_examples=50, deadline=None)
TestGroupsInRedis = GroupsInRedis.TestCase
TestGroupsInRedis.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestGroupsInRedisEncrypted = GroupsInRedisEncrypted.TestCase
TestGroupsInRedisEncrypted.settings = settings(
    max_examples=5, stateful_step_count=40, deadline=None
)
