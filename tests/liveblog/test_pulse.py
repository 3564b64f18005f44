"""The pulse, one round at a time: who is told what, what it costs, what it outlives."""

import json
import logging
import random
import signal
import sys
import time
from datetime import timedelta

import pytest
import redis
from channels import channel_layers
from channels_realtime.close_codes import ENDED
from channels_realtime.layer.envelope import Mark
from django.db import OperationalError
from django.db.models.signals import post_save
from django.utils import timezone
from harness.environment import redis_server
from harness.waiting import wait_until

from liveblog.models import BlogUpdate, LiveBlog, Write
from liveblog.stream.lease import Lease
from liveblog.stream.pulse import DATABASE_RETRIES, IDLE_INTERVAL, INTERVAL, Pulse
from liveblog.stream.reader_counts import Readers, count_readers, existing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def layer():
    layer = channel_layers["default"]
    layer.flush()
    with redis.Redis(port=redis_server.port) as client:
        client.flushdb()
    yield layer
    layer.flush()


@pytest.fixture
def blog(layer):
    return LiveBlog.objects.create(slug="moon", title="To the Moon")


@pytest.fixture
def pulse(layer):
    return Pulse(layer)


@pytest.fixture
def commands(layer):
    """Calls a function and returns how many commands Redis ran for it."""

    def count(function):
        with redis.Redis(port=redis_server.port) as client:
            before = client.info("stats")["total_commands_processed"]
            function()
            return client.info("stats")["total_commands_processed"] - before - 1

    return count


def heard(layer, channel="listener"):
    frames = []
    while (message := layer.receive([channel])[1]) is not None:
        frames.append(json.loads(message["text"]))
    return frames


class TestBeat:
    def test_the_readers_of_a_blog_are_told_its_head_and_their_number(self, layer, blog, pulse):
        BlogUpdate.objects.create(blog=blog, body="One")
        for name in ("listener", "another"):
            layer.group_add(blog.group_name, name)
        assert pulse.beat() == INTERVAL
        assert heard(layer) == [
            {"type": "pulse", "revision": 1, "readers": 2, "interval": INTERVAL}
        ]

    def test_readers_of_a_large_crowd_are_told_that_pulses_are_rarer(
        self, layer, blog, pulse, monkeypatch
    ):
        monkeypatch.setattr("liveblog.stream.pulse.SMALL_CROWD", 2)
        monkeypatch.setattr("liveblog.stream.pulse.READERS_PER_PULSE", 2)
        process = "realtime.process!"
        for number in range(5):
            layer.group_add(blog.group_name, f"{process}{number}")
        layer.group_add(blog.group_name, "listener")
        assert pulse.beat() == INTERVAL  # a lost broadcast is noticed as soon as ever
        BlogUpdate.objects.create(blog=blog, body="One")
        pulse.beat()
        assert [frame.get("interval") for frame in heard(layer)] == [6.0, None, 6.0]
        with redis.Redis(port=redis_server.port) as client:
            entries = client.lrange(layer.prefix + process, 0, -1)
        marks = [layer.codec.unpack(entry).mark for entry in entries]
        assert [mark for mark in marks if mark] == [Mark("0", 3), Mark("1"), Mark("1", 3)]

    def test_a_blog_without_readers_is_told_nothing(self, layer, blog, pulse):
        mars = LiveBlog.objects.create(slug="mars", title="To Mars")
        layer.group_add(mars.group_name, "listener")
        layer.group_add(blog.group_name, "left")
        layer.group_discard(blog.group_name, "left")
        pulse.beat()
        assert [frame["revision"] for frame in heard(layer)] == [0]
        assert heard(layer, "left") == []

    def test_who_has_not_heard_of_the_end_is_told_and_closed(self, layer, blog, pulse):
        LiveBlog.objects.update(state="ended")
        layer.group_add(blog.group_name, "listener")
        pulse.beat()
        message = layer.receive(["listener"])[1]
        assert json.loads(message["text"]) == {"type": "ended", "revision": 1}
        assert message["close"] == ENDED

    def test_of_two_one_pulses(self, layer, blog, pulse):
        layer.group_add(blog.group_name, "listener")
        other = Pulse(layer)
        assert pulse.beat() == INTERVAL
        assert 0 < other.beat() <= pulse.lease.ttl
        pulse.beat()
        assert len(heard(layer)) == 2

    def test_where_nobody_reads_it_slows_down_and_costs_four_commands(self, blog, pulse, commands):
        LiveBlog.objects.bulk_create(LiveBlog(slug=f"b{n}", title="B") for n in range(50))
        for _ in range(2):  # redis-py loads a script for the second
            assert pulse.beat() == IDLE_INTERVAL
        assert commands(pulse.beat) == 4  # three of them in the script that renews the lease

    def test_its_cost_does_not_grow_with_the_readers(
        self, layer, blog, pulse, commands, django_assert_num_queries
    ):
        def join(number):
            for index in range(number):
                layer.group_add(blog.group_name, f"realtime.process!{index}")
            for _ in range(2):  # redis-py loads a script for the second
                pulse.beat()

        join(1)
        few = commands(pulse.beat)
        join(100)
        assert commands(pulse.beat) == few
        assert layer.group_size(blog.group_name) == 100
        # The heads, and what is due: updates, webhooks, alerts (two), link cards.
        with django_assert_num_queries(6):
            pulse.beat()

    def test_it_publishes_what_is_due_and_forgets_old_keys(self, layer, blog, pulse):
        layer.group_add(blog.group_name, "listener")
        update = BlogUpdate.objects.create(
            blog=blog, body="One", draft=True, publish_at=timezone.now()
        )
        yesterday = timezone.now() - timedelta(hours=25)
        Write.objects.create(blog=blog, update=update, key="k", version=1, created=yesterday)
        pulse.beat()
        assert heard(layer)[-1]["content"] == "<p>One</p>"
        assert not Write.objects.exists()


