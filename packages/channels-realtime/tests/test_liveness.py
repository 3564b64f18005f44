"""What an interface server says of itself, from what it has noticed of each Redis."""

import json
import time
from dataclasses import dataclass

import pytest
from channels_realtime.interface.liveness import LOST_FOR, Liveness


@dataclass
class Shard:
    away_for: float | None = None

    @property
    def away_since(self):
        return None if self.away_for is None else time.monotonic() - self.away_for


@pytest.mark.parametrize(
    ("away", "status", "state"),
    [
        ([None], 200, "ok"),
        ([LOST_FOR / 2], 200, "ok"),  # it may be about to come back
        ([LOST_FOR + 1], 503, "failing"),
        ([None, LOST_FOR + 1], 200, "degraded"),  # what the other holds goes on
        ([LOST_FOR + 1, LOST_FOR + 1], 503, "failing"),
    ],
)
def test_a_server_is_alive_while_it_reaches_any_redis(away, status, state):
    answer = Liveness([Shard(seconds) for seconds in away]).answer(connections=7)
    document = json.loads(answer.body)
    assert (answer.status, document["status"]) == (status, state)
    assert document["checks"]["redis"] == {"status": state, "shards": len(away)}
    assert document["checks"]["serving"] == {"status": "ok", "connections": 7}
    assert bool(document["problems"]) == (state != "ok")


def test_a_server_that_is_about_to_end_is_not_alive():
    answer = Liveness([Shard()], is_draining=True).answer(connections=1)
    assert answer.status == 503
    assert json.loads(answer.body)["problems"] == [
        "This interface server is about to end and sends its readers away."
    ]
