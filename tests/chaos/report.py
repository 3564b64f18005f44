"""The results of a run: a line per trial, and tables for people and programs."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.cells import NOT_TRIED, Cell, Dependency, Fault
from tests.chaos.trial import Result


class Report:
    """Writes results.jsonl, with a line per trial as it ends, and report.md to `folder`."""

    def __init__(self, folder: Path, seed: int, resume: bool = False) -> None:
        self.folder, self.seed = folder, seed
        self.lines = folder / "results.jsonl"
        self.results: list[dict[str, Any]] = []
        if resume and self.lines.exists():
            self.results = [json.loads(line) for line in self.lines.read_text().splitlines()]
        else:
            self.lines.write_text("")
        self.kept = len(self.results)
        self.total = 0
        self.started = time.monotonic()

    def has(self, cells: Sequence[Cell]) -> bool:
        return [str(cell) for cell in cells] in [row["cells"] for row in self.results]

    def add(self, result: Result) -> None:
        """Store the result and print its line."""
        row = json.loads(result.json()) | {"seconds": result.seconds, "last": result.last}
        self.results.append(row)
        with self.lines.open("a") as file:
            file.write(json.dumps(row) + "\n")
        number = len(self.results) - self.kept
        of = f"/{self.total}" if self.total else ""
        print(f"{number:4}{of} {self.passed():>7}  {line_of(row)}", flush=True)
        for violation in row["violations"]:
            print(f"          BROKEN {violation.strip()}", flush=True)

    def passed(self) -> str:
        minutes, seconds = divmod(round(time.monotonic() - self.started), 60)
        return f"{minutes}:{seconds:02}"

    @property
    def broken(self) -> list[dict[str, Any]]:
        return [row for row in self.results if row["violations"]]

    def summary(self) -> str:
        times = [row["seconds"] for row in self.results if row["seconds"] is not None]
        worst = f", slowest recovery {max(times):g} s" if times else ""
        return (
            f"{len(self.results)} trials with seed {self.seed}, {len(self.broken)} broken{worst};"
            f" {self.folder / 'report.md'}"
        )

    def write(self) -> None:
        """Write report.md."""
        parts = ["# Fault matrix", self.summary(), grid(self.results), details(self.results)]
        (self.folder / "report.md").write_text("\n\n".join(parts) + "\n")


def line_of(row: dict[str, Any]) -> str:
    served = "" if row["served"] is None else f"{row['served']:.0%} served meanwhile"
    name = " + ".join(row["cells"])
    return f"{name:44} {recovery_of(row):28} {served}"


def recovery_of(row: dict[str, Any]) -> str:
    if row["seconds"] is None:
        missing = [name for name, value in row["recovered"].items() if value is None]
        return f"never ({', '.join(missing)})"
    return f"{row['seconds']:.1f} s ({row['last']})"


def grid(rows: Sequence[dict[str, Any]]) -> str:
    """Dependencies by faults; each cell has the recovery times by duration, with ✘ if broken."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        if len(row["cells"]) == 1:
            dependency, fault, duration = row["cells"][0].split("/")
            seconds = "never" if row["seconds"] is None else f"{row['seconds']:.1f}"
            mark = " ✘" if row["violations"] else ""
            found[dependency, fault].append(f"{duration} s: {seconds}{mark}")
    faults = [fault for fault in Fault if any(key[1] == fault for key in found)]
    lines = [
        "Seconds from the end of the fault until every check passed again, by duration."
        " ✘: an invariant was violated. –: not tried.",
        "",
        f"| | {' | '.join(faults)} |",
        "|---" * (len(faults) + 1) + "|",
    ]
    for dependency in Dependency:
        cells = [
            "–" if (dependency, fault) in NOT_TRIED else "<br>".join(found[dependency, fault])
            for fault in faults
        ]
        if any(found[dependency, fault] for fault in faults):
            lines.append(f"| {dependency} | {' | '.join(cells)} |")
    return "\n".join(lines)


def details(rows: Sequence[dict[str, Any]]) -> str:
    lines = ["| trial | recovery | served | closed | violations |", "|---|---|---|---|---|"]
    for row in rows:
        broken = "<br>".join(text.strip().replace("\n", " ") for text in row["violations"])
        served = "" if row["served"] is None else f"{row['served']:.0%}"
        name = " + ".join(row["cells"])
        broken = broken.replace("|", "\\|")
        lines.append(f"| {name} | {recovery_of(row)} | {served} | {row['closed']} | {broken} |")
    return "\n".join(lines)
