"""Prints what was found, and says by its exit code whether work is left."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from channels_realtime.doctor.installed import location_of
from channels_realtime.doctor.project import Finding, Project
from channels_realtime.doctor.rule import Who
from channels_realtime.doctor.rules import RULES

WIDTH = 60  # characters of a line of source that are shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("project", type=existing_folder, help="folder of the project")


def existing_folder(text: str) -> Path:
    """The type of an argument that is a folder."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return path


def run(folder: Path) -> int:
    """Print the report on a project. Returns the exit code; 1: something is left to do by hand."""
    project = Project(folder)
    project.read()
    if not project.files:
        print(f"{folder} has no Python files, templates or requirements.", file=sys.stderr)
        return 2
    for line in report(project):
        print(line)
    return 1 if any(finding.rule.who is Who.HAND for finding in project.findings) else 0


def report(project: Project) -> Iterator[str]:
    """The lines of the report: by who changes it, by rule, by place."""
    order = {rule: number for number, rule in enumerate(RULES)}
    for who in Who:
        found = [finding for finding in project.findings if finding.rule.who is who]
        if not found:
            continue
        yield f"{who.value} ({places(len(found))}):"
        yield ""
        found.sort(key=lambda finding: order[finding.rule])
        for rule, group in groupby(found, key=lambda finding: finding.rule):
            yield f"  {rule.id}: {rule.sentence}"
            yield from map(place, group)
            yield ""
    if location_of("django") is None:
        yield "Django is not installed here, so names that it no longer has were not looked for."
    yield from summary(project.findings, project.files)


def place(finding: Finding) -> str:
    text = finding.text if len(finding.text) <= WIDTH else finding.text[: WIDTH - 1] + "…"
    return f"    {finding.path}:{finding.line}  {text}".rstrip()


def places(number: int) -> str:
    return f"{number} place{'' if number == 1 else 's'}"


def summary(findings: Iterable[Finding], files: int) -> Iterator[str]:
    counts = dict.fromkeys(Who, 0)
    for finding in findings:
        counts[finding.rule.who] += 1
    yield (
        f"{counts[Who.HAND]} to change by hand, {counts[Who.TOOL]} that django-upgrade rewrites,"
        f" {counts[Who.BRIDGES]} that the bridges cover; {files} files were read."
    )
    if counts[Who.TOOL]:
        yield "Run django-upgrade with `--target-version 5.2` on the project's Python files."
