"""Imports run one way: routing → consumers → features → conversations → transport."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_docs import ROOT

TRANSPORT = {"channels_realtime"}
DATABASE = {"database"} | TRANSPORT
CONVERSATIONS = {"conversations"} | DATABASE
FEATURES = ("liveblog", "accounts", "ops")
# What each package may import of this repository. Features do not import each other.
ALLOWED = {
    "database": DATABASE,
    "conversations": CONVERSATIONS,
    **{name: CONVERSATIONS | {name} for name in FEATURES},
    # Entry points: what a socket, a request or a shell starts. They may read the site's settings.
    "consumers": CONVERSATIONS | {*FEATURES} | {"consumers", "proj"},
    "proj": CONVERSATIONS | {*FEATURES} | {"proj"},
    "deploy": CONVERSATIONS | {*FEATURES} | {"consumers", "proj", "deploy", "tests", "harness"},
}
OURS = set().union(*ALLOWED.values())
# Inside the transport: compat is below all, worker and interface are above all.
PARTS = {
    # enforce_ordering needs the worker; compat imports it when a project first uses it.
    "compat": {"worker"},
    "doctor": {"compat"},
    "layer": {"compat", "metrics"},
    "metrics": {"compat", "layer"},
    "worker": {"compat", "layer", "metrics"},
    "interface": {"compat", "layer", "metrics"},
}


def imported(path: Path) -> Iterator[str]:
    """The modules that a file names in its import statements, also within functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_is_below_it(package: str) -> None:
    found = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in (ROOT / package).rglob("*.py")
        for module in imported(path)
        if (top := module.partition(".")[0]) in OURS and top not in ALLOWED[package]
    }
    assert sorted(found) == []


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_transport_imports_only_what_is_below_it(part: str) -> None:
    source = ROOT / "packages" / "channels-realtime" / "src" / "channels_realtime"
    found = {
        f"{path.relative_to(source)} imports {module}"
        for path in (source / part).rglob("*.py")
        for module in imported(path)
        if (name := module.removeprefix("channels_realtime.").partition(".")[0]) in PARTS
        and name not in PARTS[part] | {part}
        and module.startswith("channels_realtime.")
    }
    assert sorted(found) == []


def test_the_transport_imports_nothing_of_the_product() -> None:
    source = ROOT / "packages" / "channels-realtime"
    found = {
        f"{path.relative_to(source)} imports {module}"
        for path in source.rglob("*.py")
        for module in imported(path)
        if module.partition(".")[0] in (OURS - TRANSPORT - {"harness"}) | {"routing"}
    }
    assert sorted(found) == []
