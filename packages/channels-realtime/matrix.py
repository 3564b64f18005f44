#!/usr/bin/env python3
"""Tests the package on every Django and Python that pyproject.toml names.

    matrix.py [--diagonal | --lowest]

Each cell has the versions of other packages that the product pins. --lowest runs all cells with the
oldest ones that pyproject.toml allows, and the first release of each Django. --diagonal runs two
cells only: the oldest Django on the oldest Python, with the oldest of everything, and the newest on
the newest. The Pythons are those of this machine: in pyenv, on PATH, or installed by `uv python
install`. A cell without its Python is not run, nor is one whose Django does not support its Python;
the table at the end says why. The exit code is 1 where tests of a cell fail, or its environment
cannot be made.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

PACKAGE = Path(__file__).resolve().parent
UV = "uv==0.13.9"  # it makes an environment in 3 s, where pip takes 20
CLASSIFIERS = {"Django": "Framework :: Django :: ", "Python": "Programming Language :: Python :: "}
# A project in every style of Channels 1.x, and the bridges: what depends on Django and Python most.
DIAGONAL = (
    "tests/test_foreign_project.py",
    "tests/test_compat.py",
    "tests/test_internals.py",
    "tests/test_checks.py",
    "tests/test_runworker.py",
    "tests/test_public_names.py",
)
# Beside it, everything else of which a project sees something; about a minute.
ALL = (
    *DIAGONAL,
    "tests/test_other_layers.py",
    "tests/test_sessions.py",
    "tests/test_install.py",
    "tests/test_conformance.py",
)


@dataclass(frozen=True)
class Cell:
    """What has become of one Django on one Python."""

    django: str
    python: str
    outcome: str  # for the table
    reason: str = ""  # why it was not run, or failed
    has_failed: bool = False


def versions(of: str) -> list[str]:
    """The versions of Django or Python that the classifiers of pyproject.toml name, ascending."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    return [
        classifier.removeprefix(CLASSIFIERS[of])
        for classifier in project["classifiers"]
        if classifier.startswith(CLASSIFIERS[of])
    ]


def find_uv(folder: Path) -> str:
    """The path of uv, which is installed into the folder where the machine has none."""
    found = os.environ.get("UV") or shutil.which("uv")
    if found:
        return found
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    subprocess.run([*pip, "--target", str(folder), UV], check=True)
    return str(folder / "bin" / "uv")


def find_python(version: str, uv: str) -> str | None:
    """An interpreter of the version; None where this machine has none."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for path in sorted(pyenv.glob(f"versions/{version}.*/bin/python")):
        return str(path)
    found = subprocess.run(
        [uv, "python", "find", "--no-config", "--no-python-downloads", version],
        capture_output=True,
        text=True,
        cwd=tempfile.gettempdir(),  # no virtual environment of the checkout
    )
    return found.stdout.strip() if found.returncode == 0 else None


def resolve(django: str, python: str, uv: str) -> Cell | None:
    """None where the package index has the Django for the Python, otherwise the cell."""
    done = subprocess.run(
        [uv, "pip", "compile", "-q", "--no-config", "--no-deps", "--python-version", python, "-"],
        input=f"django=={django}.*",
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return None
    if required := re.search(r"depends\s+on\s+Python(>=[\d.]+)", done.stderr):
        reason = f"Django {django} requires Python {required[1]}"
        return Cell(django, python, "not possible", reason)
    return Cell(django, python, "FAILED", done.stderr.strip(), has_failed=True)


def run(
    django: str, python: str, tests: Sequence[str], uv: str, wheel: str, is_lowest: bool
) -> Cell:
    """Make the environment of the cell and run the tests there.

    `is_lowest`: with the oldest dependencies instead of those that the product pins.
    """
    interpreter = find_python(python, uv)
    if interpreter is None:
        reason = f"this machine has no Python {python}; `uv python install {python}` installs one"
        return Cell(django, python, "not run", reason)
    if impossible := resolve(django, python, uv):
        return impossible
    environ = {"PYTHON": interpreter, "DJANGO": django, "UV": uv, "WHEEL": wheel}
    if is_lowest:
        environ["LOWEST"] = "1"
    done = subprocess.run(
        [PACKAGE / "test-wheel.sh", *tests, "-q", "--durations=0", "--durations-min=60"],
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        return Cell(django, python, "FAILED", done.stdout, has_failed=True)
    exact = re.search(r"on Django (\S+) and Python (\S+)", done.stdout)
    passed = re.findall(r"(\d+ passed)", done.stdout)
    assert exact and passed, done.stdout
    dependencies = ", oldest dependencies" if is_lowest else ""
    return Cell(django, python, f"{passed[-1]} ({exact[1]} on {exact[2]}{dependencies})")


def table(cells: Sequence[Cell]) -> str:
    """The outcomes in Markdown: one row per Django, one column per Python."""
    outcomes = {(cell.django, cell.python): cell.outcome for cell in cells}
    pythons = list(dict.fromkeys(cell.python for cell in cells))
    rows = [["", *(f"Python {python}" for python in pythons)], ["---"] * (len(pythons) + 1)]
    for django in dict.fromkeys(cell.django for cell in cells):
        row = [outcomes.get((django, python), "") for python in pythons]
        rows.append([f"Django {django}", *row])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description="Test the package on each Django and Python.")
    choices = parser.add_mutually_exclusive_group()
    choices.add_argument(
        "--diagonal", action="store_true", help="oldest on oldest, newest on newest"
    )
    choices.add_argument("--lowest", action="store_true", help="each with the oldest dependencies")
    chosen = parser.parse_args()
    is_short = chosen.diagonal
    with tempfile.TemporaryDirectory(prefix="matrix-") as name:
        folder = Path(name)
        uv = find_uv(folder / "uv")
        build = [uv, "build", "-q", "--no-config", "--wheel", "--out-dir", name, str(PACKAGE)]
        subprocess.run(build, check=True)
        (wheel,) = folder.glob("*.whl")
        djangos, pythons = versions("Django"), versions("Python")
        if is_short:
            found = [python for python in pythons if find_python(python, uv)]
            pairs = list(zip((djangos[0], djangos[-1]), (found[0], found[-1]), strict=True))
        else:
            pairs = [(django, python) for django in djangos for python in pythons]
        cells: list[Cell] = []
        tests = DIAGONAL if is_short else ALL
        for django, python in pairs:
            print(f"Django {django} on Python {python}: ", end="", flush=True)
            start = monotonic()
            is_lowest = chosen.lowest or is_short and not cells
            cells.append(run(django, python, tests, uv, str(wheel), is_lowest))
            print(f"{cells[-1].outcome}, {monotonic() - start:.0f} s", flush=True)
    for cell in cells:
        if cell.has_failed:
            print(f"\n--- Django {cell.django} on Python {cell.python} ---\n{cell.reason}")
    print(f"\n{table(cells)}\n")
    for cell in cells:
        if cell.reason and not cell.has_failed:
            print(f"{cell.outcome}: Django {cell.django} on Python {cell.python}: {cell.reason}.")
    return 1 if any(cell.has_failed for cell in cells) else 0


if __name__ == "__main__":
    sys.exit(main())
