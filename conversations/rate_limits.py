"""Rate limits, counted in Redis: one sender's messages are spread over all workers."""

import logging
from dataclasses import dataclass

from channels_realtime.close_codes import FLOOD
from django.utils.translation import gettext as _
from redis import RedisError

from conversations.redis_store import key, redis
from conversations.refusals import Refusal

logger = logging.getLogger(__name__)

LONGEST_EXAMPLE = 4096  # bytes of one message


@dataclass(frozen=True)
class Limit:
    """`most` events within `seconds`, in windows that begin with an event.

    More than `flood` events are no mistake, and close the socket. An event may cost more than 1,
    for example its bytes.
    """

    name: str
    most: int
    seconds: int
    flood: int

    def count(self, who: str, cost: int = 1) -> int:
        """Add an event of `who`; returns the sum of the current window.

        `who` may be a secret: Redis stores a hash of it.
        """
        place = key("rate", self.name, who)
        with redis().pipeline() as pipeline:
            pipeline.set(place, 0, ex=self.seconds, nx=True)
            pipeline.incrby(place, cost)
            return int(pipeline.execute()[1])

    def is_exceeded(self, who: str) -> bool:
        """Add an event of `who`; whether there are more than `most` now.

        Without Redis nothing is counted and nobody is refused: what needs no Redis works on.
        """
        try:
            return self.count(who) > self.most
        except RedisError:
            logger.warning("Not counted for the limit %s: Redis is unavailable", self.name)
            return False

    def check(self, who: str) -> None:
        """Add an event of `who`. Raises Refusal beyond `most`; beyond `flood` it closes."""
        count = self.count(who)
        if count > self.most:
            raise self.too_fast(close_code=FLOOD if count > self.flood else None)

    def check_shared(self, who: str | None) -> None:
        """As check(), for what many share, such as an address: it closes no socket. None: any."""
        if who is not None and self.count(who) > self.most:
            raise self.too_fast()

    def is_used_up(self, who: str) -> bool:
        """Whether `who` has reached `most` in the current window. Adds nothing."""
        return int(redis().get(key("rate", self.name, who)) or 0) >= self.most

    def wait(self, who: str) -> int:
        """Whole seconds until the window of `who` ends; without Redis, a whole window."""
        try:
            return max(1, int(redis().ttl(key("rate", self.name, who))))
        except RedisError:
            return self.seconds

    def too_fast(self, close_code: int | None = None) -> Refusal:
        sentence = _("Too many messages: the limit is %(most)d in %(seconds)d seconds.")
        sentence %= {"most": self.most, "seconds": self.seconds}
        return Refusal("too_fast", sentence, status=429, close_code=close_code)


# A fast typist sends one line in 2 s; three times the limit is a script.
CHAT = Limit("chat", most=20, seconds=10, flood=60)
# All guests of one address, who get a new name when they return without their cookie: forty people
# of an office, each with a line in 2 s. Users who are logged in are not counted.
GUESTS = Limit("chat-guests", most=200, seconds=10, flood=0)
# Seven peers with some 20 candidates each, all at once.
SIGNALS = Limit("signals", most=400, seconds=10, flood=800)
# All members with one address: two dozen people of an office enter at once.
SIGNALS_OF_ADDRESS = Limit("signals-address", most=4000, seconds=10, flood=0)
# A ticker that pushes ten times a second.
PUSHES = Limit("pushes", most=100, seconds=10, flood=1000)
# Bytes that one of the examples passes on, from all its clients together: it relays to strangers
# what strangers send, and with a limit per client more clients would relay more.
EXAMPLES = Limit("examples", most=64 << 10, seconds=1, flood=0)


def check_example(name: str, text: str | None) -> None:
    """Count a message to the example conversation of that name. Raises Refusal."""
    size = len((text or "").encode())
    if size > LONGEST_EXAMPLE:
        sentence = _("Too long: the limit of this example is %(most)d bytes.")
        raise Refusal("too_long", sentence % {"most": LONGEST_EXAMPLE}, status=413)
    if EXAMPLES.count(name, size) > EXAMPLES.most:
        sentence = _("Too many messages: this example passes on %(most)d bytes per second.")
        raise Refusal("too_fast", sentence % {"most": EXAMPLES.most}, status=429)
