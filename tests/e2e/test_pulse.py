"""The pulse in the whole product: one speaks, another takes over, and nothing stays lost."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from harness.process import stopped
from harness.redis_servers import RedisServer
from harness.waiting import PATIENCE, wait_until
from websockets.exceptions import ConnectionClosed

from tests.e2e.stack import ROOT, Stack
from tests.postgresql import PostgresServer

LOSE_A_BROADCAST = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("UPDATE liveblog_liveblog SET revision = revision + 1 WHERE slug = %s", [SLUG])
    cursor.execute(
        "UPDATE liveblog_blogupdate SET body = 'Unheard', revision = revision + 1"
        " WHERE blog_id = (SELECT id FROM liveblog_liveblog WHERE slug = %s)", [SLUG])
"""
A_CROWD = """
from conversations.redis_store import layer
from liveblog.models import LiveBlog
group = LiveBlog.group_name_of(SLUG)
for number in range(20):
    names = [f"{number}-{name}" for name in range(1000)]
    layer().run(layer().scripts.register(0, group, "realtime.crowd!", names))
"""
NO_CROWD = """
from conversations.redis_store import layer
layer().run(layer().scripts.remove_process(0, "realtime.crowd!", dead_after=0))
"""
SCHEDULE = """
from datetime import timedelta
from django.utils import timezone
from django.db import transaction
from liveblog.models import BlogUpdate, LiveBlog
blog = LiveBlog.objects.get(slug=SLUG)
with transaction.atomic():  # so that the first is not due before the second is there
    when = timezone.now() + timedelta(seconds=1)
    BlogUpdate.objects.create(blog=blog, body="As planned", publish_at=when)
    BlogUpdate.objects.create(blog=blog, body="In between")
"""
PULSE = "manage.py pulse"


@contextlib.contextmanager
def another_pulse(stack, **environ):
    """A second `manage.py pulse`, as another host would run it."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "pulse"],
        cwd=ROOT,
        env=stack.environ | environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def expect_line(process, words):
    """Wait for the process's next line but those about connections; it holds the words."""
    while " channels_realtime.redis: " in (line := process.stderr.readline()):
        pass
    assert words in line


def test_readers_are_told_the_head_and_how_many_they_are(stack, blog):
    stack.post(blog, "One")
    with stack.reader(blog) as one:
        assert one.pulse() == {"type": "pulse", "revision": 1, "readers": 1, "interval": 2.0}
        with stack.reader(blog):
            one.next(lambda frame: frame["type"] == "pulse" and frame["readers"] == 2)
        one.next(lambda frame: frame["type"] == "pulse" and frame["readers"] == 1)


def test_a_lost_broadcast_is_noticed_by_the_pulse_and_made_good(stack, blog):
    stack.post(blog, "One")
    with stack.reader(blog) as reader:
        assert reader.frame()["revision"] == 1
        stack.shell(f"SLUG = {blog!r}" + LOSE_A_BROADCAST)
        reader.next(lambda frame: frame["type"] == "pulse" and frame["revision"] == 2)
        reader.send({"after": 1})
        (update,) = reader.frame()["updates"]
        assert (update["content"], update["revision"]) == ("<p>Unheard</p>", 2)


def test_in_a_large_crowd_pulses_are_rare_and_a_lost_broadcast_is_noticed_as_soon(stack, blog):
    stack.post(blog, "One")
    stack.shell(f"SLUG = {blog!r}" + A_CROWD)  # on an interface server of which only Redis tells
    try:
        with stack.reader(blog) as reader:
            pulse = reader.pulse()
            assert (pulse["readers"], pulse["interval"]) == (20_001, 30.0)
            with stack.reader(blog) as other:  # a new reader need not wait for so long
                assert other.pulse()["readers"] == 20_002
            stack.shell(f"SLUG = {blog!r}" + LOSE_A_BROADCAST)
            started = time.monotonic()
            assert reader.pulse()["revision"] == 2  # all the others were spared
            assert time.monotonic() - started < pulse["interval"] / 2
    finally:
        stack.shell(NO_CROWD)


def test_a_scheduled_update_appears_when_it_is_due_and_takes_its_revision_then(stack, blog):
    with stack.reader(blog) as reader:
        assert reader.frame()["updates"] == []
        stack.shell(f"SLUG = {blog!r}" + SCHEDULE)
        first, second = reader.frame(), reader.frame()
    assert (first["content"], first["revision"]) == ("<p>In between</p>", 1)
    assert (second["content"], second["revision"]) == ("<p>As planned</p>", 2)
    assert second["action"] == "created" and second["created"] > first["created"]


