"""A bound on how often something may happen."""

from channels_realtime.interface.takeover.state import BucketState

BURST = 2  # s worth of messages that may arrive at once


class TokenBucket:
    """Allows `rate` events per second on average, twice that at once.

    Args:
        now: seconds on the monotonic clock, as in take().
    """

    __slots__ = ("filled", "rate", "tokens")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.tokens = rate * BURST
        self.filled = now

    def take(self, now: float) -> bool:
        """Whether one more event is allowed at `now`."""
        self.tokens = min(self.rate * BURST, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def export(self) -> BucketState:
        """Its state, for another process."""
        return {"rate": self.rate, "tokens": self.tokens, "filled": self.filled}

    @classmethod
    def restore(cls, state: BucketState, rate: float) -> "TokenBucket":
        """A bucket as full as it was; `rate` may have changed."""
        bucket = cls(rate, state["filled"])
        bucket.tokens = min(bucket.tokens, state["tokens"])
        return bucket

    def charge(self, number: int) -> None:
        """An event was worth so many more, which are allowed now and missing later."""
        self.tokens -= number
