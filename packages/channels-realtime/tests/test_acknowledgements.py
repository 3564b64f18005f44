"""Acknowledged channels: a message stays in Redis until its consumer has finished."""

import signal

import pytest
from channels_realtime.layer.acknowledgements import CLAIM_FOR, MOST_DEAD_LETTERS
from harness.stack import Stack
from harness.waiting import wait_until

KILLS = 10
REDELIVERED = 15  # s after the death of a worker


@pytest.fixture(scope="module")
def module_stack():
    with Stack(capacity=1000) as stack:
        yield stack


@pytest.fixture
def stack(module_stack):
    """A stack without workers, an empty book and empty channels."""
    module_stack.clear_book()
    module_stack.layer.flush()
    yield module_stack
    for process in module_stack.processes:
        process.end()


def unacknowledged(stack):
    return stack.redis.hlen(stack.layer.scripts.unacknowledged("careful"))


def test_a_message_goes_to_another_worker_when_its_own_is_killed(stack):
    first = stack.worker()
    stack.layer.send("careful", {"number": 1})
    assert stack.wait_for_lines("taken", 1) == ["1"]
    first.stop(signal.SIGKILL)
    stack.worker()
    stack.open_gate()
    wait_until(lambda: stack.book("done"), "the second worker", REDELIVERED)
    assert stack.book("done") == ["1"]
    wait_until(lambda: not unacknowledged(stack), "the acknowledgement")
    assert stack.layer.acknowledgements.dead_letters() == []


def test_a_message_that_was_lost_on_the_way_to_its_worker_is_found(stack):
    stack.layer.send("careful", {"number": 1})
    assert stack.redis.lpop(f"{stack.layer.prefix}careful")
    stack.worker()
    stack.open_gate()
    wait_until(lambda: stack.book("done"), "the second delivery", REDELIVERED)
    wait_until(lambda: not unacknowledged(stack), "the acknowledgement")


def test_a_message_on_which_workers_die_becomes_a_dead_letter(stack):
    stack.layer.send("careful", {"number": 1})
    for death in range(2):
        worker = stack.worker()
        stack.wait_for_lines("taken", death + 1)
        worker.stop(signal.SIGKILL)
    stack.worker().wait_for_output("1 messages were given up after 2 workers died on each")
    assert len(stack.book("taken")) == 2
    [letter] = stack.layer.acknowledgements.dead_letters()
    assert (letter.channel, letter.message) == ("careful", {"number": 1})
    assert letter.reason == "Its worker died 2 times."
    assert not unacknowledged(stack)


def test_a_message_whose_consumer_fails_becomes_a_dead_letter_with_the_reason(stack):
    stack.worker()
    stack.layer.send("careful", {"number": 1, "fail": True})
    wait_until(stack.layer.acknowledgements.count_dead_letters, "the dead letter")
    [letter] = stack.layer.acknowledgements.dead_letters()
    assert letter.reason == "RuntimeError('asked to fail')"
    assert stack.book("taken") == ["1"]


def test_dead_letters_are_bounded(stack):
    for _ in range(MOST_DEAD_LETTERS + 5):
        stack.redis.lpush(stack.layer.acknowledgements.keys.dead_letters, b"x")
    stack.worker()
    stack.layer.send("careful", {"number": 1, "fail": True})
    wait_until(
        lambda: stack.layer.acknowledgements.count_dead_letters() == MOST_DEAD_LETTERS,
        "the oldest to go",
    )


def test_no_message_is_lost_when_workers_are_killed_again_and_again(stack):
    stack.open_gate()
    sent = 0
    for _ in range(KILLS):
        worker = stack.worker(SMALL_ATTEMPTS=str(KILLS + 2))
        for _ in range(20):
            stack.layer.send("careful", {"number": sent})
            sent += 1
        before = len(stack.book("done"))
        wait_until(lambda before=before: len(stack.book("done")) > before, "work under way")
        worker.stop(signal.SIGKILL)
    stack.worker(SMALL_ATTEMPTS=str(KILLS + 2))
    expected = {str(number) for number in range(sent)}
    wait_until(lambda: set(stack.book("done")) == expected, "every message")
    wait_until(lambda: not unacknowledged(stack), "the acknowledgements")
    assert stack.layer.acknowledgements.dead_letters() == []


def test_an_acknowledged_message_does_not_expire(stack):
    stack.layer.send("careful", {"number": 1})
    assert stack.redis.ttl(f"{stack.layer.prefix}careful") == -1


def test_a_message_whose_consumer_takes_long_is_not_delivered_twice(stack):
    stack.worker()
    stack.worker("--threads", "2")
    stack.layer.send("careful", {"number": 1})
    stack.wait_for_lines("taken", 1)
    claims = stack.layer.acknowledgements.keys.claims
    wait_until(lambda: stack.redis.zcard(claims), "the claim", REDELIVERED)
    first = stack.redis.zrange(claims, 0, -1, withscores=True)

    def renewed_often():
        [(_, until)] = stack.redis.zrange(claims, 0, -1, withscores=True)
        return until - first[0][1] > CLAIM_FOR

    wait_until(renewed_often, "more time than a claim lasts")
    assert stack.book("taken") == ["1"]
    stack.open_gate()
    wait_until(lambda: not unacknowledged(stack), "the acknowledgement")
    assert stack.book("done") == ["1"]


def test_receive_acknowledges_for_those_who_do_not(stack):
    stack.layer.send("careful", {"number": 1})
    assert stack.layer.receive(["careful"]) == ("careful", {"number": 1})
    assert not unacknowledged(stack)


def test_an_acknowledged_member_of_a_group_gets_the_groups_messages(stack):
    stack.layer.group_add("all", "careful")
    stack.layer.send_group("all", {"number": 1})
    assert unacknowledged(stack) == 1
    assert stack.layer.receive(["careful"]) == ("careful", {"number": 1})
