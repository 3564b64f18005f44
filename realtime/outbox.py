"""What an interface server sends to workers, pipelined and without waiting."""

from collections import deque

from twisted.internet import reactor

from realtime.link import Lost

MOST_KEPT = 100_000  # disconnects, some 300 bytes each
RETRY_FULL = 0.2  # s between tries where the workers are behind
AT_ONCE = 200  # of those a try


class Outbox:
    """`links`: the open connection of each shard, set by the server."""

    def __init__(self, layer, metrics):
        self.layer = layer
        self.metrics = metrics
        self.links = []
        self.kept = deque()  # disconnects that wait for Redis or for room
        self.retrying = None

    def send(self, channel, message, refused=None, keep=False):
        """Send to a channel. `refused()` is called where it is full or Redis away.

        With `keep` the message waits until it can be sent: a disconnect must not get lost.
        """

        def answered(answer):
            if answer == 1:
                return
            if keep:
                self.keep(channel, message)
                return
            self.metrics.drop("redis_lost" if isinstance(answer, Exception) else "channel_full")
            if refused is not None:
                refused()

        link = self.links[self.layer.shard_of(channel)]
        if link.is_open:
            link.script(answered, *self.layer.send_script(channel, message))
        else:
            answered(Lost())

    def keep(self, channel, message):
        if len(self.kept) >= MOST_KEPT:
            self.metrics.drop("disconnect_lost")
            return
        self.kept.append((channel, message))
        if self.retrying is None:
            self.retrying = reactor.callLater(RETRY_FULL, self.retry)

    def retry(self):
        self.retrying = None
        for _ in range(min(len(self.kept), AT_ONCE)):
            self.send(*self.kept.popleft(), keep=True)
        if self.kept and self.retrying is None:
            self.retrying = reactor.callLater(RETRY_FULL, self.retry)

    def opened(self, link):
        """Redis is back: what was kept goes first."""
        if self.retrying is not None:
            self.retrying.cancel()
            self.retry()

    def is_empty(self):
        """Whether everything was sent and answered."""
        return not self.kept and not any(link.waiting for link in self.links)
