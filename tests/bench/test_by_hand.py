"""The scenario by-hand: who sends, what is sent, and whose CPU is counted as whose."""

import json

import pytest

from bench import messages
from bench.client import readers
from bench.client.readers import Crowd
from bench.plan import QUICK
from bench.scenarios import SCENARIOS, by_hand
from bench.session import Used
from bench.systems import SYSTEMS

SIZE = 300


class Transport:
    """Takes the frames of one reader."""

    def __init__(self):
        self.frames = []

    def write(self, frame):
        self.frames.append(frame)


class Reader:
    def __init__(self):
        self.transport = Transport()


def unmasked(frame):
    """The text of a client's frame of 126 to 65535 bytes."""
    mask, masked = frame[4:8], frame[8:]
    return bytes(byte ^ mask[index & 3] for index, byte in enumerate(masked)).decode()


def test_the_readers_take_turns_and_say_json_that_counts_as_a_broadcast():
    crowd = Crowd(SIZE)
    crowd.readers = [Reader() for _ in range(3)]
    assert crowd.say() <= crowd.say() <= crowd.say()
    texts = [unmasked(frame) for reader in crowd.readers for frame in reader.transport.frames]
    said = sorted(json.loads(text)["bench"] for text in texts)
    assert said == [readers.FIRST_SAID + number for number in range(3)]
    for text in texts:
        assert (messages.frame_header(SIZE) + text.encode()).startswith(crowd.prefix)
        assert len(messages.frame_header(SIZE)) + len(text) == crowd.frame_size


class Session:
    """Every message reaches all readers after 2 ms, and costs each process the same each time."""

    plan = QUICK
    costs = {"interface server": 0.003, "runworker": 0.002, "redis-server": 0.001}

    def __init__(self):
        self.opened = []
        self.messages = 0

    def open_readers(self, count, path):
        self.opened.append((count, path))

    def close_readers(self):
        pass

    def settle(self):
        pass

    def meter(self):
        self.messages = 0
        return self

    def used(self):
        processes = {name: self.messages * cost for name, cost in self.costs.items()}
        return Used(1.0, processes["interface server"], sum(processes.values()), 0.1, processes)

    def say(self):
        self.messages += 1
        count = self.opened[-1][0]
        account = {"wanted": count, "delivered": count, "duplicates": 0, "lost_sockets": 0}
        return account, 0.002


def test_each_way_is_measured_with_each_number_of_readers():
    session = Session()
    figures = by_hand.measure(session)
    assert set(figures) == {metric.key for metric in SCENARIOS["by-hand"].metrics}
    assert session.opened == [
        (count, path) for count in (100, 1000) for path in ("/channel/test/", "/channel/by-hand/")
    ]


def test_the_cpu_of_a_message_is_shared_out_among_its_deliveries():
    figures = by_hand.measure(Session())
    of_100 = {
        "delivered": 100,
        "last_reader": 2,
        "stack_cpu": 60,
        "worker_cpu": 20,
        "redis_cpu": 10,
        "server_cpu": 30,
    }
    for key, value in of_100.items():
        assert figures[f"loop_100_{key}"] == pytest.approx(value)
    assert figures["loop_1000_stack_cpu"] == pytest.approx(6)


def test_only_this_live_blog_has_both_ways():
    named = [name for name, system in SYSTEMS.items() if "by-hand" in system.scenarios]
    assert named == ["ours"]
