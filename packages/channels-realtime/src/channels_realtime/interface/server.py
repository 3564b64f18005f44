"""An interface server at work: its listeners, its links to Redis, its heartbeat and its end."""

import gc
import logging
import secrets
import time
from collections.abc import Sequence

from daphne.server import Server as DaphneServer
from twisted.internet import defer, reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import LoopingCall
from twisted.logger import STDLibLogObserver, globalLogBeginner

from channels_realtime.close_codes import GOING_DOWN
from channels_realtime.interface.factory import Factory
from channels_realtime.interface.http.requests import Request
from channels_realtime.interface.liveness import Liveness
from channels_realtime.interface.proxy import TrustedProxies
from channels_realtime.interface.redis.inbox import Inbox
from channels_realtime.interface.redis.link import Link, Lost
from channels_realtime.interface.redis.outbox import Outbox
from channels_realtime.interface.websocket.protocol import WebSocket
from channels_realtime.internals import keep_time_monotonically
from channels_realtime.layer.channel_layer import HEARTBEAT, PROCESS
from channels_realtime.layer.scripts import Difference, HeartbeatReply
from channels_realtime.memory_budget import Budget
from channels_realtime.metrics.counters import Metrics

logger = logging.getLogger("channels_realtime.interface")

CHECK = 2  # s between looks at timeouts and silent sockets
BATCH_SIZE = 1000  # members per script call; Lua's unpack() fails at about 8,000
LISTEN_WITHIN = 2  # s: clients are better told that Redis is away than kept waiting
DRAIN_STEP = 0.05  # s between two handfuls of sockets that are told to go
GRACE = 3  # s for what should take milliseconds


