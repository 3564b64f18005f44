"""Steps of a coverage: values, validated when they are loaded. Uses neither Django nor a clock."""

import json
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from liveblog.fields import CONTENT

APOLLO_11 = Path(__file__).with_name("apollo11.json")


class BadCoverage(ValueError):
    """A step that cannot be played. `number` counts from 1; 0 is the file as a whole."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(number, reason)
        self.number = number
        self.reason = reason

    def __str__(self) -> str:
        where = f"step {self.number}" if self.number else "the file"
        return f"The coverage cannot be played: {where} {self.reason}."


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a blog, `at` seconds after the first."""

    at: float
    action: str
    key: str
    fields: dict[str, str | bool] = field(default_factory=dict)


def load(path: Path = APOLLO_11) -> list[Step]:
    """The steps of a file. Raises BadCoverage if one of them or their order is not valid."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadCoverage(0, f"is not JSON ({error})") from error
    return parse(raw)


def parse(raw: object) -> list[Step]:
    """Decoded JSON as steps. Raises BadCoverage with the number of the first bad one."""
    if not isinstance(raw, list) or not raw:
        raise BadCoverage(0, "is not a list of steps")
    steps: list[Step] = []
    standing: dict[str, bool] = {}  # key -> whether its update exists
    for number, item in enumerate(raw, start=1):
        step = parse_step(number, item)
        check_time(number, step, steps)
        check_key(number, step, standing)
        standing[step.key] = step.action != "delete"
        steps.append(step)
    return steps


def parse_step(number: int, item: object) -> Step:
    """One step by itself. Raises BadCoverage."""
    if not isinstance(item, dict):
        raise BadCoverage(number, "is not an object")
    fields = dict(item)
    at, action, key = (fields.pop(name, None) for name in ("at", "action", "key"))
    if isinstance(at, bool) or not isinstance(at, int | float) or not isfinite(at):
        raise BadCoverage(number, f"has the time {at!r}, which is no number of seconds")
    if action not in ("create", "change", "delete"):
        raise BadCoverage(number, f"has the action {action!r}, not create, change or delete")
    if not isinstance(key, str) or not key:
        raise BadCoverage(number, f"has the key {key!r}, which is no name")
    for name, value in fields.items():
        if not isinstance(value, CONTENT.get(name, ())):
            raise BadCoverage(number, f"has {value!r} as {name}")
    if action == "create" and not fields.get("body", "").strip():
        raise BadCoverage(number, "creates an update without a body")
    if bool(fields) == (action == "delete"):
        raise BadCoverage(number, f"is a {action} with {len(fields)} fields")
    return Step(at, action, key, fields)


def check_time(number: int, step: Step, earlier: list[Step]) -> None:
    if not earlier and step.at != 0:
        raise BadCoverage(number, "is the first and does not happen at 0")
    if earlier and step.at < earlier[-1].at:
        raise BadCoverage(number, "happens before the one above it")


def check_key(number: int, step: Step, standing: dict[str, bool]) -> None:
    if step.action == "create" and step.key in standing:
        raise BadCoverage(number, f"creates {step.key!r} a second time")
    if step.action != "create" and not standing.get(step.key):
        raise BadCoverage(number, f"is a {step.action} of {step.key!r}, which is not there")


def pause(step: Step, elapsed: float, speed: float) -> float:
    """Seconds to wait for a step, `elapsed` seconds after the first; 0 where it is due.

    `speed` is how many times faster than it happened; 0 means without any waiting.
    """
    return max(0.0, step.at / speed - elapsed) if speed else 0.0