def test_of_two_one_pulses_and_the_other_takes_over_when_it_is_gone(stack, blog):
    with stack.reader(blog) as reader:
        reader.pulse()
        [supervised] = stack.pids(PULSE)
        with another_pulse(stack) as other:
            started = time.monotonic()
            for _ in range(4):
                reader.pulse()
            # Two that pulse would need half as long. Late ones are no matter.
            assert time.monotonic() - started > 5
            # Stopped, not killed: supervisord would start another, and either could be first.
            with stopped(supervised):
                expect_line(other, "This process pulses.")
                reader.pulse()
            started = time.monotonic()
            for _ in range(4):
                reader.pulse()
            # One of them may come from the process that has slept over the end of its lease.
            assert time.monotonic() - started > 3
        # Killed -9: the supervised one pulses again.
        for _ in range(4):
            reader.pulse()


def test_a_killed_pulse_is_started_again(stack, blog):
    [killed] = stack.pids(PULSE)
    os.kill(killed, signal.SIGKILL)
    with stack.reader(blog) as reader:
        wait_until(lambda: set(stack.pids(PULSE)) - {killed}, "a new pulse")
        reader.pulse()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("role", ["active", "standby"])
def test_a_signal_ends_it_with_0(stack, role, signum):
    with RedisServer() as redis:
        environ = {"REDIS_URL": redis.url} if role == "active" else {}
        with another_pulse(stack, **environ) as pulse:
            wait_until(lambda: is_ready(pulse), "the signal handler")
            if role == "active":
                expect_line(pulse, "This process pulses.")
            pulse.send_signal(signum)
            assert pulse.wait(PATIENCE) == 0
            assert pulse.stderr.read() == ""


def is_ready(process):
    """Whether the process catches SIGTERM by now (SigCgt, proc_pid_status(5))."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(re.search(r"^SigCgt:\s*(\w+)", status, re.M)[1], 16)
    return caught >> (signal.SIGTERM - 1) & 1


def test_a_signal_ends_it_although_redis_hangs(stack):
    with RedisServer() as redis, another_pulse(stack, REDIS_URL=redis.url) as pulse:
        expect_line(pulse, "This process pulses.")
        with stopped(redis.process.pid):
            pulse.terminate()
            assert pulse.wait(PATIENCE) == 0


def test_it_says_that_redis_is_away_and_goes_on_when_it_is_back(stack):
    with RedisServer() as redis, another_pulse(stack, REDIS_URL=redis.url) as pulse:
        expect_line(pulse, "This process pulses.")
        redis.stop()
        expect_line(pulse, "Redis fails, trying again")
        redis.start()
        expect_line(pulse, "Redis works again")


def test_it_says_that_the_database_is_away_and_goes_on_when_it_is_back(stack):
    with PostgresServer() as database, RedisServer() as redis:
        environ = {"REDIS_URL": redis.url, "DATABASE_URL": database.url}
        with another_pulse(stack, **environ) as pulse:
            expect_line(pulse, "This process pulses.")
            expect_line(pulse, "The database fails, trying again: relation")
            migrate = [sys.executable, "manage.py", "migrate", "-v0"]
            with stopped(pulse.pid):  # or it might meet half of the tables
                subprocess.run(migrate, cwd=ROOT, env=stack.environ | environ, check=True)
            expect_line(pulse, "The database works again")
            with psycopg.connect(database.url, autocommit=True) as connection:
                connection.execute("ALTER TABLE liveblog_liveblog RENAME TO away")
                expect_line(pulse, "The database fails, trying again: relation")
                connection.execute("ALTER TABLE away RENAME TO liveblog_liveblog")
            expect_line(pulse, "The database works again")


def test_a_wrong_use_is_a_sentence(stack):
    done = stack.manage("pulse", "--fast")
    assert done.returncode != 0
    assert "unrecognized arguments: --fast" in done.stderr


def test_the_number_of_readers_is_right_again_after_an_interface_server_was_killed():
    with Stack(INTERFACES="2") as stack, contextlib.ExitStack() as readers:
        opened = [readers.enter_context(stack.reader()) for _ in range(8)]
        for reader in opened:
            assert reader.frame()["type"] == "replay"
        victim = stack.pids("channels_realtime.interface")[0]
        os.kill(victim, signal.SIGKILL)
        # Those of the killed one hear the end of their sockets; the others are answered.
        alive = [reader for reader in opened if is_answered(reader)]
        witness = readers.enter_context(stack.reader())
        number = len(alive) + 1
        witness.next(lambda frame: frame["type"] == "pulse" and frame["readers"] == number)


def is_answered(reader):
    try:
        reader.send({"after": 0})
        return reader.frame()["type"] == "replay"
    except ConnectionClosed:
        return False
