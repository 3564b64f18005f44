"""The keeper is one process to its supervisor, whatever happens under it."""

import signal
import sys
from pathlib import Path

import pytest
from harness.clients import Client
from harness.network import can_connect, free_port
from harness.process import Process, tree
from harness.stack import Stack
from harness.waiting import wait_until

KEEPER = (sys.executable, "-m", "channels_realtime.keeper")


def keep(tmp_path, script):
    """A keeper of a shell script, which writes its process id."""
    command = f"echo $$ >> {tmp_path}/pids; {script}"
    return Process([*KEEPER, "/bin/sh", "-c", command], log=tmp_path / "log")


def pids(tmp_path):
    """The process ids of all that were started so far."""
    file = Path(tmp_path / "pids")
    return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", -9), ("exit 0", 0)])
def test_it_ends_as_its_server_has_ended(tmp_path, script, code):
    with keep(tmp_path, script) as keeper:
        assert keeper.wait() == code


def test_a_command_that_does_not_exist_is_not_tried_again(tmp_path):
    with Process([*KEEPER, tmp_path / "nothing"], log=tmp_path / "log") as keeper:
        assert keeper.wait() == 3
        assert "No such file" in keeper.output()


def test_signals_are_passed_on(tmp_path):
    trap = f"trap 'echo got > {tmp_path}/got; exit 5' TERM; : > {tmp_path}/ready"
    with keep(tmp_path, f"{trap}; while :; do sleep 0.05; done") as keeper:
        wait_until((tmp_path / "ready").exists, "the server's trap")
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait() == 5
        assert (tmp_path / "got").exists()


def test_a_server_ends_with_a_keeper_that_is_killed(tmp_path):
    with keep(tmp_path, "while :; do sleep 0.05; done") as keeper:
        [server] = wait_until(lambda: pids(tmp_path), "the server")
        keeper.popen.kill()
        keeper.wait()
        wait_until(lambda: not Path(f"/proc/{server}").exists(), "the server's end")


def test_a_new_process_that_ends_leaves_the_first_one_in_charge(tmp_path):
    script = f"[ $(wc -l < {tmp_path}/pids) = 1 ] || exit 4; while :; do sleep 0.05; done"
    with keep(tmp_path, script) as keeper:
        wait_until(lambda: pids(tmp_path), "the server")
        keeper.send_signal(signal.SIGHUP)
        keeper.wait_for_output("has not taken over and ended with 4")
        assert keeper.is_running()
        assert pids(tmp_path)[0] in tree(keeper.pid)
        keeper.stop()


def test_an_interface_server_is_replaced_under_its_socket():
    with Stack() as stack:
        stack.worker()
        port = free_port()
        options = ["--takeover", str(stack.folder / "socket"), "-p", str(port), stack.layer_path]
        server = [sys.executable, "-m", "channels_realtime.interface", "-v", "0", *options]
        keeper = Process([*KEEPER, *server], **stack.options())
        stack.processes.append(keeper)
        keeper.wait_ready(lambda: can_connect(port), "the server")
        with Client(f"ws://127.0.0.1:{port}/ordered/") as client:
            for number in (1, 2):
                before = tree(keeper.pid)
                assert client.ask(f"before {number}") == f"before {number}"
                keeper.send_signal(signal.SIGHUP)
                wait_until(
                    lambda before=before: len(now := tree(keeper.pid)) == 2 and now != before,
                    "the new server",
                )
                assert client.ask(f"after {number}") == f"after {number}"
            keeper.send_signal(signal.SIGTERM)
            assert client.close_code() == 1012
        assert keeper.wait() == 0
