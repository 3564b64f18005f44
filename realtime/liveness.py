"""/healthz: whether this interface server can do its work, known without asking anybody."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

LOST_FOR = 5.0  # s without Redis; a restart of it takes 1


class Connected(Protocol):
    """What is asked of a realtime.link.Link."""

    @property
    def is_open(self) -> bool: ...


@dataclass(frozen=True)
class Answer:
    """An HTTP answer in JSON."""

    status: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = (
        (b"Content-Type", b"application/json"),
        (b"Cache-Control", b"no-store"),
    )


def failing(problem: str) -> Answer:
    """The answer of a health check that could not even be made."""
    return Answer(503, encode({"status": "failing", "problems": [problem], "checks": {}}))


def encode(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


@dataclass
class Liveness:
    """`shards`: for each Redis the links to it; `check_time` is to be called every few seconds."""

    shards: Sequence[Sequence[Connected]]
    is_draining: bool = False
    lost_since: dict[int, float] = field(default_factory=dict)  # shard -> monotonic clock

    def check_time(self, now: float) -> None:
        for index, links in enumerate(self.shards):
            if all(link.is_open for link in links):
                self.lost_since.pop(index, None)
            else:
                self.lost_since.setdefault(index, now)

    def answer(self, connections: int) -> Answer:
        """200 as long as the server can serve anybody, otherwise 503. `connections`: its number."""
        now = time.monotonic()
        self.check_time(now)
        number = len(self.shards)
        problems = []
        for index, since in sorted(self.lost_since.items()):
            if now - since > LOST_FOR:
                name = f"Redis {index + 1} of {number}" if number > 1 else "Redis"
                problems.append(
                    f"This interface server has had no connection to {name} for {now - since:.0f} s."
                )
        # What does not belong to the lost one of several goes on.
        can_serve = len(problems) < number
        redis = {"status": state(problems, can_serve), "shards": number}
        checks: dict[str, Any] = {"redis": redis, "serving": {"status": "ok"}}
        if self.is_draining:
            can_serve = False
            problems.append("This interface server is about to end and sends its readers away.")
            checks["serving"]["status"] = "failing"
        checks["serving"]["connections"] = connections
        answer = {"status": state(problems, can_serve), "problems": problems, "checks": checks}
        return Answer(200 if can_serve else 503, encode(answer))


def state(problems: Sequence[str], can_serve: bool) -> str:
    if not can_serve:
        return "failing"
    return "degraded" if problems else "ok"
