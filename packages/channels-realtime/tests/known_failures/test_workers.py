"""Rows about workers: what they survive, what they lose, what they leave behind."""

import signal

import pytest
from channels.sessions import wait_channel_name
from harness.clients import status_of
from harness.load import Load
from harness.stack import Stack
from harness.waiting import wait_until

# Row 2


def restart_redis(stack):
    stack.redis_server.stop(signal.SIGKILL)
    stack.redis_server.start()


def test_row_02_a_worker_outlives_a_restart_of_redis(ours):
    with ours.front.websocket() as socket:
        before = socket.ask("pid")
        restart_redis(ours)
        # What is sent while Redis is away is refused; the answer comes once it is back.
        assert ask_again(ours, "pid") == before


def ask_again(stack, command):
    """Ask on new sockets until one is answered."""

    def answer():
        with stack.front.websocket() as socket:
            return socket.ask(command)

    wait_until(lambda: stack.front.request("GET", "/ready/").status == 200, "a worker's answer")
    return answer()


def test_row_02_on_the_stock_stack_fails():
    with Stack("stock") as stack:
        worker = stack.worker()
        restart_redis(stack)
        assert worker.wait() != 0


def test_row_02_threads_survive_a_restart_of_redis_and_a_consumer_that_exits():
    with Stack() as stack:
        front, worker = stack.interface(), stack.worker("--threads", "2")
        restart_redis(stack)
        wait_until(lambda: front.request("GET", "/ready/").status == 200, "a worker's answer")
        with front.websockets(2) as sockets:
            for _ in range(3):  # more than there are threads
                sockets[0].send("leave")
            assert sockets[0].ask("still here") == "still here"
            for socket in sockets:
                socket.send("hold")
            # Two consumers at once: both threads are there.
            stack.wait_for_lines("held", 2)
            stack.open_gate()
            assert [socket.recv() for socket in sockets] == ["released"] * 2
        assert worker.stop() == 0


def test_row_02_a_message_that_the_routing_cannot_match_does_not_end_the_worker():
    with Stack() as stack:
        worker = stack.worker()
        stack.layer.send("picky", {"number": 1})  # the route's pattern expects text
        stack.layer.send("numbers", {"number": 2})
        wait_until(
            lambda: not worker.is_running() or stack.book("numbers") == ["2"], "the next message"
        )
        assert worker.is_running(), worker.output()


# Row 6

RESTARTS = {1: 8, 4: 7}  # threads -> restarts


@pytest.mark.parametrize("threads", RESTARTS)
def test_row_06_restarts_under_load_lose_nothing(threads):
    with Stack(capacity=100_000) as stack, Load(stack) as load:
        worker = stack.worker("--threads", str(threads))
        for _ in range(RESTARTS[threads]):
            load.wait_for_progress()
            other = stack.worker("--threads", str(threads))
            assert worker.stop() == 0
            worker = other
        sent = load.stop()
        stack.wait_for_lines("numbers", sent)
        assert sorted(map(int, stack.book("numbers"))) == list(range(sent))
        assert worker.stop() == 0
        # What the consumers sent is complete as well.
        assert stack.layer.channel_statistics("answers")["messages_count"] == sent


def hold_two(stack, sockets):
    for socket in sockets:
        socket.send("hold")
    stack.wait_for_lines("held", 2)


def test_row_06_a_worker_told_to_stop_finishes_what_its_threads_do():
    with Stack() as stack:
        front, worker = stack.interface(), stack.worker("--threads", "2")
        with front.websockets(2) as sockets:
            hold_two(stack, sockets)
            worker.send_signal(signal.SIGTERM)
            stack.open_gate()
            assert [socket.recv() for socket in sockets] == ["released"] * 2
        assert worker.wait() == 0


def test_row_06_on_the_stock_stack_fails():
    with Stack("stock") as stack:
        front, worker = stack.interface(), stack.worker("--threads", "2")
        with front.websockets(2) as sockets:
            hold_two(stack, sockets)
            worker.send_signal(signal.SIGTERM)
            # The main thread's message is lost at once, and the worker goes on.
            assert [s.ask("still here") for s in sockets] == ["still here"] * 2
            stack.open_gate()
            answers = [s.ask("mark") for s in sockets]
            assert "mark" in answers and worker.is_running()


# Row 7


def test_row_07_a_killed_worker_loses_only_the_message_it_was_at(ours):
    with ours.front.websocket() as socket:
        socket.send("hold")
        ours.wait_for_lines("held", 1)
        socket.send("queued behind it")
        ours.back.stop(signal.SIGKILL)
        ours.back = ours.worker()
        assert socket.recv() == "queued behind it"
        assert socket.ask("and on") == "and on"
        assert len(ours.book("held")) == 1  # at most once


# Row 8


def test_row_08_an_exception_does_not_wedge_an_ordered_socket(ours):
    with ours.front.websocket("/ordered/") as socket:
        socket.send("fail")
        assert socket.ask("goes on") == "goes on"