class TestTrouble:
    def test_a_database_that_is_away_is_logged_once_and_the_lease_given_up(
        self, layer, blog, pulse, monkeypatch, caplog
    ):
        def away(*args):
            raise OperationalError("gone\nDETAIL")

        caplog.set_level(logging.INFO)
        with monkeypatch.context() as patch:
            patch.setattr("liveblog.stream.pulse.count_readers", away)
            waits = [pulse.attempt() for _ in range(len(DATABASE_RETRIES) + 1)]
        assert waits == [*DATABASE_RETRIES, DATABASE_RETRIES[-1]]
        other = Lease(layer, "pulse")
        wait_until(lambda: other.hold() == 0, "the lease to be free", 2)
        other.release()
        wait_until(lambda: pulse.attempt() and pulse.active, "a round", 2)
        lines = [line for line in caplog.messages if "The database" in line]
        assert lines == ["The database fails, trying again: gone", "The database works again"]

    def test_redis_away_is_logged_once(self, layer, blog, pulse, monkeypatch, caplog):
        def away(*args):
            raise redis.ConnectionError("gone")

        with monkeypatch.context() as patch:
            patch.setattr(Lease, "hold", away)
            for _ in range(2):
                assert pulse.attempt() > 0
        assert pulse.attempt() > 0
        assert caplog.text.count("Redis fails, trying again: gone") == 1

    def test_a_blocked_database_does_not_end_the_pulses(self, layer, blog, pulse, monkeypatch):
        def blocked():
            raise OperationalError("database is locked")

        layer.group_add(blog.group_name, "listener")
        monkeypatch.setattr(pulse.round.tasks[0], "run", blocked)
        for _ in range(2):
            assert pulse.attempt() > 0
        assert len(heard(layer)) == 2

    def test_row_40_a_task_that_fails_keeps_no_other_from_its_turn(
        self, blog, pulse, monkeypatch, caplog
    ):
        def broken():
            raise RuntimeError("broken")

        yesterday = timezone.now() - timedelta(hours=25)
        update = BlogUpdate.objects.create(blog=blog, body="One")
        Write.objects.create(blog=blog, update=update, key="k", version=1, created=yesterday)
        for task in pulse.round.tasks[:-1]:
            monkeypatch.setattr(task, "run", broken)
        for _ in range(2):
            assert pulse.attempt() > 0
        assert not Write.objects.exists()
        assert caplog.text.count("Publishing what is scheduled fails, trying again: broken") == 1

    def test_row_40_an_update_that_cannot_be_published_keeps_no_other_back(
        self, layer, blog, pulse, caplog
    ):
        """A post whose text breaks a program that reads it, and one behind it, of the same blog."""

        def break_off(instance, **kwargs):
            if instance.body == "Poison" and not instance.draft:
                raise ValueError("poison")

        due = timezone.now()
        for body in ("Poison", "Good"):
            BlogUpdate.objects.create(blog=blog, body=body, draft=True, publish_at=due)
        post_save.connect(break_off, sender=BlogUpdate)
        try:
            for _ in range(3):
                assert pulse.attempt() > 0
        finally:
            post_save.disconnect(break_off, sender=BlogUpdate)
        assert [row.body for row in blog.updates.visible()] == ["Good"]
        assert caplog.text.count("was not published, next try in 2 s: poison") == 1

    def test_row_40_what_is_due_is_published_while_redis_is_away(self, blog, pulse, monkeypatch):
        def away(*args):
            raise redis.ConnectionError("gone")

        BlogUpdate.objects.create(blog=blog, body="One", draft=True, publish_at=timezone.now())
        monkeypatch.setattr(Lease, "hold", away)
        assert pulse.attempt() > 0
        assert blog.updates.visible().count() == 1

    def test_row_40_a_blog_that_cannot_be_told_keeps_no_other_from_it(
        self, layer, blog, pulse, monkeypatch
    ):
        def send(group, *args, **kwargs):
            if group == blog.group_name:
                raise ValueError("broken")
            return whole(group, *args, **kwargs)

        mars = LiveBlog.objects.create(slug="mars", title="To Mars")
        for group in (blog.group_name, mars.group_name):
            layer.group_add(group, "listener")
        whole = layer.channel_layer.send_group
        monkeypatch.setattr(layer.channel_layer, "send_group", send)
        assert pulse.attempt() > 0
        assert len(heard(layer)) == 1


