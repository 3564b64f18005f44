"""A worker whose consumer waits goes on with other messages; nothing is lost or done twice."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from channels.channel import Channel
from channels.message import Message
from channels.routing import Router, route
from channels_realtime import RedisChannelLayer
from channels_realtime.worker.handoff import MOST_WAITING, hand_off, is_worker
from channels_realtime.worker.worker import Worker
from harness.waiting import PATIENCE, wait_until


class Desk:
    """A worker in a thread, with a consumer that waits and one that does not."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.answering, self.answered = threading.Event(), threading.Event()
        self.waiting: list[int] = []
        self.refused: list[int] = []
        self.finished: list[int] = []
        self.noted: list[int] = []
        self.layer = channel_layers[DEFAULT_CHANNEL_LAYER]
        self.router = self.layer.router
        routes = [
            route("test.wait", self.wait),
            route("test.note", self.note),
            route("test.answer", self.answer),
        ]
        self.layer.router = Router(routes)
        self.worker = Worker(self.layer, signal_handlers=False, only_channels=["test.*"])
        self.thread = threading.Thread(target=self.worker.run)
        self.thread.start()

    def wait(self, message: Message) -> None:
        assert is_worker()
        if not hand_off():
            self.refused.append(message["number"])
            return
        assert hand_off()  # once more is the same
        self.waiting.append(message["number"])
        assert self.release.wait(PATIENCE)
        self.finished.append(message["number"])

    def note(self, message: Message) -> None:
        self.noted.append(message["number"])

    def answer(self, message: Message) -> None:
        self.answering.set()
        assert self.answered.wait(PATIENCE)
        Channel("test.note").send({"number": message["number"]})

    def send(self, channel: str, *numbers: int) -> None:
        for number in numbers:
            self.layer.send(channel, {"number": number})

    def stop(self) -> None:
        self.worker.sigterm_handler(15, None)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.release.set()
    desk.answered.set()
    desk.stop()
    desk.thread.join(PATIENCE)
    desk.layer.router = desk.router
    assert not desk.thread.is_alive()


def test_messages_are_handled_while_a_consumer_waits(desk: Desk) -> None:
    for turn in range(3):  # threads are used again
        desk.release.clear()
        desk.send("test.wait", *range(MOST_WAITING))
        wait_until(lambda: len(desk.waiting) == MOST_WAITING, "the waiting consumers")
        desk.send("test.note", turn)
        wait_until(lambda: turn in desk.noted, "another message")  # noqa: B023
        desk.release.set()
        wait_until(lambda: len(desk.finished) == MOST_WAITING, "the end of the wait")
        assert sorted(desk.finished) == sorted(desk.waiting) == list(range(MOST_WAITING))
        desk.waiting.clear(), desk.finished.clear()
    assert desk.refused == []
    assert desk.worker.spares.threads <= MOST_WAITING


def test_threads_that_have_nothing_to_do_hold_no_connections(desk: Desk) -> None:
    def clients() -> set[str]:
        admin = desk.layer.channel_layer.ring[0].client
        return {client["id"] for client in admin.client_list()}

    desk.send("test.note", 0)
    wait_until(lambda: desk.noted, "a message")
    before = clients()
    desk.send("test.wait", *range(MOST_WAITING))
    wait_until(lambda: len(desk.waiting) == MOST_WAITING, "the waiting consumers")
    wait_until(lambda: len(clients() - before) >= MOST_WAITING, "their connections")
    theirs = clients() - before
    desk.release.set()
    wait_until(lambda: len(clients() & theirs) <= 1, "their connections to end")
    desk.send("test.wait", 8, 9)
    wait_until(lambda: len(desk.finished) == MOST_WAITING + 2, "what comes after that")


def test_one_too_many_is_refused_and_keeps_nobody_waiting(desk: Desk) -> None:
    desk.send("test.wait", *range(MOST_WAITING + 3))
    wait_until(lambda: len(desk.refused) == 3, "the refusals")
    desk.send("test.note", 1)
    wait_until(lambda: desk.noted, "another message")
    assert len(desk.waiting) == MOST_WAITING


@contextmanager
def full(layer: RedisChannelLayer) -> Iterator[None]:
    """Redis refuses every write."""
    admin = layer.ring[0].client
    admin.config_set("maxmemory", 1)
    try:
        yield
    finally:
        admin.config_set("maxmemory", 0)


def test_what_a_full_redis_refuses_is_sent_later_also_by_a_thread_that_is_one_too_many(
    desk: Desk,
) -> None:
    desk.send("test.wait", 0)
    wait_until(lambda: desk.waiting, "a waiting consumer")
    desk.send("test.answer", 1)
    assert desk.answering.wait(PATIENCE)
    desk.release.set()
    wait_until(lambda: desk.worker.spares.receiving == 2, "the end of the wait")
    with full(desk.layer.channel_layer):
        desk.answered.set()
        time.sleep(3)  # longer than a process that ends would try
        assert desk.noted == []
    wait_until(lambda: desk.noted, "the message")


def test_a_worker_that_ends_sends_what_a_full_redis_refuses_for_a_moment(
    desk: Desk,
) -> None:
    desk.send("test.answer", 1)
    assert desk.answering.wait(PATIENCE)
    with full(desk.layer.channel_layer):
        desk.stop()
        desk.answered.set()
        desk.thread.join(0.5)
        assert desk.thread.is_alive()
    desk.thread.join(PATIENCE)
    assert desk.layer.channel_layer.take(["test.note"]) is not None


def test_a_worker_that_is_told_to_stop_finishes_what_waits(desk: Desk) -> None:
    desk.send("test.wait", 1, 2)
    wait_until(lambda: len(desk.waiting) == 2, "the waiting consumers")
    desk.stop()
    desk.thread.join(0.5)
    assert desk.thread.is_alive()
    desk.release.set()
    desk.thread.join(PATIENCE)
    assert sorted(desk.finished) == [1, 2]


def test_outside_of_a_worker_anybody_may_wait() -> None:
    assert not is_worker()
    assert hand_off()
