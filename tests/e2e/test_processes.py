"""`make run`: starts, ends wholly, stands beside a copy of itself, says why when it cannot."""

import os
import signal
import socket
import sys
import urllib.request

import pytest
from harness.network import free_port
from harness.redis_servers import RedisCluster, RedisServer
from harness.waiting import PATIENCE, wait_until

from tests.e2e.stack import Stack
from tests.postgresql import PostgresServer


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process(signum):
    with Stack() as stack:
        assert len(list(stack.processes())) >= 6  # two are workers
        assert stack.stop(signum) == 0
        wait_until(lambda: not list(stack.processes()), "the end of every process")


def test_a_signal_to_make_alone_ends_every_process(tmp_path):
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"run:\n\t@exec {sys.executable} deploy/run.py\n")
    with Stack(command=["make", "-f", str(makefile)]) as stack:
        assert stack.stop(signal.SIGINT) != 0  # make says that it was interrupted
        wait_until(lambda: not list(stack.processes()), "the end of every process")


@pytest.mark.parametrize("words", ["deploy/run.py", "supervisor.supervisord"])
def test_who_holds_the_tree_is_killed_and_no_process_is_left(words):
    with Stack() as stack:
        redis = connected(stack)
        for pid in stack.pids(words):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not list(stack.processes()), "the end of every process")
        assert redis.recv(1) == b""  # not among those, as it writes over its environment


def connected(stack):
    redis = socket.socket(socket.AF_UNIX)
    redis.settimeout(PATIENCE)
    redis.connect(f"{stack.folder.name}/run/redis.sock")
    return redis


def test_a_second_copy_runs_beside_it(stack, blog):
    with Stack() as other:
        other.post("demo", "Only here")
        with stack.reader(blog) as ours, other.reader("demo") as theirs:
            assert ours.frame()["updates"] == []
            assert len(theirs.frame()["updates"]) == 1
        assert " CRIT " not in other.output()


def test_a_killed_worker_and_a_killed_interface_server_come_back(stack, blog):
    for words in ("runworker", "channels_realtime.interface"):
        kill_all(stack, words)
        wait_until(stack.healthy, "an answer of /readyz")
    with stack.reader(blog) as reader:
        reader.frame()
        stack.post(blog, "Still here")
        assert reader.frame()["content"] == "<p>Still here</p>"


def kill_all(stack, words):
    """Kill the processes whose command line holds the words, wait until others took their place."""
    killed = set(stack.pids(words))
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(stack.pids(words)) - killed) == len(killed), f"new {words}")


def test_it_runs_from_a_deep_folder_with_spaces_and_signs_in_its_name(tmp_path):
    folder = tmp_path / "news room 100% 新" / ("deep" * 20)
    with Stack(DATA_DIR=str(folder)) as stack:
        assert stack.manage("post", "demo", "Hello").returncode == 0
        assert (folder / "db.sqlite3").exists()


def test_it_runs_on_postgresql_and_an_encrypted_redis_of_the_operators():
    with (
        PostgresServer() as database,
        RedisServer() as redis,
        Stack(
            DATABASE_URL=database.url,
            REDIS_URL=redis.url,
            CHANNEL_KEYS="one key,another",
            INTERFACES="2",
        ) as stack,
        stack.reader("demo") as reader,
    ):
        assert not stack.pids("redis-server")
        assert len(stack.pids("channels_realtime.interface")) == 2
        reader.frame()
        stack.post("demo", "Hello")
        assert reader.frame()["content"] == "<p>Hello</p>"


def refusal(**environ):
    """(exit code, output) of a start that fails."""
    stack = Stack(**environ)
    stack.start()
    try:
        code = stack.process.wait()
        return code, stack.output()
    finally:
        stack.stop()
        stack.folder.cleanup()


def test_a_taken_port_ends_the_start_with_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, output = refusal(PORT=str(port))
    assert code != 0 and f"Cannot listen on HOST=127.0.0.1 PORT={port}" in output
    assert len(output.strip().splitlines()) == 1


def test_an_unreachable_redis_ends_the_start_with_one_sentence():
    code, output = refusal(REDIS_URL=f"redis://user:hidden@127.0.0.1:{free_port()}/0")
    assert code != 0 and "REDIS_URL" in output and "hidden" not in output
    assert len(output.strip().splitlines()) == 1


def test_a_redis_cluster_ends_the_start_with_one_sentence():
    with RedisCluster() as cluster:
        code, output = refusal(REDIS_URL=cluster.url)
    [sentence] = output.strip().splitlines()
    place = f"127.0.0.1:{cluster.port}"
    assert code == 1 and sentence.startswith(f"REDIS_URL: Redis at {place} is a Redis Cluster, and")


def test_an_unreachable_database_ends_the_start_with_one_sentence():
    code, output = refusal(DATABASE_URL=f"postgres://u:hidden@127.0.0.1:{free_port()}/x")
    assert code != 0 and "database" in output and "hidden" not in output
    assert len(output.strip().splitlines()) == 1


def test_a_wrong_variable_ends_the_start_with_one_sentence():
    code, output = refusal(WORKERS="many")
    assert code != 0
    assert output.strip() == (
        "WORKERS='many' is not allowed: WORKERS is a whole number from 1 to 256."
    )


def test_variables_that_are_wrong_together_end_the_start_with_what_is_wrong():
    code, output = refusal(HTTPS="1", TRUSTED_HOPS="0")
    assert code != 0 and output.startswith("HTTPS=1 without TRUSTED_HOPS")
    assert len(output.strip().splitlines()) == 1


def test_a_second_copy_in_the_same_folder_is_refused(stack):
    code, output = refusal(DATA_DIR=stack.folder.name)
    assert code != 0 and "is in use by another copy" in output


def test_no_client_moves_the_sites_addresses_where_no_proxy_is_trusted(stack, blog):
    request = urllib.request.Request(f"http://{stack.address}/liveblog/{blog}/")
    request.add_header("Daphne-Root-Path", "//elsewhere.example")
    assert b"elsewhere" not in urllib.request.urlopen(request, timeout=PATIENCE).read()
