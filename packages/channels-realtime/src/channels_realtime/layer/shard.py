"""One Redis of the layer's ring: how to reach it, whether it answers, what time it is there."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from channels_realtime.layer.wire import PATIENT_PARSER, Wire, new_connection

logger = logging.getLogger("channels_realtime.redis")

CONNECT_WITHIN = 2.0  # s for a TCP connection and, with Sentinel, for each Sentinel's reply
ANSWER_WITHIN = 4.0  # s for a reply; a Redis that forks or syncs its disk pauses for 1 to 2 s
PATIENCE = 3.0  # s that a command waits for a Redis that has just gone: a restart takes 1 to 2 s
RETRY = (0.1, 0.2, 0.5)  # s between two attempts to connect; the last one repeats
REMIND = 30.0  # s between two log lines about the same outage

# One rule for all connections of redis-py: a deadline for each reply, no hidden second attempt.
DEADLINES = {
    "socket_timeout": ANSWER_WITHIN,
    "socket_connect_timeout": CONNECT_WITHIN,
    "retry": Retry(NoBackoff(), 0),
}

# What redis-py raises for a connection that cannot be used any more, whichever side ended it.
FAILURES = (redis.ConnectionError, redis.TimeoutError, redis.InvalidResponse, OSError)
# How error replies begin whose reason passes: a full memory, a start, a failover.
PASSING = ("OOM", "LOADING", "READONLY", "MASTERDOWN", "MISCONF", "BUSY", "NOREPLICAS")


class ShardAway(redis.ConnectionError):
    """The shard did not answer the last attempt to connect; a background thread goes on trying."""


def is_passing(error: BaseException) -> bool:
    """Whether Redis refused a command for a reason that passes, so that it may be sent again."""
    text = str(error)
    # Redis 6 puts the reason behind the name of the script that failed.
    return any(text.startswith(code) or f"-{code} " in text for code in PASSING)


@contextmanager
def garbage_refused(server: object) -> Iterator[None]:
    """Raise redis.ConnectionError where a reply has another form than Redis's.

    redis-py and its callers raise any exception at one, and another program may have taken the
    port.
    """
    try:
        yield
    except (redis.RedisError, OSError):
        raise
    except Exception as error:
        raise redis.ConnectionError(f"{server} does not answer as Redis does: {error!r}") from error


def seconds(reply: Sequence[bytes]) -> float:
    """Seconds after the epoch, of the reply to TIME."""
    whole, micro = reply
    return int(whole) + int(micro) / 1e6


def to_text(value: bytes | str) -> str:
    """Text of a reply of redis-py, which is typed as if the client might decode it."""
    return value.decode() if isinstance(value, bytes) else value


class Clock:
    """Redis's clock as an offset to this machine's monotonic clock.

    Steps of this machine's wall clock do not change it. A step of Redis's own clock does: before
    a message is discarded because of its age, the time is read again.
    """

    def __init__(self) -> None:
        self.offset = 0.0
        self.read_at = float("-inf")

    def set(self, seconds: float) -> None:
        """Redis has just replied that it is `seconds` after the epoch."""
        self.read_at = time.monotonic()
        self.offset = seconds - self.read_at

    def now(self) -> float:
        """Seconds after the epoch."""
        return time.monotonic() + self.offset

    def is_fresh(self) -> bool:
        """Whether it was read within the last second."""
        return time.monotonic() - self.read_at < 1.0


class Shard:
    """Shared by all connections of this process to one Redis.

    Args:
        index: its place in the ring.
        client: a redis-py client for single commands; its pool says how to connect. Its timeouts
            and retries are replaced by the ones above.
    """

    def __init__(self, index: int, client: redis.Redis) -> None:
        self.index = index
        self.client = client
        self.pool = client.connection_pool
        self.pool.connection_kwargs.update(DEADLINES, parser_class=PATIENT_PARSER)
        if issubclass(self.pool.connection_class, redis.Connection):  # no unix socket
            self.pool.connection_kwargs["socket_keepalive"] = True
        self.clock = Clock()
        self.away_since: float | None = None
        self.lock = threading.Lock()
        self.back = threading.Event()
        self.back.set()

    def __str__(self) -> str:
        kwargs = self.pool.connection_kwargs
        if service := getattr(self.pool, "service_name", None):
            return f"Redis service {service}"
        return "Redis at " + (kwargs.get("path") or f"{kwargs.get('host')}:{kwargs.get('port')}")

    def dial(self) -> Wire:
        """A new redis-py connection, connected; with Sentinel to the present master.

        It does not come from redis-py's pool, whose counter of connections never goes down.
        Raises one of FAILURES, or redis.AuthenticationError.
        """
        wire = new_connection(self.pool)
        with garbage_refused(self):
            wire.connect()
        return wire

    @property
    def is_away(self) -> bool:
        return self.away_since is not None

    def require(self, patience: float = PATIENCE) -> None:
        """Return if the shard answers, at the latest `patience` seconds after it went away.

        Raises ShardAway.
        """
        since = self.away_since
        if since is None:
            return
        if not self.back.wait(max(0.0, since + patience - time.monotonic())):
            raise ShardAway(f"{self} has not answered for {time.monotonic() - since:.0f} s")

    def lost(self, error: BaseException) -> None:
        """It could not be reached. Commands fail at once until a background thread reaches it."""
        if self.went_away(error):
            threading.Thread(target=self.probe, name=f"probe of {self}", daemon=True).start()

    def went_away(self, error: BaseException) -> bool:
        """Note that it could not be reached. Returns whether it was in reach until now."""
        with self.lock:
            if self.away_since is not None:
                return False
            self.away_since = time.monotonic()
            self.back.clear()
        logger.warning("%s is away, connecting again until it answers: %s", self, error)
        return True

    def came_back(self) -> None:
        """It answers."""
        with self.lock:
            if self.away_since is None:
                return
            away = time.monotonic() - self.away_since
            self.away_since = None
            self.back.set()
        logger.warning("%s is back after %.1f s", self, away)

    def probe(self) -> None:
        """Connect until it succeeds."""
        reminder = Reminder(self)
        for delay in delays():
            time.sleep(delay)
            if not self.is_away:
                return
            try:
                wire = self.dial()
                try:
                    wire.send_command("TIME")
                    with garbage_refused(self):
                        seconds(wire.read_response())
                finally:
                    wire.disconnect()
            except (redis.RedisError, OSError) as error:
                reminder.failed(error)
            else:
                self.came_back()
                return


class Reminder:
    """Logs an outage that lasts, once every REMIND seconds."""

    def __init__(self, shard: Shard, clock: Callable[[], float] = time.monotonic) -> None:
        self.shard = shard
        self.clock = clock
        self.began = self.logged = clock()

    def failed(self, error: BaseException) -> None:
        now = self.clock()
        if now - self.logged >= REMIND:
            self.logged = now
            logger.warning("%s is still away after %.0f s: %s", self.shard, now - self.began, error)


def delays() -> Iterator[float]:
    """Seconds before each attempt to connect, without end."""
    yield from RETRY
    while True:
        yield RETRY[-1]
