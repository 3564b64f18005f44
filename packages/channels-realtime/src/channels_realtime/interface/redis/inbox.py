"""What workers send to this interface server: read from its list, handed to its sockets."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import reactor

from channels_realtime.interface.redis.link import Link, Lost
from channels_realtime.interface.websocket.framing import encode_message
from channels_realtime.layer.envelope import GROUP, JOIN, LEAVE, MESSAGE, BadEnvelope, stamp
from channels_realtime.layer.shard import seconds

logger = logging.getLogger("channels_realtime.inbox")

BLOCK = 5  # s: how long Redis waits for an entry before it answers with none
BATCH = 64  # entries a round trip; more would starve the sockets' own traffic
# s after an entry until the next are fetched: under load they come in one round trip instead of
# each by itself, and a lone message never waits.
PAUSE = 0.001
REFUSED = 1  # s until Redis is asked again where it answers with an error


class Inbox:
    """One shard's list of this process.

    `sockets` takes deliver(channel, message), spread(group, frames), spread_message(group,
    message), join(group, channel), leave(group, channel).
    """

    def __init__(self, layer, process: str, sockets, metrics) -> None:
        self.layer = layer
        self.process = process
        self.list = layer.prefix + process
        self.lost = False  # whether a reply of Redis did not arrive
        self.sockets = sockets
        self.metrics = metrics

    def listen(self, link: Link) -> None:
        """Begin to wait, on a link that was just opened."""
        self.link = link
        if self.lost:
            # With the last reply, joins may have been lost; Redis holds them, if it kept its keys.
            link.run(self.rejoin, self.layer.scripts.memberships(link.shard.index, self.process))
        self.wait()

    def rejoin(self, reply: dict[str, list[str]] | Exception) -> None:
        if not isinstance(reply, Exception):
            for group, names in reply.items():
                for name in names:
                    self.sockets.join(group, self.process + name)

    def wait(self) -> None:
        self.link.command(self.woken, "BLPOP", self.list, BLOCK, wait=BLOCK)

    def woken(self, reply: Any) -> None:
        if isinstance(reply, Lost):
            self.lost = True  # the link opens again and calls listen()
        elif reply is None:
            self.wait()
        elif isinstance(reply, Exception):
            logger.error("Redis refuses to be read from: %s", reply)
            reactor.callLater(REFUSED, self.wait)
        else:
            self.take([reply[1]], lambda: reactor.callLater(PAUSE, self.drain))

    def drain(self) -> None:
        self.link.command(self.drained, "LPOP", self.list, BATCH)

    def drained(self, reply: Any) -> None:
        if isinstance(reply, list):
            self.take(reply, self.drain if len(reply) == BATCH else self.wait)
        elif isinstance(reply, Lost):
            self.lost = True
        else:
            self.wait()

    def take(self, entries: Sequence[bytes], then: Callable[[], Any]) -> None:
        """Handle the entries and go on with `then`.

        Where their stamps do not fit our idea of Redis's clock, which may have been set, the time
        is read before an entry is taken for an old one.
        """
        clock = self.link.shard.clock
        stamps = [stamp(entry) for entry in entries]
        fits = min(stamps) >= clock.now() - self.layer.expiry and max(stamps) <= clock.now() + 1
        if fits or clock.is_fresh():
            self.handle(entries)
            then()
            return

        def read(reply: Any) -> None:
            if isinstance(reply, list):
                clock.set(seconds(reply))
            self.handle(entries)
            if isinstance(reply, Lost):
                self.lost = True
            else:
                then()

        self.link.command(read, "TIME")

    def handle(self, entries: Sequence[bytes]) -> None:
        """Hand the entries over in their order, runs of broadcasts to one group as one write."""
        oldest = self.link.shard.clock.now() - self.layer.expiry
        runs: dict[str, list[bytes]] = {}  # group -> frames that wait to be written together
        for entry in entries:
            try:
                kind, name, content = self.layer.codec.unpack(entry)
            except BadEnvelope as reason:
                self.metrics.drop("unreadable")
                logger.error("Dropped an entry that cannot be read: %s", reason)
                continue
            if kind in (GROUP, MESSAGE):
                if stamp(entry) < oldest:
                    self.layer.drop_expired(1, name)
                    continue
                frame = encode_message(content) if kind == GROUP else None
                if frame is not None:
                    runs.setdefault(name, []).append(frame)
                    continue
            # Whatever is no broadcast keeps its place among them.
            self.spread(runs)
            try:
                if kind == JOIN:
                    self.sockets.join(name, content)
                elif kind == LEAVE:
                    self.sockets.leave(name, content)
                elif kind == MESSAGE:
                    self.sockets.deliver(name, content)
                else:
                    self.sockets.spread_message(name, content)
            except Exception:
                self.metrics.drop("refused")
                logger.exception("A reply for %s was refused", name)
        self.spread(runs)

    def spread(self, runs):
        for group, frames in runs.items():
            self.sockets.spread(group, frames)
        runs.clear()
