"""The process of an interface server: it starts, listens, checks its time limits and drains."""

import gc
import logging
import os
import secrets
import time
from collections.abc import Callable, Collection, Generator
from typing import Any

from twisted.internet import defer, tcp
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import LoopingCall
from twisted.logger import LogEvent, STDLibLogObserver, globalLogBeginner
from twisted.python.failure import Failure

from channels_realtime.close_codes import GOING_DOWN
from channels_realtime.interface.connections import REFUSE_AFTER, ActionLogger, Connections
from channels_realtime.interface.groups import Groups
from channels_realtime.interface.liveness import Liveness
from channels_realtime.interface.new_connection import Factory
from channels_realtime.interface.options import BACKLOG, Options
from channels_realtime.interface.reactor import reactor
from channels_realtime.interface.redis.inbox import Inbox
from channels_realtime.interface.redis.link import Link
from channels_realtime.interface.redis.outbox import Outbox
from channels_realtime.interface.redis.registration import Registration
from channels_realtime.interface.takeover.giving import Giver
from channels_realtime.interface.takeover.internals import adopt_port, let_go
from channels_realtime.interface.takeover.restoring import restore_connection, restore_shared
from channels_realtime.interface.takeover.state import SharedState
from channels_realtime.interface.takeover.taking import Collected, Taker
from channels_realtime.internals import (
    keep_time_monotonically,
    limit_unacknowledged,
    poll_without_log_context,
)
from channels_realtime.layer.channel_layer import HEARTBEAT, PROCESS, Transport
from channels_realtime.memory_budget import Budget
from channels_realtime.metrics.counters import Metrics

logger = logging.getLogger("channels_realtime.interface")

CHECK = 1  # s between checks of time limits and silent sockets
LISTEN_WITHIN = 2  # s: clients should rather be told that Redis is away than kept waiting
LISTEN_AGAIN = 10.0  # s in which an endpoint that is not handed over must become free
LAG_CHECK = 0.25  # s between two looks at how late the event loop runs its timers
DRAIN_STEP = 0.05  # s between two batches of sockets that are closed
LONG_WAIT = 10.0  # s that a client waits while Redis is slow, or one of several is full
UNSTEADY = 15.0  # s after the loss of a connection; one that is slow is lost again and again
GRACE = 3  # s for what should take milliseconds
CANNOT_START = 3  # the exit code that supervisors do not restart


