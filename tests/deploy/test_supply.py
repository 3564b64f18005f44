"""The pinned packages: every one has hashes, and known vulnerabilities are reported."""

import json
import re
from pathlib import Path

import pytest

from deploy.run import ROOT
from deploy.supply import audit
from tests.test_docs import section

LISTS = sorted(ROOT.glob("requirements*.txt")) + [ROOT / "deploy/supply/requirements-audit.txt"]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_every_pin_has_hashes(path: Path) -> None:
    text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.M)
    pins = re.split(r"\n(?=\S)", text.strip())
    for pin in pins:
        assert re.match(r"[\w.-]+==\S+( ; .*)? \\(\n    --hash=sha256:[0-9a-f]{64}( \\)?)+\Z", pin)


def test_every_list_is_audited() -> None:
    names = {f"requirements{name}.txt" for name in audit.PINS}
    assert names == {path.name for path in ROOT.glob("requirements*.txt")}


def test_a_package_of_several_lists_has_one_version() -> None:
    versions: dict[str, set[str]] = {}
    for path in ROOT.glob("requirements*.txt"):
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.M):
            versions.setdefault(name.lower(), set()).add(version)
    assert {name for name, found in versions.items() if len(found) > 1} <= {"asgiref"}


def test_the_builder_is_the_one_that_the_package_requires() -> None:
    project = (ROOT / "packages/channels-realtime/pyproject.toml").read_text()
    [required] = re.findall(r'^requires = \["(.*)"\]', project, re.M)
    assert f"\n{required} \\" in (ROOT / "requirements-build.txt").read_text()


def test_nothing_is_installed_without_hashes() -> None:
    script = (ROOT / "deploy/install.sh").read_text()
    commands = re.findall(r"^\s*pip install .*", script, re.M)
    # Only the package of the repository itself.
    assert [line.strip() for line in commands] == [
        'pip install --no-deps --no-build-isolation --editable "$TRANSPORT"'
    ]


def report(*dependencies: object) -> str:
    return json.dumps({"dependencies": dependencies})


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str) -> str:
    monkeypatch.setattr(audit, "PINS", ("",))
    monkeypatch.setattr(audit, "run", lambda pip_audit, pins: text)
    code = audit.main("pip-audit")
    return f"{code} {capsys.readouterr().out}"


DAPHNE = {
    "name": "daphne",
    "version": "1.4.2",
    "vulns": [{"id": "GHSA-xh68-hfp5-5x5m", "fix_versions": ["4.2.2"], "aliases": []}],
}
DJANGO = {
    "name": "django",
    "version": "5.2.1",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["5.2.2"], "aliases": ["CVE-1"]}],
}


def test_a_vulnerability_that_is_not_assessed_is_an_error(monkeypatch, capsys) -> None:
    out = run(monkeypatch, capsys, report(DAPHNE, DJANGO))
    assert out.startswith("1 ")
    assert "VULNERABLE: django 5.2.1: CVE-1, PYSEC-1, fixed in 5.2.2" in out
    assert "VULNERABLE: daphne" not in out and "assessed: daphne, CVE-2026-44546" in out


def test_without_another_vulnerability_it_succeeds(monkeypatch, capsys) -> None:
    out = run(monkeypatch, capsys, report(DAPHNE))
    assert out.startswith("0 ") and "no other vulnerability is known" in out


@pytest.mark.parametrize("text", ["", report({"name": "six", "skip_reason": "not found"})])
def test_where_the_database_does_not_answer_the_dated_list_is_reported(
    monkeypatch, capsys, text: str
) -> None:
    out = run(monkeypatch, capsys, text)
    assert "PyPI's database did not answer" in out and "no other vulnerability" not in out
    assert re.search(r"the list of \d{4}-\d\d-\d\d \(", out) and "assessed: daphne" in out


def test_assessments_name_tests_that_exist() -> None:
    for advisory in json.loads(audit.LIST.read_text())["advisories"]:
        for path in re.findall(r"((?:packages|tests)/[\w/-]+\.py)", advisory["assessment"]):
            assert (ROOT / path).exists(), path
        for name in re.findall(r"(test_\w+)\b(?!\.py)", advisory["assessment"]):
            assert f"def {name}(" in (ROOT / "tests/e2e/test_nginx_limits.py").read_text()


def test_packages_without_other_maintainers_are_those_of_the_architecture() -> None:
    table = (ROOT / "SECURITY.md").read_text()
    for name in re.findall(r"^\| ([a-z-]+) \|", table, re.M)[1:]:
        assert name == "asgiref" or f"`{name}`" in section("ARCHITECTURE.md", "Dependencies")
