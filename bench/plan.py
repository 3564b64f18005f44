"""How much load a run makes: one plan for figures, a short one for a look."""

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes and durations (seconds) of every scenario; counts are per repetition."""

    repetitions: int = 5
    readers: int = 1000
    payload_size: int = 300  # bytes of text in one broadcast message
    in_flight: int = 100  # handshakes under way at the same time
    broadcast_messages: int = 200
    broadcast_seconds: float = 3  # the closed loop ends at whichever comes first
    burst_messages: int = 300
    burst_seconds: float = 5  # a slower system gets only as many messages as take about this long
    crowd_readers: int = 10_000
    crowd_messages: int = 10
    idle_crowds: tuple[int, ...] = (1_000, 10_000)
    # 25 s: the interface server's interval between pings. After it every socket was pinged once.
    idle_warm_up: float = 25
    # 50 s: at least two pings of every socket. An idle crowd is measured for longer, until the next
    # pulse has come.
    idle_seconds: float = 50
    large_idle_seconds: float = 25
    large_crowds: tuple[int, ...] = (1_000, 10_000, 48_000, 90_000)  # steps of one crowd
    hold_seconds: float = 300  # of the largest step, with posts going on
    post_interval: float = 5  # s, meanwhile
    jitter_clients: int = 10_000
    jitter_messages: int = 120
    herd_readers: int = 5000
    echo_clients: int = 100
    http_connections: int = 16
    seconds: float = 3  # of echo, http, page and an idle stack
    long_repetitions: int = 3  # of what takes long: crowds, jitter, by-hand, page, herd
    # 5 ms: see `bench.load.Crowd.expect`; short compared with a burst, and at most 60 KB of frames
    # per reader, which its receive buffer holds.
    pace: float = 0.005
    # A frame that comes later than this after all others counts as lost; no system here pauses for
    # half as long.
    quiet_seconds: float = 1.5


FULL = Plan()
QUICK = dataclasses.replace(
    FULL,
    repetitions=1,
    broadcast_messages=50,
    broadcast_seconds=1.5,
    burst_messages=100,
    burst_seconds=2,
    crowd_messages=3,
    hold_seconds=30,
    jitter_clients=2000,
    jitter_messages=60,
    seconds=1.5,
    long_repetitions=1,
    quiet_seconds=1.0,
)
