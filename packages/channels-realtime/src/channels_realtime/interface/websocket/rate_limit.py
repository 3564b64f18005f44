"""A bound on how often something may happen."""

BURST = 2  # s worth of messages that may come at once


class Allowance:
    """A token bucket: `rate` a second on average, twice that at once. Times in seconds."""

    __slots__ = ("rate", "tokens", "filled")

    def __init__(self, rate, now):
        self.rate = rate
        self.tokens = rate * BURST
        self.filled = now

    def take(self, now) -> bool:
        self.tokens = min(self.rate * BURST, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
