"""The memory budget: its parts add up."""

from dataclasses import fields

import pytest
from channels_realtime.memory_budget import CONNECTION, DEFAULT, Budget, parse_size

MIB = 1 << 20
# Parts of the others, or memory of Redis.
ELSEWHERE = {"total", "large_bodies", "backlog", "channel"}


@pytest.mark.parametrize("total", [256 * MIB, DEFAULT, 3 * 10**9 + 1])
def test_the_parts_of_the_process_add_up_to_the_total(total):
    budget = Budget.of(total)
    parts = {field.name: getattr(budget, field.name) for field in fields(Budget)}
    parts["connections"] *= CONNECTION
    used = sum(size for name, size in parts.items() if name not in ELSEWHERE)
    assert total - 64 - CONNECTION < used <= total


def test_large_bodies_leave_room_for_others():
    budget = Budget.of(256 * MIB)
    assert budget.large_bodies <= 3 / 4 * budget.requests


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("1000", 1000), ("64K", 65536), ("3M", 3 * MIB), ("2G", 2 << 30)]
)
def test_a_size_is_a_number_with_a_unit_or_without(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1.5G", "-1", "1g", "1 G", "many", "1T", "²"])
def test_anything_else_is_no_size(text):
    with pytest.raises(ValueError, match="no number of bytes"):
        parse_size(text)
