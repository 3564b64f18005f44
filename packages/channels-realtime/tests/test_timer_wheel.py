"""The timer wheel touches a connection when it is due, and not before."""

import math

import pytest
from channels_realtime.interface.timer_wheel import SLOT, TimerWheel

START = 1000.0


class Connection:
    wheel_slot = 0

    def __init__(self, due=math.inf):
        self.due = due
        self.checks = []

    def check_time(self, now):
        self.checks.append(now)
        if now < self.due:
            return self.due
        self.due = math.inf
        return math.inf


@pytest.fixture
def wheel():
    return TimerWheel(START)


def run(wheel, seconds):
    """Let time pass, in steps as a server takes them."""
    now = wheel.passed * SLOT
    for step in range(1, int(seconds / SLOT) + 1):
        wheel.advance(now + step * SLOT)


def test_a_connection_is_checked_once_and_soon_after_it_is_due(wheel):
    connection = Connection(START + 10.5)
    wheel.schedule(connection, connection.due)
    run(wheel, 60)
    [checked] = connection.checks
    assert connection.due == math.inf and 10.5 <= checked - START <= 10.5 + SLOT


def test_a_deadline_that_moves_back_costs_a_check_and_keeps_its_time(wheel):
    connection = Connection(START + 5)
    wheel.schedule(connection, connection.due)
    connection.due = START + 30
    run(wheel, 60)
    assert [round(now - START) for now in connection.checks] == [5, 30]


@pytest.mark.parametrize("deadlines", [(5, 9), (9, 5)])
def test_the_earlier_of_two_deadlines_counts(wheel, deadlines):
    connection = Connection(START + 5)
    for seconds in deadlines:
        wheel.schedule(connection, START + seconds)
    wheel.advance(START + 8)
    assert len(connection.checks) == 1


def test_what_is_due_already_is_checked_next_time(wheel):
    connection = Connection(START - 10)
    wheel.schedule(connection, connection.due)
    wheel.advance(START + SLOT)
    assert len(connection.checks) == 1


def test_a_connection_that_has_ended_is_neither_checked_nor_kept(wheel):
    connection = Connection(START + 5)
    wheel.remove(connection)
    wheel.schedule(connection, connection.due)
    wheel.remove(connection)
    assert not any(wheel.slots.values())
    run(wheel, 10)
    assert not connection.checks


def test_a_connection_that_another_one_ends_is_not_checked(wheel):
    class Killer(Connection):
        def check_time(self, now):
            for other in connections:
                wheel.remove(other)
            return super().check_time(now)

    connections = [Killer(START + 5) for _ in range(2)]
    for connection in connections:
        wheel.schedule(connection, connection.due)
    run(wheel, 20)
    assert sorted(len(connection.checks) for connection in connections) == [0, 1]


def test_a_check_that_fails_is_repeated_and_harms_no_other(wheel, caplog):
    class Broken(Connection):
        def check_time(self, now):
            super().check_time(now)
            if len(self.checks) == 1:
                raise ValueError("broken")
            return math.inf

    connections = [Broken(START + 5), Connection(START + 5)]
    for connection in connections:
        wheel.schedule(connection, connection.due)
    run(wheel, 20)
    assert [len(connection.checks) for connection in connections] == [2, 1]
    assert "could not be checked" in caplog.text


def test_after_a_pause_of_the_process_everything_that_is_due_is_checked(wheel):
    connections = [Connection(START + number) for number in range(1, 100)]
    for connection in connections:
        wheel.schedule(connection, connection.due)
    wheel.advance(START + 3600)
    assert all(len(connection.checks) == 1 for connection in connections)
