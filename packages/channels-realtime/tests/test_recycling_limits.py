"""A worker ends after its share of the messages, or above its share of the memory."""

import pytest
from channels_realtime.worker import recycling
from channels_realtime.worker.recycling import CHECK, JITTER, Limits, Recycling


def handled(limits, memory=0.0):
    """How many messages a process handles until it ends, one every CHECK seconds."""
    ended = []
    process = Recycling(limits, lambda: ended.append(True))
    for number in range(1, 1001):
        process.count(number * CHECK)
        if ended:
            break
    process.count(number * CHECK)  # of another thread: it ends once
    return number if ended == [True] else None


def test_every_process_has_a_limit_of_its_own():
    numbers = {handled(Limits(messages=500)) for _ in range(50)}
    assert len(numbers) > 10  # not all of them end at once
    assert 500 * (1 - JITTER) <= min(numbers) <= max(numbers) <= 500


def test_without_limits_a_worker_goes_on():
    assert handled(Limits()) is None


@pytest.mark.parametrize(("used", "number"), [(79, None), (100, 1)])
def test_the_memory_that_is_used_counts(monkeypatch, used, number):
    monkeypatch.setattr(recycling, "resident_memory", lambda: float(used))
    assert handled(Limits(memory=100)) == number


def test_the_memory_is_that_of_this_process():
    before = recycling.resident_memory()
    block = bytearray(b"x") * (50 << 20)
    assert 40 < recycling.resident_memory() - before < 60, len(block)


def test_memory_that_grew_within_a_moment_of_the_last_look_counts_without_another_message(
    monkeypatch,
):
    monkeypatch.setattr(recycling, "resident_memory", lambda: 50.0)
    ended = []
    process = Recycling(Limits(memory=100), lambda: ended.append(True))
    process.count(10.0)
    monkeypatch.setattr(recycling, "resident_memory", lambda: 300.0)
    process.count(10.0 + CHECK / 2)
    assert not ended
    process.check_memory()
    assert ended == [True]
