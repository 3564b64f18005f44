"""The table of cells is complete and agrees with the injectors and the docs."""

from __future__ import annotations

import pytest

from liveblog.webhooks.backlog import BACKOFF
from tests.chaos.cells import (
    DURATIONS,
    GROUPS,
    NOT_TRIED,
    PAIRS,
    Cell,
    Dependency,
    Fault,
    diagonal,
    draw,
    matrix,
)
from tests.chaos.faults import INJECTORS
from tests.chaos.trial import WEBHOOK_RETRIES
from tests.test_docs import section


def test_every_pair_is_either_produced_or_left_out_with_a_reason() -> None:
    assert set(INJECTORS) == set(PAIRS)
    assert set(INJECTORS) | set(NOT_TRIED) == {(d, f) for d in Dependency for f in Fault}
    assert all(NOT_TRIED.values()) and all(each.what for each in INJECTORS.values())


def test_every_dependency_belongs_to_one_group() -> None:
    assert sorted(d for members in GROUPS.values() for d in members) == sorted(Dependency)


def test_the_diagonal_has_every_dependency_and_every_fault() -> None:
    cells = [cell for cells in diagonal() for cell in cells]
    assert {cell.dependency for cell in cells} == set(Dependency)
    assert {cell.fault for cell in cells} == set(Fault)
    assert {(cell.dependency, cell.fault) for cell in cells} <= set(PAIRS)
    assert all(len({cell.group for cell in cells}) == 1 for cells in diagonal())


def test_a_cell_is_read_back_from_its_name() -> None:
    for cell in matrix((1.0, 2.5)):
        assert Cell.parse(str(cell)) == cell


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("redis", 24), ("redis/killed", 3), ("redis/*/10", 8), ("redis/killed/60", 1), ("nobody", 0)],
)
def test_a_pattern_selects_cells(pattern: str, count: int) -> None:
    assert len(matrix(DURATIONS, [pattern])) == count


def test_a_budget_draws_the_same_cells_for_the_same_seed() -> None:
    cells = matrix(DURATIONS)
    drawn = draw(1, 600, cells)
    assert drawn == draw(1, 600, cells) != draw(2, 600, cells)
    assert 0 < sum(cell.duration + 8 for cell in drawn) <= 600


def test_the_documented_table_is_the_one_that_is_tried() -> None:
    text = section("docs/reliability.md", "The fault matrix")
    lines = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    documented = {
        (line[1].strip(" `"), fault)
        for line in lines
        for fault in line[2].replace("`", "").replace(",", " ").split()
    }
    assert documented == {(str(d), str(f)) for d, f in PAIRS}


def test_the_retry_delays_of_webhooks_are_those_of_the_code() -> None:
    assert BACKOFF[: len(WEBHOOK_RETRIES)] == WEBHOOK_RETRIES