def test_row_08_what_a_consumer_sent_before_its_exception_is_sent(ours):
    with ours.front.websocket("/ordered/") as socket:
        socket.send("answer and fail")
        assert socket.received_until_asked("mark") == ["answered"]


def test_row_08_an_exception_at_the_connect_does_not_wedge_an_ordered_socket(ours):
    with ours.front.websocket("/fragile/") as socket:
        assert socket.ask("goes on") == "goes on"


def test_row_08_a_message_that_overtakes_its_connect_is_not_forgotten():
    with Stack() as stack:
        front = stack.interface()
        stack.worker(), stack.worker()
        for turn in range(1, 11):
            with front.websocket("/eager/") as socket:
                [held] = stack.wait_for_lines("held", turn)[turn - 1 :]
                aside = stack.layer.prefix + wait_channel_name(held)
                socket.send("too early")
                wait_until(lambda key=aside: stack.redis.llen(key), "a message put aside")
                stack.open_gate()
                assert socket.ask("goes on") == "too early"
                stack.redis.delete("gate:hold")


def test_row_08_a_lost_message_closes_an_ordered_socket():
    with Stack() as stack:
        front, worker = stack.interface(), stack.worker()
        with front.websocket("/ordered/") as socket:
            assert socket.ask("one") == "one"
            worker.stop()
            lose_first_of_two(stack, socket)
            stack.worker()
            assert socket.close_code() == 1013


def lose_first_of_two(stack, socket):
    """Two messages wait for a worker, then one."""
    queue = stack.layer.prefix + "websocket.receive"
    for length, text in ((1, "lost"), (2, "kept")):
        socket.send(text)
        wait_until(lambda n=length: stack.redis.llen(queue) == n, f"{length} queued messages")
    stack.redis.lpop(queue)


def test_row_08_on_the_stock_stack_fails(stock):
    with stock.front.websockets(2, "/ordered/") as (failing, other):
        failing.send("fail")
        failing.send("goes on?")
        assert other.ask("mark") == "mark"  # the one worker is past the failing one's messages
        with pytest.raises(TimeoutError):
            failing.connection.recv(timeout=0)


# Row 19


def test_row_19_a_slow_consumer_does_not_starve_the_other_pool():
    with Stack() as stack:
        front = stack.interface()
        stack.worker("--only-channels", "http.*")
        stack.worker("--exclude-channels", "http.*")
        with front.raw() as slow, front.websocket() as socket:
            slow.sendall(b"GET /held/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            stack.wait_for_lines("held", 1)
            assert socket.ask("not starved") == "not starved"
            stack.open_gate()
            assert status_of(slow) == 200


# Row 24


def sessions(stack):
    return {
        (key, field)
        for key in stack.redis.scan_iter(f"{stack.layer.prefix}:sessions:*")
        for field in stack.redis.hkeys(key)
    }


def test_row_24_a_session_ends_with_its_socket(ours):
    others = sessions(ours)
    with ours.front.websocket("/session/") as socket:
        assert [socket.ask("count"), socket.ask("count")] == ["1", "2"]
        [session] = sessions(ours) - others
    assert ours.wait_for_lines("sessions", 1) == ["2"]  # the disconnect still had it
    wait_until(lambda: session not in sessions(ours), "the end of the session")
    assert not list((ours.folder / "sessions").iterdir())


@pytest.mark.parametrize("path", ["/ordered/", "/fragile/"])
def test_row_24_it_ends_also_where_the_disconnect_has_no_consumer_or_a_failing_one(ours, path):
    others = sessions(ours)
    with ours.front.websocket(path) as socket:
        assert socket.ask("mark") == "mark"
        [session] = sessions(ours) - others
    wait_until(lambda: session not in sessions(ours), "the end of the session")


def test_row_24_on_the_stock_stack_fails(stock):
    with stock.front.websocket("/session/") as socket:
        assert socket.ask("count") == "1"
    stock.wait_for_lines("sessions", 1)
    assert list((stock.folder / "sessions").iterdir())


# Row 28


def test_row_28_an_unknown_path_is_answered_and_an_unmatched_message_is_said(ours):
    assert ours.front.request("GET", "/unknown/").status == 404
    with ours.front.websocket("/unknown/") as unknown, ours.front.websocket() as socket:
        unknown.send("nobody reads this")
        ours.layer.send("picky", {"number": "2"})
        assert socket.ask("goes on") == "goes on"
        ours.back.wait_for_output("No consumer for a message on picky")


def test_row_28_a_message_for_newer_code_waits_for_the_newer_worker(ours):
    ours.layer.send("newer", {"number": 7})
    with ours.front.websocket() as socket:
        assert socket.ask("old code runs") == "old code runs"
    assert ours.layer.channel_statistics("newer")["messages_pending"] == 1
    newer = ours.worker(SMALL_NEWER="1")
    assert ours.wait_for_lines("numbers", 1) == ["7"]
    assert newer.stop() == 0
