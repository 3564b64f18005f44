"""How often something may happen, counted in Redis: a sender's messages spread over all workers."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from conversations.json_text import BadMessage
from conversations.redis_store import key, redis


@dataclass(frozen=True)
class Limit:
    """`most` times in `seconds`, counted from the first; `flood` times is no mistake any more.

    What is counted may cost more than 1, bytes for example.
    """

    name: str
    most: int
    seconds: int
    flood: int

    def count(self, who: str, cost: int = 1) -> int:
        """One more by `who`; returns how many that makes in the current window.

        `who` may be a secret: Redis holds a hash of it.
        """
        place = key("rate", self.name, who)
        with redis().pipeline() as pipeline:
            pipeline.set(place, 0, ex=self.seconds, nx=True)
            pipeline.incrby(place, cost)
            return pipeline.execute()[1]

    def is_used_up(self, who: str) -> bool:
        """Whether `who` has reached `most` in the current window. Counts nothing."""
        return int(redis().get(key("rate", self.name, who)) or 0) >= self.most

    def wait(self, who: str) -> int:
        """The whole seconds until `who` may go on."""
        return max(1, redis().ttl(key("rate", self.name, who)))

    def too_fast(self) -> BadMessage:
        sentence = _("Too many messages: the limit is %(most)d in %(seconds)d seconds.")
        return BadMessage("too_fast", sentence % {"most": self.most, "seconds": self.seconds})


# A fast typist sends one line in 2 s; three times the limit is a script.
CHAT = Limit("chat", most=20, seconds=10, flood=60)
# Seven peers with some 20 candidates each, all at once.
SIGNALS = Limit("signals", most=400, seconds=10, flood=800)
# A ticker that pushes ten times a second.
PUSHES = Limit("pushes", most=100, seconds=10, flood=1000)
