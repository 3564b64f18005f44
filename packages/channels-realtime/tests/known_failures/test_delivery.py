"""Rows about messages on their way to sockets, and about who is in a group."""

import signal
import time
from math import inf

import pytest
from channels_realtime.layer.channel_layer import HEARTBEAT
from harness.process import stopped
from harness.stack import Stack
from harness.waiting import wait_until

MANY = 300  # sockets of one process; the stock stack's capacity is 100


def wait_for_members(stack, group, number):
    """Returns when it was last seen that there were others, on time.monotonic()'s clock."""
    seen = -inf

    def reached():
        nonlocal seen
        looked = time.monotonic()
        names = stack.layer.group_size if stack.ours else stack.layer.group_channels
        size = names(group) if stack.ours else len(names(group))
        if size != number:
            seen = looked
        return size == number

    wait_until(reached, f"{number} members of {group}")
    return seen


# Row 1


def test_row_01_a_group_message_reaches_all_300_sockets_of_one_interface(ours):
    with ours.front.websockets(MANY, "/group/many/") as sockets:
        wait_for_members(ours, "many", MANY)
        ours.layer.send_group("many", {"text": "to all"})
        assert [socket.recv() for socket in sockets] == ["to all"] * MANY


def test_row_01_on_the_stock_stack_fails(stock):
    number = 150
    with stock.front.websockets(number, "/group/many/") as sockets:
        wait_for_members(stock, "many", number)
        queue = stock.layer.prefix + sockets[0].ask("name").partition("!")[0] + "!"
        with stopped(stock.front.pid):  # busy, so that nothing is read meanwhile
            stock.layer.send_group("many", {"text": "to all"})
            assert stock.redis.llen(queue) == 100
        wait_until(lambda: not stock.redis.llen(queue), "the reading of what was not lost")
        # Each waits for its own echo, so that the stack is not flooded as well.
        heard = [socket.received_until_asked("mark") for socket in sockets]
    assert heard.count(["to all"]) == 100
    assert heard.count([]) == 50


# Row 3


def lose_keys_by_flush(stack):
    stack.redis.flushall()


def lose_keys_by_restart(stack):
    stack.redis_server.stop(signal.SIGKILL)
    stack.redis_server.start()


@pytest.mark.parametrize("lose_keys", [lose_keys_by_flush, lose_keys_by_restart])
def test_row_03_sockets_hear_their_group_again_after_redis_lost_its_keys(ours, lose_keys):
    with ours.front.websockets(5, "/group/restart/") as sockets:
        wait_for_members(ours, "restart", 5)
        lose_keys(ours)
        wait_for_members(ours, "restart", 5)
        ours.layer.send_group("restart", {"text": "still here"})
        assert [socket.recv() for socket in sockets] == ["still here"] * 5


def test_row_03_a_redis_that_forgot_its_scripts_is_given_them_again():
    with Stack() as stack:
        front = stack.interface()
        stack.worker()
        stack.redis.script_flush()
        wait_until(lambda: front.request("GET", "/ready/").status == 200, "a worker's answer")


def test_row_03_joins_between_the_loss_and_the_next_heartbeat_last(ours):
    with ours.front.websocket() as socket:
        name = socket.ask("name")
        groups = [f"joined{number}" for number in range(10)]
        process = name.partition("!")[0] + "!"
        begun = time.monotonic()
        with stopped(ours.front.pid):  # busy, say, until its heartbeat is overdue
            wait_until(lambda: time.monotonic() > begun + HEARTBEAT, "an overdue heartbeat")
            ours.redis.flushall()
            for group in groups:
                ours.layer.group_add(group, name)
        wait_until(lambda: ours.redis.zscore(ours.layer.processes_key, process), "a heartbeat")
        assert socket.ask("mark") == "mark"
        key = ours.layer.prefix + ":group:"
        wait_until(
            lambda: all(ours.redis.zscore(key + group, process) == inf for group in groups),
            "memberships that do not expire",
        )


def test_row_03_on_the_stock_stack_fails(stock):
    with stock.front.websocket("/group/restart/") as socket:
        wait_for_members(stock, "restart", 1)
        stock.redis.flushall()
        lost = time.monotonic()
        while time.monotonic() < lost + 2.5:  # ours is back within 2 s
            stock.layer.send_group("restart", {"text": "deaf?"})
            assert socket.ask("mark") == "mark"


# Row 11


def test_row_11_members_of_a_killed_interface_are_gone():
    with Stack() as stack:
        dead, alive = stack.interface(), stack.interface()
        stack.worker()
        with dead.websockets(3, "/group/fate/"), alive.websocket("/group/fate/") as socket:
            wait_for_members(stack, "fate", 4)
            name = socket.ask("name")
            dead.stop(signal.SIGKILL)
            killed = time.monotonic()
            # The row's promise. Asked so that a test that is late itself breaks no promise.
            assert wait_for_members(stack, "fate", 1) - killed < 15
            assert stack.layer.group_channels("fate") == [name]
            # The other one buries it: nothing of it is left in Redis.
            group = f"{stack.layer.prefix}:group:fate"
            process = name.partition("!")[0] + "!"
            wait_until(lambda: stack.redis.zrange(group, 0, -1) == [process.encode()], "the burial")