class TestLease:
    def test_one_holds_it_until_it_is_released(self, layer):
        first, second = Lease(layer, "test"), Lease(layer, "test")
        assert first.hold() == 0
        assert 0 < second.hold() <= first.ttl
        assert first.hold() == 0
        second.release()
        assert second.hold() > 0
        first.release()
        wait_until(lambda: second.hold() == 0, "the lease", 2)
        assert first.hold() > 0

    def test_who_does_not_renew_loses_it(self, layer):
        first, second = Lease(layer, "test", ttl=0.3), Lease(layer, "test")
        assert first.hold() == 0
        wait_until(lambda: second.hold() == 0, "the lease", 2)
        # The first has slept over its end: it looks who holds it before it believes.
        assert first.hold() > 0

    def test_a_holder_notices_at_once_that_another_process_took_it(self, layer):
        lease = Lease(layer, "test")
        lease.hold()
        with redis.Redis(port=redis_server.port) as client:
            client.set(lease.key, "another", px=4000)
        assert lease.hold() > 0

    def test_a_lease_that_redis_lost_is_taken_again(self, layer):
        lease = Lease(layer, "test")
        lease.hold()
        with redis.Redis(port=redis_server.port) as client:
            client.flushdb()
            assert lease.hold() == 0
            assert client.exists(lease.key)

    def test_a_closed_connection_is_opened_again(self, layer):
        lease = Lease(layer, "test")
        lease.hold()
        with redis.Redis(port=redis_server.port) as client:
            client.client_kill_filter(skipme=True, _type="normal")
        assert lease.hold() == 0

    def test_giving_it_up_does_not_wait_for_a_redis_that_hangs(self, layer):
        lease = Lease(layer, "test")
        lease.hold()
        with redis.Redis(port=redis_server.port) as client:
            client.execute_command("CLIENT", "PAUSE", 1500, "ALL")
        started = time.monotonic()
        lease.release()
        assert time.monotonic() - started < 1


class TestCounting:
    def test_only_blogs_with_readers_are_counted(self, layer):
        slugs = [f"blog-{number}" for number in range(40)]
        for slug, readers in (("blog-3", 1), ("blog-39", 2)):
            for number in range(readers):
                layer.group_add(f"liveblog-{slug}", f"realtime.process!{slug}{number}")
        assert count_readers(layer, slugs).counts == {"blog-3": 1, "blog-39": 2}
        assert count_readers(layer, []) == Readers({}, {}, [])

    def test_editors_pages_are_no_readers(self, layer):
        for group, channel in (
            ("liveblog-moon", "a!1"),
            ("liveblog-moon", "a!2"),
            ("desk-moon", "a!3"),
            ("liveblog-mars", "a!4"),
            ("desk-mars", "a!5"),
            ("desk-mars", "a!6"),  # its other socket connects again
            ("desk-venus", "a!7"),
        ):
            layer.group_add(group, f"realtime.{channel}")
        found = count_readers(layer, ["moon", "mars", "venus"])
        assert found.counts == {"moon": 1, "mars": 0}  # a pulse for both
        assert found.crowds == {"moon": 3, "mars": 3}

    def test_the_crowd_of_a_blog_is_that_of_its_busiest_interface_server(self, layer):
        members = {"moon": ("a!1", "a!2", "b!1"), "mars": ("b!2",), "venus": ("c!1", "listener")}
        for slug, channels in members.items():
            for channel in channels:
                layer.group_add(
                    f"liveblog-{slug}", f"realtime.{channel}" if "!" in channel else channel
                )
        found = count_readers(layer, members)
        assert found.counts == {"moon": 3, "mars": 1, "venus": 2}
        assert found.crowds == {"moon": 2, "mars": 2, "venus": 1}

    def test_few_among_many_are_found_with_few_questions(self, layer, commands):
        found = []
        with redis.Redis(port=redis_server.port) as client:
            client.set("key-77", 1)
        keys = [f"key-{number}" for number in range(1000)]
        cost = commands(lambda: found.extend(existing(layer.shard(0), keys)))
        assert found == ["key-77"]
        assert cost <= 21  # two a halving, of which there are ten

    @pytest.mark.parametrize("seed", range(5))
    def test_it_finds_each_whatever_there_is(self, layer, seed):
        chance = random.Random(seed)
        keys = [f"key-{number}" for number in range(chance.randrange(1, 30))]
        there = {key for key in keys if chance.random() < chance.random()}
        with redis.Redis(port=redis_server.port) as client:
            for key in there:
                client.set(key, 1)
        assert sorted(existing(layer.shard(0), keys)) == sorted(there)


def test_a_signal_during_a_destructor_ends_it_without_noise(pulse, monkeypatch, capsys):
    """An exception that is raised there would be printed and lost."""

    class Dying:
        def __del__(self):
            pulse.stop(signal.SIGTERM, sys._getframe())

    def attempt():
        Dying()
        return 1000.0  # s until the next round

    monkeypatch.setattr(pulse, "attempt", attempt)
    pulse.run()
    assert capsys.readouterr().err == ""
