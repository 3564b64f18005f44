"""Health checks that an interface server answers itself.

At --health-path it reports its own state. At --ready-path it answers where no worker does.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

LOST_FOR = 3.0  # s without Redis; a restart of it takes 1 to 2
READY_CHANNEL = "http.ready"  # of requests at --ready-path
# s for a worker's answer at --ready-path, which waits behind no other request
READY_WITHIN = 10.0


class Reachable(Protocol):
    """The part of channels_realtime.layer.shard.Shard that is read here."""

    away_since: float | None  # monotonic clock


HEADERS = ((b"Content-Type", b"application/json"), (b"Cache-Control", b"no-store"))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = HEADERS


ONLY_READ = Answer(
    405,
    b"This address is read-only. Use GET.",
    ((b"Content-Type", b"text/plain; charset=utf-8"), (b"Allow", b"GET, HEAD")),
)


def unanswered(problem: str) -> Answer:
    """The answer where no worker could run the checks."""
    return answer(503, "failing", [problem], {})


def answer(status: int, state: str, problems: Sequence[str], checks: dict[str, Any]) -> Answer:
    """`problems`: one sentence each; `checks`: name -> its state and facts."""
    document = {"status": state, "problems": problems, "checks": checks}
    return Answer(status, json.dumps(document).encode() + b"\n")


@dataclass
class Liveness:
    """`shards`: the Redis servers of the channel layer."""

    shards: Sequence[Reachable]
    is_draining: bool = False

    def answer(self, connections: int) -> Answer:
        """200 as long as the server can serve anybody, otherwise 503.

        `connections`: how many are open.
        """
        now = time.monotonic()
        number = len(self.shards)
        problems = []
        for index, shard in enumerate(self.shards, 1):
            away = 0.0 if shard.away_since is None else now - shard.away_since
            if away > LOST_FOR:
                name = f"Redis {index} of {number}" if number > 1 else "Redis"
                problems.append(f"This interface server has not reached {name} for {away:.0f} s.")
        # With one of several lost, everything on the others still works.
        redis = "failing" if len(problems) == number else "degraded" if problems else "ok"
        serving = "failing" if self.is_draining else "ok"
        if self.is_draining:
            problems.append("This interface server is about to end and sends its readers away.")
        states = (redis, serving)
        state = next((state for state in ("failing", "degraded") if state in states), "ok")
        checks = {
            "redis": {"status": redis, "shards": number},
            "serving": {"status": serving, "connections": connections},
        }
        return answer(503 if state == "failing" else 200, state, problems, checks)
