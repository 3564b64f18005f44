"""bench/README.md names what the code has."""

import re
from pathlib import Path

from bench import scenarios, systems

README = (Path(scenarios.__file__).parent / "README.md").read_text()


def first_cells(heading: str) -> set[str]:
    """The names in the first column of the table below a heading."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    return {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}


def test_every_scenario_is_explained_and_no_other() -> None:
    assert first_cells("What is measured") == set(scenarios.SCENARIOS)


def test_every_system_says_what_it_needs_and_no_other() -> None:
    assert first_cells("What it needs") == set(systems.SYSTEMS)
