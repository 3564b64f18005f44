"""`make audit`: reports known vulnerabilities of the pinned packages.

pip-audit asks PyPI's database. What it reports is compared with advisories.json: those that were
assessed there as harmless here are listed with the reason, any other one is an error. Where the
database cannot be reached, only that dated list can be reported.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

ROOT = Path(__file__).resolve().parent.parent.parent
LIST = Path(__file__).with_name("advisories.json")
# Each by itself: there are two versions of asgiref.
PINS = ("", "-asgiref", "-redis", "-build", "-tracing", "-dev")
EXIT_VULNERABLE = 1


class Advisory(TypedDict):
    """`ids`: its names in all databases. `assessment`: why it does no harm here."""

    package: str
    ids: list[str]
    affects: str
    assessment: str


class Assessed(TypedDict):
    """advisories.json. `date`: of the list. `scope`: which packages it was made for, and how."""

    date: str
    scope: str
    advisories: list[Advisory]


class Vulnerability(NamedTuple):
    package: str
    version: str
    ids: frozenset[str]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fixed = ", ".join(self.fixed_in) or "no version"
        return f"{self.package} {self.version}: {', '.join(sorted(self.ids))}, fixed in {fixed}"


class Audit(NamedTuple):
    """What pip-audit says. `unknown`: packages for which the database did not answer."""

    vulnerabilities: list[Vulnerability]
    unknown: list[str]


def main(pip_audit: str) -> int:
    """Returns the exit code."""
    known: Assessed = json.loads(LIST.read_text())
    reports = [run(pip_audit, ROOT / f"requirements{name}.txt") for name in PINS]
    audit = merge([parse(report) for report in reports]) if all(reports) else None
    if audit is None or audit.unknown:
        who = f"for {len(audit.unknown)} packages" if audit else "at all"
        print(
            f"audit: PyPI's database did not answer {who}. This is the list of {known['date']}"
            f" ({known['scope']})."
        )
    for advisory in known["advisories"]:
        print(f"assessed: {describe(advisory)}")
    new = unassessed(audit.vulnerabilities if audit else [], known["advisories"])
    for vulnerability in new:
        print(f"VULNERABLE: {vulnerability}")
    if audit and not audit.unknown and not new:
        print("audit: no other vulnerability is known.")
    return EXIT_VULNERABLE if new else 0


def run(pip_audit: str, pins: Path) -> str:
    """pip-audit's report as JSON; "" where it could not run."""
    command = [pip_audit, "--disable-pip", "--require-hashes", "-f", "json", "-r", str(pins)]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""


def merge(audits: list[Audit]) -> Audit:
    return Audit(
        [each for audit in audits for each in audit.vulnerabilities],
        [name for audit in audits for name in audit.unknown],
    )


def parse(report: str) -> Audit:
    """Of pip-audit's JSON (https://github.com/pypa/pip-audit, --format json)."""
    dependencies: Sequence[dict[str, Any]] = json.loads(report)["dependencies"]
    found = [each for dependency in dependencies for each in vulnerabilities_of(dependency)]
    return Audit(found, [each["name"] for each in dependencies if "skip_reason" in each])


def vulnerabilities_of(dependency: dict[str, Any]) -> Iterator[Vulnerability]:
    for each in dependency.get("vulns", ()):
        ids = frozenset({each["id"], *each.get("aliases", ())})
        fixed = tuple(each.get("fix_versions", ()))
        yield Vulnerability(dependency["name"], dependency["version"], ids, fixed)


def unassessed(found: list[Vulnerability], known: list[Advisory]) -> list[Vulnerability]:
    assessed = {(each["package"], name) for each in known for name in each["ids"]}
    return [
        each for each in found if not any((each.package, name) in assessed for name in each.ids)
    ]


def describe(advisory: Advisory) -> str:
    ids = ", ".join(advisory["ids"])
    return f"{advisory['package']}, {ids} ({advisory['affects']}): {advisory['assessment']}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
