"""Reads what workers send to this interface server from its list in Redis."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from channels_realtime import tracing
from channels_realtime.interface.reactor import reactor
from channels_realtime.interface.redis.link import Link, Lost, RawReply
from channels_realtime.interface.redis.outbox import Message
from channels_realtime.interface.websocket.framing import encode_message
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.envelope import (
    GROUP,
    JOIN,
    LEAVE,
    LOSS,
    MESSAGE,
    BadEnvelope,
    Mark,
    stamp,
)
from channels_realtime.layer.shard import seconds
from channels_realtime.metrics.counters import Metrics
from channels_realtime.tracing import CONTEXT

logger = logging.getLogger("channels_realtime.inbox")

BLOCK = 5  # s: how long Redis waits for an entry before it replies with none
BATCH = 64  # entries per round trip; more would starve the sockets' own traffic
# s after an entry until the next are fetched: under load they arrive in one round trip instead of
# one each, and a lone message never waits.
PAUSE = 0.001
REFUSED = 1  # s until the next attempt after an error reply


class Recipients(Protocol):
    """The connections of this process, which the entries are for."""

    def deliver(self, channel: str, message: Message) -> None: ...
    def broadcast(self, group: str, frames: Sequence[bytes]) -> int: ...
    def receive_marked(self, group: str, mark: Mark, frame: bytes) -> bool: ...
    def may_have_missed(self) -> None: ...
    def worker_may_have_lost(self) -> None: ...
    def deliver_to_group(self, group: str, message: Message) -> None: ...
    def join(self, group: str, channel: str) -> None: ...
    def leave(self, group: str, channel: str) -> None: ...


class Inbox:
    """The list of this process on one shard."""

    def __init__(
        self, layer: Transport, process: str, recipients: Recipients, metrics: Metrics
    ) -> None:
        self.layer = layer
        self.process = process
        self.list = layer.prefix + process
        self.lost = False  # whether a reply was lost with a connection
        self.paused = False  # entries wait in Redis: another process may take over
        self.is_reading = False  # whether it waits for a reply of Redis, or soon will
        self.recipients = recipients
        self.metrics = metrics
        self.contexts: list[tuple[str, str]] = []  # group and trace of what is to be broadcast

    def listen(self, link: Link) -> None:
        """Begin to read, on a link that was just opened."""
        self.link = link
        if self.paused:
            return
        if self.lost:
            self.recipients.may_have_missed()
            # Joins may have been lost with the last reply; Redis holds them, if it kept its keys.
            link.run(self.rejoin, self.layer.scripts.memberships(link.shard.index, self.process))
        self.wait()

    def rejoin(self, reply: dict[str, list[str]] | Exception) -> None:
        if not isinstance(reply, Exception):
            for group, names in reply.items():
                for name in names:
                    self.recipients.join(group, self.process + name)

    def pause(self) -> None:
        """Read no more; `is_reading` is false once the last reply was handled."""
        self.paused = True

    def resume(self, link: Link) -> None:
        """Read again, now where the link is open, otherwise when it opens."""
        self.paused = False
        if not self.is_reading and link.is_open:
            self.listen(link)

    def wait(self) -> None:
        if self.paused:
            self.is_reading = False
            return
        self.is_reading = True
        self.link.command(self.woken, "BLPOP", self.list, BLOCK, wait=BLOCK)

    def woken(self, reply: RawReply) -> None:
        if isinstance(reply, Lost):
            self.lose()
        elif reply is None:
            self.link.delay = 0.0
            self.wait()
        elif isinstance(reply, Exception):
            logger.error("Redis refuses a read: %s", reply)
            reactor.callLater(REFUSED, self.wait)
        else:
            self.take([reply[1]], lambda: reactor.callLater(PAUSE, self.drain))

    def drain(self) -> None:
        if self.paused:
            self.is_reading = False
            return
        self.link.command(self.drained, "LPOP", self.list, BATCH)

    def drained(self, reply: RawReply) -> None:
        if isinstance(reply, list):
            self.take(reply, self.drain if len(reply) == BATCH else self.wait)
        elif isinstance(reply, Lost):
            self.lose()
        else:
            self.wait()

    def lose(self) -> None:
        """The link has ended; it opens again and calls listen()."""
        self.lost = True
        self.is_reading = False

    def take(self, entries: Sequence[bytes], then: Callable[[], object]) -> None:
        """Handle the entries and go on with `then`.

        Redis's clock may have been set: where the entries' time stamps do not fit it as it was last
        read, it is read again before an entry is taken for an old one.
        """
        clock = self.link.shard.clock
        stamps = [stamp(entry) for entry in entries]
        first = min(stamps)
        self.link.delay = clock.now() - first
        fits = self.link.delay <= self.layer.expiry and max(stamps) <= clock.now() + 1
        if fits or clock.is_fresh():
            self.handle(entries)
            then()
            return

        def read(reply: RawReply) -> None:
            if isinstance(reply, list):
                clock.set(seconds(reply))
                self.link.delay = clock.now() - first
            self.handle(entries)
            if isinstance(reply, Lost):
                self.lose()
            else:
                then()

        self.link.command(read, "TIME")

    def handle(self, entries: Sequence[bytes]) -> None:
        """Pass the entries on in their order, runs of broadcasts to one group as one write."""
        started = time.monotonic()
        now = self.link.shard.clock.now()
        oldest = now - self.layer.expiry
        runs: dict[str, list[bytes]] = {}  # group -> frames to write together
        for entry in entries:
            try:
                kind, name, content, mark = self.layer.codec.unpack(entry)
                if name is None:
                    raise BadEnvelope("it names no channel")
            except BadEnvelope as reason:
                self.metrics.drop("unreadable")
                logger.error("Dropped an entry that cannot be read: %s", reason)
                continue
            if kind in (GROUP, MESSAGE):
                stamped = stamp(entry)
                if stamped < oldest:
                    self.layer.drop_expired(1, name)
                    continue
                self.metrics.observe("layer_to_interface", now - stamped)
                context = None
                # Also without traces here: only a text alone can be encoded once for all.
                if kind == GROUP and type(content) is dict:
                    context = content.pop(CONTEXT, None)
                frame = encode_message(content) if kind == GROUP else None
                if frame is not None:
                    if context is not None and tracing.active is not None:
                        self.contexts.append((name, context))
                    if mark is not None:
                        if mark.every:  # before a heartbeat that only some members get
                            self.broadcast(runs, started)
                        if self.recipients.receive_marked(name, mark, frame):
                            continue
                    runs.setdefault(name, []).append(frame)
                    continue
            # All other entries keep their place among the broadcasts.
            self.broadcast(runs, started)
            try:
                if kind == JOIN:
                    self.recipients.join(name, content)
                elif kind == LEAVE:
                    self.recipients.leave(name, content)
                elif kind == LOSS:
                    self.recipients.worker_may_have_lost()
                elif kind == MESSAGE:
                    self.recipients.deliver(name, content)
                else:
                    self.recipients.deliver_to_group(name, content)
            except Exception:
                self.metrics.drop("refused")
                logger.exception("A reply for %s was refused", name)
        self.broadcast(runs, started)

    def broadcast(self, runs: dict[str, list[bytes]], started: float) -> None:
        """Write what has been collected for each group since `started`, and clear it."""
        for group, frames in runs.items():
            sockets = self.recipients.broadcast(group, frames)
            if self.contexts and tracing.active is not None:
                for context in [found for name, found in self.contexts if name == group]:
                    tracing.active.delivered(context, group, sockets, started)
            taken = time.monotonic() - started
            self.metrics.observe("interface_to_sockets", taken, len(frames))
        runs.clear()
        self.contexts.clear()
