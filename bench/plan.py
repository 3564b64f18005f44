"""How much load a run makes: one plan for figures, a short one for a look."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes and durations (seconds) of every scenario; counts are per repetition."""

    repetitions: int
    readers: int
    payload_size: int  # bytes of text in one broadcast message
    in_flight: int  # handshakes under way at the same time
    broadcast_messages: int
    broadcast_seconds: float  # the closed loop ends at whichever comes first
    burst_messages: int
    burst_seconds: float  # a slower system gets only as many messages as take about this long
    crowd_readers: int
    crowd_repetitions: int
    crowd_messages: int
    by_hand_repetitions: int
    by_hand_messages: int
    by_hand_seconds: float  # as broadcast_seconds, for each consumer and number of readers
    echo_clients: int
    echo_seconds: float
    http_connections: int
    http_seconds: float
    idle_seconds: float
    herd_readers: int
    herd_repetitions: int
    page_repetitions: int
    page_seconds: float  # for the page and for the file, each uncompressed and compressed
    # 5 ms: see `bench.client.readers.Crowd.expect`; small beside a burst, and 60 KB of frames a
    # reader at the fastest, which its receive buffer holds.
    pace: float = 0.005
    # A frame that comes later than this after all others counts as lost; no system here pauses for
    # half as long.
    quiet_seconds: float = 1.5


FULL = Plan(
    repetitions=5,
    readers=1000,
    payload_size=300,
    in_flight=100,
    broadcast_messages=200,
    broadcast_seconds=3,
    burst_messages=300,
    burst_seconds=5,
    crowd_readers=10_000,
    crowd_repetitions=3,
    crowd_messages=10,
    by_hand_repetitions=3,
    by_hand_messages=100,
    by_hand_seconds=2,
    echo_clients=100,
    echo_seconds=3,
    http_connections=16,
    http_seconds=3,
    idle_seconds=4,
    herd_readers=5000,
    herd_repetitions=3,
    page_repetitions=3,
    page_seconds=4,
)

QUICK = Plan(
    repetitions=1,
    readers=1000,
    payload_size=300,
    in_flight=100,
    broadcast_messages=50,
    broadcast_seconds=1.5,
    burst_messages=100,
    burst_seconds=2,
    crowd_readers=10_000,
    crowd_repetitions=1,
    crowd_messages=3,
    by_hand_repetitions=1,
    by_hand_messages=20,
    by_hand_seconds=0.5,
    echo_clients=100,
    echo_seconds=1.5,
    http_connections=16,
    http_seconds=1.5,
    idle_seconds=2,
    herd_readers=5000,
    herd_repetitions=1,
    page_repetitions=1,
    page_seconds=2,
    quiet_seconds=1.0,
)