class Server:
    """One process with its connections to Redis and to clients."""

    exit_code = 0

    def __init__(
        self, layer: Transport, options: Options, action_logger: ActionLogger | None = None
    ) -> None:
        keep_time_monotonically(reactor)
        poll_without_log_context(reactor)
        self.layer = layer
        self.options = options
        path = options.takeover
        self.taker = Taker.find(path, layer) if path else None
        self.giver = Giver(self, path) if path else None
        # Unguessable: two processes must never share a name, whatever hosts they run on.
        process = self.taker.process if self.taker else f"{PROCESS}{secrets.token_hex(6)}!"
        self.process = process
        metrics = Metrics("interface")
        layer.metrics = metrics
        budget = Budget.of(options.memory_budget)
        self.writing = [Link(shard, self.writing_opened) for shard in layer.ring]
        self.outbox = Outbox(layer, self.writing, budget, metrics)
        groups: Groups[Any] = Groups()
        self.registration = Registration(layer, process, groups, self.writing, metrics)
        self.liveness = Liveness(layer.ring)
        self.connections = Connections(
            options,
            budget,
            process,
            self.outbox,
            groups,
            self.registration,
            self.liveness,
            metrics,
            action_logger,
        )
        self.inboxes = [Inbox(layer, process, self.connections, metrics) for _ in layer.ring]
        self.reading = [
            Link(shard, inbox.listen) for shard, inbox in zip(layer.ring, self.inboxes, strict=True)
        ]
        self.beating = LoopingCall(self.beat)
        self.checking = LoopingCall(self.check_time)
        # Twisted declares ports by a zope interface, whose methods have no `self`.
        self.listeners: dict[str, Any] = {}  # by Twisted's description
        self.listening = False
        self.is_quiet = False  # while another process takes over, nothing is begun
        self.is_handed_over = False
        self.refused: dict[Link, float] = {}  # the loss of each link for which clients were refused

    def run(self) -> int:
        """Serve until a signal arrives. Returns the exit code."""
        log_twisted_errors()
        for link in (*self.reading, *self.writing):
            reactor.callWhenRunning(link.open)
        # Python's default of 700 suits short scripts. A few connections create that many objects,
        # which stay alive; scanning them repeatedly took 5 % of the CPU time per handshake.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        if self.taker is None:
            self.begin()
            # Clients that connect before Redis is there would be refused; the backlog keeps them.
            reactor.callLater(LISTEN_WITHIN, self.listen)
        else:
            for inbox in self.inboxes:
                inbox.pause()
            reactor.callWhenRunning(self.taker.start, self)
        reactor.addSystemEventTrigger("before", "shutdown", self.drain)
        reactor.run()
        return self.exit_code

    def begin(self) -> None:
        """Be the process of this name: renew its lease, and watch the connections."""
        self.beating.start(HEARTBEAT, now=False)
        reactor.callLater(0, self.check_lag)
        self.checking.start(CHECK, now=False)

    # Listening

    def listen(self) -> None:
        if self.listening:
            return
        self.listening = True
        factory = Factory(self.connections)
        for description in self.options.endpoints:
            if description not in self.listeners:  # else it was taken over
                self.listen_on(description, factory, time.monotonic() + LISTEN_AGAIN)
        if self.giver is not None:
            try:
                self.giver.listen()
            except OSError as error:
                self.cannot_listen(self.giver.path, error)

    def listen_on(self, description: str, factory: Factory, deadline: float) -> None:
        """Listen on one endpoint; after a takeover try until `deadline` on the monotonic clock."""

        def listens(port: object) -> None:
            self.listens(description, port)

        def failed(failure: Failure) -> None:
            if self.taker is None:
                self.cannot_listen(description, failure.value)
            elif time.monotonic() < deadline:
                # One with TLS is not handed over: the other process is about to close its own.
                reactor.callLater(DRAIN_STEP, self.listen_on, description, factory, deadline)
            else:
                logger.error("Cannot listen on %s: %s", description, failure.value)

        try:
            listening = serverFromString(reactor, description).listen(factory)
        except Exception as error:
            self.cannot_listen(description, error)
            return
        listening.addCallbacks(listens, failed)

    def listens(self, description: str, port: object) -> None:
        """A port is open. `port`: of Twisted."""
        # A dead peer to which something was sent need not be pinged to be found.
        limit_unacknowledged(port, self.options.ping_timeout)
        self.listeners[description] = port

    def cannot_listen(self, description: str, error: BaseException | None) -> None:
        """End: a server that does not listen is of no use."""
        logger.error("Cannot listen on %s: %s", description, error)
        self.exit_code = CANNOT_START
        if reactor.running:
            reactor.stop()

    def check_lag(self) -> None:
        """Observe how late the timers run, again and again."""
        due = time.monotonic() + LAG_CHECK

        def observe() -> None:
            self.connections.metrics.observe("event_loop_lag", time.monotonic() - due)
            self.check_lag()

        reactor.callLater(LAG_CHECK, observe)

    def check_time(self) -> None:
        """Called every CHECK seconds."""
        if self.is_quiet:
            return
        self.connections.check_time(time.monotonic())

    # Redis

    def writing_opened(self, link: Link) -> None:
        """Redis is there, or there again."""
        if not self.beating.running:
            return  # another process of this name serves, or this one ends
        self.registration.opened(link, self.connections.gauges)
        self.outbox.opened()
        if not self.listening and all(link.is_open for link in self.writing):
            self.listen()

    def beat(self) -> None:
        """Called every HEARTBEAT seconds."""
        if self.is_quiet:
            return
        self.registration.beat()
        now = time.monotonic()
        for writing, reading in zip(self.writing, self.reading, strict=True):
            try:
                if writing.check(now):
                    reading.lose("its Redis does not answer")
                else:
                    reading.check(now)
                if writing.is_open:
                    self.registration.renew(writing, self.connections.gauges)
            except Exception:
                # An exception would end the LoopingCall, and with it this process's lease.
                logger.exception("A heartbeat failed")
        try:
            self.outbox.check_time()
            self.refuse_waiting(now)
        except Exception:
            logger.exception("Clients that wait for Redis could not be refused")

    def refuse_waiting(self, now: float) -> None:
        """Refuse clients whose answer a lost connection took, or a full Redis does not take.

        While Redis answers slowly or its connections are lost, or one of several is full, those
        that have waited for LONG_WAIT are refused.
        """
        for link in self.writing + self.reading:
            since = link.refused_since or link.lost_at
            if since is None or now - since < REFUSE_AFTER or self.refused.get(link) == since:
                continue
            self.refused[link] = since
            self.connections.refuse_waiting(since)
        if any(is_unsteady(link, now) for link in self.writing + self.reading):
            self.connections.refuse_waiting(now - LONG_WAIT)

    # Between two processes: see channels_realtime.interface.takeover

    def restore(self, collected: Collected) -> None:
        """Build everything that another process has sent. Nothing is read or sent here."""
        factory = Factory(self.connections)
        for description in self.options.endpoints:
            serverFromString(reactor, description)  # raises ValueError while nothing is lost yet
        gc.disable()
        try:
            for state, descriptor in collected.connections:
                restore_connection(self.connections, descriptor, state)
            restore_shared(self.connections, collected.shared)
        finally:
            gc.enable()
        for description, (family, descriptor) in collected.listeners.items():
            if description in self.options.endpoints:
                self.listens(description, adopt_port(descriptor, family, factory, BACKLOG))
            os.close(descriptor)  # the port has a copy

    def serve(self, shared: SharedState) -> None:
        """Go on in place of the other process, which has sent this."""
        self.begin()
        self.registration.restore(shared["departures"], shared["metrics"]["process"])
        for inbox, link in zip(self.inboxes, self.reading, strict=True):
            inbox.resume(link)
        self.beat()
        self.connections.bodies.send_next()
        self.connections.admission.admit_waiting()
        self.listen()

    def end_without_registration(self, moved: Collection[tcp.Server]) -> None:
        """Another process has these connections and the name: close the others, and end."""
        self.is_handed_over = True
        self.beating.stop()
        for description, port in list(self.listeners.items()):
            if isinstance(port, tcp.Port) and isinstance(port.factory, Factory):
                let_go(port)
                del self.listeners[description]
        for link in self.reading:
            link.close()
        self.connections.forget_moved(set(moved))
        self.outbox.disconnects.clear()
        self.registration.unforgotten.clear()
        self.is_quiet = False
        reactor.stop()

    # The end

    @defer.inlineCallbacks
    def drain(self) -> Generator[defer.Deferred[Any], Any, None]:
        """Accept nobody, close all sockets a few at a time, deliver every disconnect."""
        self.liveness.is_draining = True
        if self.giver is not None:
            self.giver.close()
        if not self.beating.running and not self.is_handed_over:
            for link in self.writing + self.reading:
                link.close()
            return  # it was about to take over, and never served
        for listener in self.listeners.values():
            yield defer.maybeDeferred(listener.stopListening)
        self.connections.admission.refuse_all()
        self.connections.coalescing.release_all()
        deadline = time.monotonic() + self.options.drain
        yield from self.close_sockets()
        # Responses under way may end; peers that answer no close frame are cut.
        yield from wait_while(lambda: self.connections.is_any_open(), deadline + GRACE)
        self.connections.cut_all()
        yield sleep(0)
        yield from wait_while(lambda: not self.outbox.is_empty(), deadline + 2 * GRACE)
        if self.outbox.undelivered:
            logger.error("%d messages could not be delivered", self.outbox.undelivered)
        if not self.is_handed_over:
            self.beating.stop()
            self.registration.end()
        yield from wait_while(
            lambda: any(link.awaited for link in self.writing), deadline + 3 * GRACE
        )
        for link in self.writing + self.reading:
            link.close()

    def close_sockets(self) -> Generator[defer.Deferred[None], Any, None]:
        """Close all sockets with GOING_DOWN within the time that --drain allows."""
        sockets = self.connections.sockets()
        if sockets:
            logger.info("Closing %d sockets within %g s", len(sockets), self.options.drain)
        steps = max(1, int(self.options.drain / DRAIN_STEP))
        batch = max(1, -(-len(sockets) // steps))
        for start in range(0, len(sockets), batch):
            for socket in sockets[start : start + batch]:
                if self.connections.has(socket.reply_channel):
                    socket.close_with(GOING_DOWN)
            yield sleep(DRAIN_STEP)


def sleep(seconds: float) -> defer.Deferred[None]:
    waited: defer.Deferred[None] = defer.Deferred()
    reactor.callLater(seconds, waited.callback, None)
    return waited


def is_unsteady(link: Link, now: float) -> bool:
    """Whether Redis is slow or full, or a connection of the link has ended a moment ago."""
    if link.lost_at is not None and now - link.lost_at < UNSTEADY:
        return True
    return link.is_open and link.is_ill


def wait_while(
    condition: Callable[[], bool], deadline: float
) -> Generator[defer.Deferred[None], Any, None]:
    """Wait while the condition holds, at most until `deadline` on the monotonic clock."""
    while condition() and time.monotonic() < deadline:
        yield sleep(DRAIN_STEP)


def log_twisted_errors() -> None:
    """Log Twisted's errors, and nothing else of it."""
    observer = STDLibLogObserver("realtime.twisted")

    def log_error(event: LogEvent) -> None:
        if event.get("isError"):
            observer(event)

    # Twisted declares observers by a zope interface, which a function cannot implement.
    observers: list[Any] = [log_error]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False, discardBuffer=True)