class Server(DaphneServer):
    """`options`: the parsed command line. Ends with `exit_code`."""

    exit_code = 0

    def __init__(self, channel_layer, endpoints, options, action_logger=None):
        keep_time_monotonically(reactor)
        self.layer = channel_layer
        self.endpoints = endpoints
        self.options = options
        # Unguessable: two processes must never share a name, on whatever hosts they are.
        self.process = f"{PROCESS}{secrets.token_hex(6)}!"
        self.metrics = Metrics("interface")
        self.budget = Budget.of(options.memory_budget)
        self.outbox = Outbox(channel_layer, self.budget, self.metrics)
        self.factory = Factory(
            reactor,
            options,
            self.budget,
            self.process,
            self.outbox,
            self.metrics,
            TrustedProxies(options.trusted_hops),
            action_logger,
        )
        self.factory.forgotten = self.forgotten
        self.factory.liveness = Liveness(channel_layer.ring)
        self.listeners = []
        self.readers: list[Link] = []  # the links of each shard that the inboxes read from
        self.suspects: dict[str, int] = {}  # group -> members that Redis held at the last look
        self.unforgotten = {}  # shard -> (name, groups) that it must still hear of
        self.listening = False
        self.beats = 0

    def run(self):
        """Serve until a signal comes. Returns the exit code."""
        observer = STDLibLogObserver("realtime.twisted")
        globalLogBeginner.beginLoggingTo(
            [lambda event: observer(event) if event.get("isError") else None],
            redirectStandardIO=False,
            discardBuffer=True,
        )
        self.layer.metrics = self.metrics
        for shard in self.layer.ring:
            inbox = Inbox(self.layer, self.process, self.factory, self.metrics)
            reading = Link(shard, inbox.listen)
            writing = Link(shard, self.writing_opened)
            self.outbox.links.append(writing)
            self.readers.append(reading)
            reactor.callWhenRunning(reading.open)
            reactor.callWhenRunning(writing.open)
        # Python's 700 suits short scripts. Here a few connections make as many objects, which stay:
        # to look at them again and again took a twentieth of a handshake.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        self.beating = LoopingCall(self.beat)
        self.beating.start(HEARTBEAT, now=False)
        self.checking = LoopingCall(self.check_time)
        self.checking.start(CHECK, now=False)
        # Whoever comes before Redis is there would be turned away; the backlog keeps them.
        reactor.callLater(LISTEN_WITHIN, self.listen)
        reactor.addSystemEventTrigger("before", "shutdown", self.drain)
        reactor.run()
        return self.exit_code

    # Listening

    def listen(self):
        if self.listening:
            return
        self.listening = True
        for description in self.endpoints:
            try:
                listening = serverFromString(reactor, description).listen(self.factory)
            except Exception as error:
                self.cannot_listen(description, error)
                return
            listening.addCallbacks(
                self.listeners.append,
                lambda failure, d=description: self.cannot_listen(d, failure.value),
            )

    def cannot_listen(self, description, error):
        """A server that does not listen is no use: say so and end, instead of staying around."""
        logger.error("Cannot listen on %s: %s", description, error)
        self.exit_code = 3
        if reactor.running:
            reactor.stop()

    def check_time(self):
        self.factory.check_time(time.monotonic())

    # Redis

    def writing_opened(self, link: Link) -> None:
        """Redis is there, or there again: renew the lease before anything else."""
        index = link.shard.index
        self.beat_on(link)
        for name, groups in self.unforgotten.pop(index, []):
            self.forget_on(index, name, groups)
        self.outbox.opened(link)
        if not self.listening and all(link.is_open for link in self.outbox.links):
            self.listen()

    def beat(self) -> None:
        """Called every HEARTBEAT seconds."""
        self.beats += 1
        now = time.monotonic()
        for writing, reading in zip(self.outbox.links, self.readers, strict=True):
            try:
                if writing.check(now):
                    reading.lose("its Redis does not answer")
                else:
                    reading.check(now)
                if writing.is_open:
                    self.beat_on(writing)
            except Exception:
                # An exception would end the LoopingCall, and with it this process's lease.
                logger.exception("A heartbeat failed")
        self.outbox.check_time()

    def beat_on(self, link: Link) -> None:
        index = link.shard.index

        scripts = self.layer.scripts

        def answered(reply: HeartbeatReply | Exception) -> None:
            if isinstance(reply, Lost):
                return
            if isinstance(reply, Exception):
                logger.error("%s refuses the heartbeat: %s", link.shard, reply)
                return
            link.shard.clock.set(reply.time)
            if reply.was_lost:
                self.register_all(link)
            for process in reply.dead:
                logger.warning("Interface server %s is dead; removing its members", process)
                link.run(ignore, scripts.remove_process(index, process))

        # In turn: the counters of this process with a look at what Redis holds of its groups, and a
        # look for dead processes, which senders pass over anyway.
        look = self.beats % 2 == 1
        about, counters = "", ""
        if not look:
            self.verify(link)
            if index == self.layer.home(self.metrics.process):
                about = self.metrics.process
                counters = self.metrics.snapshot(**self.factory.gauges())
        link.run(
            answered,
            scripts.heartbeat(
                index,
                self.process,
                look_for_dead=look,
                reporter=about,
                counters=counters,
            ),
        )

    def members_on(self, link: Link) -> dict[str, list[str]]:
        """group -> names of its members after the "!", of the groups that lie on the shard."""
        return {
            group: [member.reply_channel.partition("!")[2] for member in members]
            for group, members in self.factory.groups.members.items()
            if self.layer.consistent_hash(group) == link.shard.index
        }

    def register_all(self, link: Link) -> None:
        """Store every group membership on a shard that has lost this process."""
        for group, names in self.members_on(link).items():
            self.register(link, group, names)

    def register(self, link: Link, group: str, names: Sequence[str], replace: bool = False) -> None:
        """Store the members of a group; with `replace`, and no others."""
        for start in range(0, len(names), BATCH_SIZE):
            batch = names[start : start + BATCH_SIZE]
            link.run(
                ignore,
                self.layer.scripts.register(
                    link.shard.index, group, self.process, batch, replace and start == 0
                ),
            )

    def verify(self, link: Link) -> None:
        """Compare the groups of this process with what the shard holds, and repair them.

        Redis may lose some keys without losing the process: by eviction, by a restored snapshot
        or by a failover that lost the last writes.
        """
        groups = [
            group
            for group in self.factory.groups.members
            if self.layer.consistent_hash(group) == link.shard.index
        ]
        for start in range(0, len(groups), BATCH_SIZE):
            batch = groups[start : start + BATCH_SIZE]
            sizes = {group: len(self.factory.groups.members[group]) for group in batch}
            link.run(
                lambda reply, batch=batch: self.verified(link, batch, reply),
                self.layer.scripts.verify(link.shard.index, self.process, sizes),
            )

    def verified(
        self, link: Link, batch: Sequence[str], reply: list[Difference] | Exception
    ) -> None:
        if isinstance(reply, Exception):
            ignore(reply)
            return
        differing = {difference.group: difference for difference in reply}
        for group in batch:
            suspected = self.suspects.pop(group, None) is not None
            difference = differing.get(group)
            members = self.factory.groups.members.get(group)
            if difference is None or not members:
                continue
            names = [member.reply_channel.partition("!")[2] for member in members]
            if not difference.is_linked:
                logger.warning("Redis had lost group %s; its members are registered again", group)
                self.metrics.count("groups_repaired")
                self.register(link, group, names)
            elif suspected:
                # Not a join or leave that was on its way at the last look.
                logger.warning(
                    "Redis held %d members of group %s instead of %d; they are registered again",
                    difference.members,
                    group,
                    len(names),
                )
                self.metrics.count("groups_repaired")
                self.register(link, group, names, replace=True)
            else:
                self.suspects[group] = difference.members

    def forgotten(self, channel, groups):
        """A socket has left these groups for good."""
        name = channel.partition("!")[2]
        by_shard = {}
        for group in groups:
            by_shard.setdefault(self.layer.consistent_hash(group), []).append(group)
        for index, names in by_shard.items():
            self.forget_on(index, name, names)

    def forget_on(self, index, name, groups):
        def answered(answer):
            if isinstance(answer, Lost):
                # Redis may have kept its keys: say it again once it is back.
                self.unforgotten.setdefault(index, []).append((name, groups))
            else:
                ignore(answer)

        command = self.layer.scripts.forget(index, self.process, name, groups)
        self.outbox.links[index].run(answered, command)

    # The end

    @defer.inlineCallbacks
    def drain(self):
        """Accept nobody, send everybody away a few at a time, deliver every disconnect."""
        self.factory.liveness.is_draining = True
        for listener in self.listeners:
            yield defer.maybeDeferred(listener.stopListening)
        self.factory.admission.refuse_all()
        deadline = time.monotonic() + self.options.drain
        protocols = list(self.factory.reply_protocols.values())
        sockets = [p for p in protocols if isinstance(p, WebSocket)]
        if sockets:
            logger.info("Sending %d sockets away within %g s", len(sockets), self.options.drain)
        steps = max(1, int(self.options.drain / DRAIN_STEP))
        handful = -(-len(sockets) // steps)
        for start in range(0, len(sockets), handful or 1):
            for socket in sockets[start : start + handful]:
                if socket.reply_channel in self.factory.reply_protocols:
                    socket.close_with(GOING_DOWN)
            yield sleep(DRAIN_STEP)
        # Responses under way may end; peers that answer no close frame are cut.
        while self.factory.reply_protocols and time.monotonic() < deadline + GRACE:
            yield sleep(DRAIN_STEP)
        for protocol in list(self.factory.reply_protocols.values()):
            transport = (
                protocol.channel.transport if isinstance(protocol, Request) else protocol.transport
            )
            transport.abortConnection()
        yield sleep(0)
        while not self.outbox.is_empty() and time.monotonic() < deadline + 2 * GRACE:
            yield sleep(DRAIN_STEP)
        if left := len(self.outbox.kept) + len(self.outbox.behind):
            logger.error("%d messages could not be delivered", left)
        self.beating.stop()
        farewell = self.metrics.farewell(self.layer)
        self.outbox.links[farewell.shard].run(ignore, farewell)
        for link in self.outbox.links:
            if link.is_open:
                index = link.shard.index
                command = self.layer.scripts.remove_process(index, self.process, dead_after=0)
                link.run(ignore, command)
                link.flush()
        while any(link.awaited for link in self.outbox.links):
            if time.monotonic() > deadline + 3 * GRACE:
                break
            yield sleep(DRAIN_STEP)
        for link in self.outbox.links + self.readers:
            link.close()


def sleep(seconds):
    waited = defer.Deferred()
    reactor.callLater(seconds, waited.callback, None)
    return waited


def ignore(answer):
    if isinstance(answer, Exception) and not isinstance(answer, Lost):
        logger.error("Redis refuses a command: %s", answer)
