"""Whatever fails in a takeover, the old server serves on or a new one serves."""

import os
import signal

import pytest
from channels_realtime.interface.takeover.messages import TransferError
from channels_realtime.interface.takeover.taking import REFUSED, ask, connect
from harness.process import stopped
from harness.project import changed
from harness.stack import Stack
from harness.waiting import wait_until

from takeover.serving import TOOK, Serving

DIES = "server.restore_shared = lambda *_: os._exit(9)"
HANGS = "server.restore_shared = lambda *_: os.kill(os.getpid(), signal.SIGSTOP)"
# The seconds are as few as a test needs; a takeover that must succeed has as many as any other.
IMPATIENT = """
taking.REDIS_WITHIN = giving.TAKE_WITHIN = 1.0
resume = giving.Giver.resume
def be_patient(giver, *arguments):
    giving.TAKE_WITHIN = 5.0
    resume(giver, *arguments)
giving.Giver.resume = be_patient
"""
NEWER = "taking.FORMAT = 99"
KILLED = "giving.export_shared = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
FAILS = "giving.export_shared = lambda *_: 1 / 0"


# As for a socket with TLS, for which Twisted needs packages that are not installed here.
STAYS = """
export = exporting.export_websocket
def refuse(socket):
    if socket.path == "/group/staying/":
        raise ValueError("it is one of those")
    return export(socket)
exporting.export_websocket = refuse
"""


@pytest.fixture
def client(serving):
    with serving.interface.websocket("/ordered/") as client:
        assert client.ask("before") == "before"
        yield client


@pytest.fixture
def impatient(stack):
    """One that does not wait for long until another has taken over."""
    serving = Serving(stack, **changed(IMPATIENT))
    yield serving
    serving.interface.stop()


@pytest.mark.parametrize("line", [DIES, HANGS], ids=["dies", "hangs"])
def test_a_new_process_that_fails_leaves_the_old_one_serving(impatient, line):
    serving = impatient
    with serving.interface.websocket("/ordered/") as client:
        assert client.ask("before") == "before"
        fail_once(serving, client, line)


def fail_once(serving, client, line):
    """A new process fails, the old one serves on, and the next takeover succeeds."""
    new = serving.start(**changed(line))
    client.send("meanwhile")
    serving.fail_to_replace(new)
    assert client.recv() == "meanwhile"
    assert client.ask("after") == "after"
    with serving.interface.websocket() as other:
        assert other.ask("new") == "new"
    serving.replace()
    assert client.ask("after the next takeover") == "after the next takeover"


def test_a_state_that_the_new_version_cannot_read_is_refused_in_one_sentence(serving, client):
    new = serving.start(**changed(NEWER))
    assert new.wait() == REFUSED
    [sentence] = new.output().strip().splitlines()
    assert "format 1, which the new version cannot read" in sentence
    assert client.ask("after") == "after"


def test_a_server_of_another_redis_is_refused(serving, stack):
    with Stack() as other:
        assert "another Redis" in ask(str(serving.path), other.layer)
    assert ask(str(serving.path), stack.layer) is None


def test_an_old_process_that_fails_serves_on(stack):
    serving = Serving(stack, **changed(FAILS))
    with serving.interface.websocket("/ordered/") as client:
        assert client.ask("before") == "before"
        new = serving.start()
        assert "division by zero" in serving.fail_to_replace(new)
        assert client.ask("after") == "after"
    serving.interface.stop()


def test_after_a_kill_of_the_old_process_the_new_one_starts_as_if_it_were_the_first(stack):
    serving = Serving(stack, **changed(KILLED))
    with serving.interface.websocket("/ordered/") as client:
        assert client.ask("before") == "before"
        names = stack.registered()
        new = serving.start()
        assert client.close_code() is None
        assert serving.interface.wait() == -signal.SIGKILL
    serving.interface = new
    new.wait_ready(lambda: stack.registered() - names, "the registration of another name")
    serving.wait_until_it_listens()
    assert "has ended" in new.output() and TOOK not in new.output()
    with new.websocket("/ordered/") as client:
        assert client.ask("again") == "again"
    serving.replace()
    serving.interface.stop()


def test_without_redis_nothing_is_handed_over():
    with Stack() as stack:
        stack.worker()
        serving = Serving(stack)
        with serving.interface.websocket() as client:
            assert client.ask("before") == "before"
            with stopped(stack.redis_server.process.pid):
                new = serving.start(**changed(IMPATIENT))
                assert new.wait() == REFUSED, new.output()
            assert "Redis was not reached" in new.output()
            assert client.ask("after") == "after"
            serving.replace()
            assert client.ask("again") == "again"


def test_only_what_cannot_be_moved_is_closed(stack):
    stack.clear_book()
    serving = Serving(stack, "--drain", "0.1", **changed(STAYS))
    old = serving.interface
    with old.websocket("/group/moving/") as moved, old.websocket("/group/staying/") as closed:
        assert closed.ask("before") == moved.ask("before") == "before"
        name = closed.ask("name")
        serving.replace()
        assert closed.close_code() == 1012
        assert "Closing 1 connections that could not be moved" in old.output()
        assert moved.ask("after") == "after"
        assert stack.wait_for_lines("disconnects", 1) == [name]
        wait_until(lambda: not stack.layer.group_channels("staying"), "the disconnect")
        stack.layer.send_group("moving", {"text": "to the group"})
        assert moved.recv() == "to the group"
        with serving.interface.websocket() as new:
            assert new.ask("new") == "new"
    serving.interface.stop()


def test_a_process_that_ends_is_not_taken_over(serving, stack, client):
    """SIGTERM while a socket is still being closed: the new process starts by itself."""
    old = serving.interface
    old.send_signal(signal.SIGTERM)
    assert client.close_code() == 1012
    new = serving.start()
    assert old.wait() == 0
    serving.interface = new
    serving.wait_until_it_listens()
    assert TOOK not in new.output()
    with new.websocket() as other:
        assert other.ask("hello") == "hello"


def test_nonsense_on_the_socket_disturbs_nobody(serving, client):
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 12, bytes(7) + b"\1" + bytes(4) + b"\xc1"):
        other = connect(str(serving.path))
        other.connection.sendall(data)
        other.allow(10)
        other.connection.shutdown(1)
        with pytest.raises((TransferError, OSError)):
            other.receive()
        other.close()
    assert os.stat(serving.path).st_mode & 0o777 == 0o600
    assert client.ask("after") == "after"


def test_of_two_that_take_over_at_once_one_is_refused(serving, client):
    first, second = serving.start(), serving.start()
    wait_until(lambda: not (first.is_running() and second.is_running()), "a refusal")
    old = serving.interface
    serving.interface = first if first.is_running() else second
    assert old.wait() == 0
    assert client.ask("after") == "after"