def test_row_11_sockets_that_left_while_redis_was_away_are_gone(tmp_path):
    keeping = ("--appendonly", "yes", "--appendfsync", "always", "--dir", str(tmp_path))
    with Stack(redis_options=keeping) as stack:
        front = stack.interface()
        stack.worker()
        with front.websockets(3, "/group/away/") as sockets:
            wait_for_members(stack, "away", 3)
            stack.redis_server.stop(signal.SIGKILL)
            with sockets[0]:
                pass  # leaves in the regular way
            stack.redis_server.start()
            assert stack.redis.exists(stack.layer.processes_key)  # Redis kept its keys
            stack.wait_for_lines("disconnects", 1)
            wait_for_members(stack, "away", 2)


# Row 12


def test_row_12_a_socket_outlives_the_group_expiry():
    with Stack(group_expiry=1) as stack:
        front = stack.interface()
        stack.worker()
        with front.websocket("/group/long/") as socket:
            # The expiry, and the 2 s after which a server looks for sockets to be cut.
            joined = time.monotonic()
            wait_until(lambda: time.monotonic() > joined + 3.5, "the group's expiry")
            stack.layer.send_group("long", {"text": "not deaf"})
            assert socket.recv() == "not deaf"


def test_row_12_on_the_stock_stack_fails():
    with Stack("stock", group_expiry=1) as stack:
        front = stack.interface()
        stack.worker()
        with front.websocket("/group/long/") as socket:
            wait_until(lambda: not stack.layer.group_channels("long"), "a deaf socket")
            assert socket.close_code() == 1000  # and soon a cut one


# Rows 13 and 14


def idle_commands(stack, seconds):
    """How many commands a second Redis carries out, those inside of scripts included."""
    begun = time.monotonic()
    with stack.commands() as commands:
        wait_until(lambda: time.monotonic() > begun + seconds, "some idle seconds")
    return sum(commands.values()) / (time.monotonic() - begun)


def test_row_13_an_idle_stack_leaves_redis_alone(ours):
    with ours.front.websocket():
        # Heartbeats, counters and looks for lost messages, once every thread has its connection.
        wait_until(lambda: idle_commands(ours, 12) < 6, "an idle stack")


def test_row_13_on_the_stock_stack_fails(stock):
    with stock.front.websocket():
        assert idle_commands(stock, 1) > 20


def test_row_14_it_offers_no_twisted_mode_and_works_through_a_unix_socket(tmp_path):
    path = tmp_path / "redis.sock"
    with Stack(redis_options=("--unixsocket", str(path)), url=f"unix://{path}") as stack:
        assert "twisted" not in stack.layer.extensions
        front = stack.interface()
        stack.worker()
        with front.websocket("/group/unix/") as socket:
            assert socket.ask("hello") == "hello"
            stack.layer.send_group("unix", {"text": "to all"})
            assert socket.recv() == "to all"


# Row 15


def writes_of_a_broadcast(stack, number):
    with stack.front.websockets(number, "/group/wide/") as sockets:
        wait_for_members(stack, "wide", number)
        with stack.commands() as commands:  # no longer: sockets of before may still say goodbye
            stack.layer.send_group("wide", {"text": "to all"})
        assert [socket.recv() for socket in sockets] == ["to all"] * number
    return commands["rpush"] + commands["set"] + commands["setex"]


def test_row_15_a_broadcast_to_300_members_is_one_write_to_redis(ours):
    assert writes_of_a_broadcast(ours, MANY) == 1


def test_row_15_on_the_stock_stack_fails(stock):
    assert writes_of_a_broadcast(stock, 50) >= 50


# Row 23


def test_row_23_a_join_that_comes_after_the_disconnect_is_undone(ours):
    with ours.front.websocket("/group/late/") as socket:
        process = socket.ask("name").partition("!")[0]
        ours.layer.group_add("late", f"{process}!gone")
        assert socket.ask("mark") == "mark"  # the server has read the join by now
        wait_for_members(ours, "late", 1)


def test_row_23_on_the_stock_stack_fails(stock):
    with stock.front.websocket("/group/late/") as socket:
        process = socket.ask("name").partition("!")[0]
        stock.layer.group_add("late", f"{process}!gone")
        assert socket.ask("mark") == "mark"
        wait_for_members(stock, "late", 2)


# Row 29


@pytest.mark.parametrize("empty", ["", b""])
def test_row_29_empty_messages_travel_both_ways(ours, empty):
    with ours.front.websocket("/group/empty/") as socket:
        assert socket.ask(empty) == empty
        ours.layer.send_group("empty", {"text" if isinstance(empty, str) else "bytes": empty})
        assert socket.recv() == empty


@pytest.mark.parametrize("empty", ["", b""])
def test_row_29_on_the_stock_stack_fails(stock, empty):
    with stock.front.websocket() as socket:
        socket.send(empty)
        assert socket.ask("mark") == "mark"
