"""The worker that `runworker` runs: it takes messages, runs their consumers, and sends the results.

It goes on when Redis comes back, loses no message when it stops, and counts and logs each message
that it could not deliver.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NamedTuple

import redis
from channels.asgi import ChannelLayerWrapper
from channels.exceptions import ChannelSocketException, ConsumeLater, DenyConnection
from channels.message import Message
from channels.signals import consumer_finished, consumer_started
from channels.utils import name_that_thing
from channels.worker import Worker as ChannelsWorker
from django.db import connections

from channels_realtime import sessions, tracing
from channels_realtime.close_codes import TRY_AGAIN_LATER
from channels_realtime.layer.acknowledgements import Claims, Receipt
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.commands import Command
from channels_realtime.layer.envelope import Content
from channels_realtime.layer.receiving import Delivery
from channels_realtime.metrics.counters import Metrics
from channels_realtime.sharing import unshared
from channels_realtime.worker import conversation, handoff, ordering
from channels_realtime.worker.activity import Activity, Slot, unwatched
from channels_realtime.worker.recycling import Limits, Recycling
from channels_realtime.worker.relief import Relief
from channels_realtime.worker.sending import (
    DELIVER_WITHIN,
    RETRY,
    Outgoing,
    refused,
    run,
    send_groups,
    take_pending,
)
from channels_realtime.worker.timeouts import UNLIMITED, ConsumerTimeouts
from channels_realtime.worker.vitals import Vitals
from channels_realtime.worker.watchdog import Watchdog

logger = logging.getLogger("django.channels")

BACK_OFF = (0.1, 0.2, 0.5)  # s between tries where Redis is away; the last one repeats
MOST_HELD = 1000  # commands that wait for a shard that is away
UNAVAILABLE = {
    "status": 503,
    "headers": [(b"Content-Type", b"text/plain; charset=utf-8"), (b"Retry-After", b"5")],
    "content": b"Busy; please try again in a moment.\n",
}
CONVERSATION = ("websocket.connect", "websocket.receive")  # clients wait for a reply to these
NUDGE = 0.2  # s between two attempts to interrupt a worker's wait


class RoutingMessage(Message):
    """A message for the router, with a cheap copy().

    The router copies the message for every include(), to remove the prefix of the path. The deep
    copy of channels costs more than the rest of the way to the consumer.
    """

    def __init__(self, message: Message, content: Content) -> None:
        self.content = content
        self.channel = message.channel
        self.channel_layer = message.channel_layer
        self.reply_channel = message.reply_channel

    def copy(self) -> "RoutingMessage":
        return RoutingMessage(self, dict(self.content))


class Held(NamedTuple):
    """A command that waits for its shard, `until` a time of the monotonic clock."""

    command: Outgoing
    until: float


class Worker(ChannelsWorker):
    """The loop of one thread that handles messages.

    Args:
        channel_layer: and all others that are not named here: as those of channels' Worker.
        metrics: the counters of the process; by default new ones.
        recycling: counts the messages of the process; by default by `limits`.
        timeouts: how long consumers may take.
        limits: when the process ends, to be replaced.
    """

    def __init__(
        self,
        channel_layer: ChannelLayerWrapper,
        *args: Any,
        metrics: Metrics | None = None,
        recycling: Recycling | None = None,
        timeouts: ConsumerTimeouts = UNLIMITED,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
        **kwargs: Any,
    ) -> None:
        consumers_layer = conversation.consumer_layer(channel_layer)
        super().__init__(consumers_layer, *args, **kwargs)
        self.layer: Transport = consumers_layer.channel_layer
        self.stopping = threading.Event()
        self.finished = False
        self.in_hand: Receipt | None = None  # of the message whose consumer runs
        self.held: list[Held] = []
        self.metrics = metrics or Metrics("worker")
        self.recycling = recycling or Recycling(limits, self.stop)
        self.timeouts = timeouts
        self.slot = unwatched()
        self.spare_slots: list[Slot] = []
        self.spare_loops: list[Worker] = []
        self.spares = handoff.SpareThreads(self.run_spare, self.disconnect)
        self.is_waiting = False  # the consumer that runs has handed off
        self.layer.metrics = self.metrics

    # Stopping

    def install_signal_handler(self) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self.sigterm_handler)

    def sigterm_handler(self, signo: int, stack_frame: FrameType | None) -> None:
        """Finish the current message and end. An exception here would lose the message."""
        self.stop()

    def stop(self) -> None:
        """Finish the current message and end. Any thread and signal handler may call this."""
        if not self.stopping.is_set():
            self.termed = True
            self.stopping.set()
            threading.Thread(target=self.nudge, daemon=True).start()

    def nudge(self) -> None:
        """Interrupt the wait for a message. A message that arrives meanwhile is still handled."""
        while not self.done():
            try:
                self.layer.interrupt()
            except (redis.RedisError, OSError) as error:
                logger.warning("Cannot end the wait for a message early: %s", error)
            time.sleep(NUDGE)

    def done(self) -> bool:
        """Whether all loops of the worker have ended."""
        return self.finished

    # Work

    def run(self) -> None:
        """Handle messages until stop() is called, or a signal comes."""
        if self.signal_handlers:
            self.install_signal_handler()
        channels = sorted(self.apply_channel_filters(self.channel_layer.router.channels))
        with self.claims(self.loops()), self.watched(channels):
            logger.info("Listening on channels %s", ", ".join(channels))
            self.work(channels)

    @contextmanager
    def claims(self, workers: Sequence["Worker"]) -> Iterator[None]:
        """While the context lasts, a thread claims the acknowledged messages being handled."""
        acknowledgements = self.layer.acknowledgements
        if not acknowledgements.patterns:
            yield
            return
        claims = Claims(
            acknowledgements,
            lambda: [
                receipt
                for worker in workers
                for loop in (worker, *worker.spare_loops)
                if (receipt := loop.in_hand)
            ],
            self.channel_layer.router.channels,
        )
        claims.start()
        try:
            yield
        finally:
            claims.end()

    @contextmanager
    def watched(self, channels: list[str]) -> Iterator[None]:
        """While the context lasts, a watchdog kills this process if a consumer takes too long."""
        loops = self.loops()
        kept = list(filter(self.layer.acknowledgements.include, channels))
        each = 1 + handoff.MOST_WAITING
        activity = Activity(channels, each * len(loops), self.timeouts, kept)
        for number, worker in enumerate(loops):
            worker.slot, *worker.spare_slots = activity.slots[number * each :][:each]
        self.metrics.at_hand = activity.at_hand
        alias: str = self.channel_layer.alias
        vitals = Vitals(self.layer, self.metrics, self.recycling)
        with Watchdog(activity, alias), vitals, Relief(self.layer, activity.at_hand):
            yield
        activity.close()

    def loops(self) -> "list[Worker]":
        """The loops that run() starts: this one, or one for each thread of a group."""
        return [self]

    def work(self, channels: list[str]) -> None:
        """One thread's part of run()."""
        self.slot.claim()
        try:
            self.serve(channels)
        finally:
            self.spares.join()
            self.finished = True

    def serve(self, channels: list[str]) -> None:
        """Handle messages while this thread is needed, and then those that it has received."""
        with handoff.serving(self):
            self.handle_messages(channels)
            for delivery in self.layer.receiver.leftover():
                self.deliver(self.handle(delivery))

    def is_needed(self) -> bool:
        """Whether this loop goes on after the current message."""
        return not self.stopping.is_set()

    def hand_off(self) -> bool:
        """The consumer that runs is about to wait; see channels_realtime.worker.handoff."""
        self.is_waiting = self.is_waiting or self.spares.begin_wait()
        return self.is_waiting

    def run_spare(self) -> None:
        """Handle messages in a spare thread, until there is one thread too many."""
        spare = Spare(self)
        spare.slot = self.spare_slots.pop()
        spare.slot.claim()
        self.spare_loops.append(spare)
        try:
            spare.serve(sorted(spare.apply_channel_filters(self.channel_layer.router.channels)))
        finally:
            self.spare_loops.remove(spare)
            self.spare_slots.append(spare.slot)

    def disconnect(self) -> None:
        """Close the connections of the calling thread; they are opened again when needed."""
        connections.close_all()
        self.layer.disconnect()

    def handle_messages(self, channels: Iterable[str]) -> None:
        """The loop: send what the last consumer has left to be sent, wait, handle a message."""
        channels = tuple(channels)
        layer = self.layer
        failures = 0
        unsent: list[Outgoing] = []  # sent in the same round trip as the next wait
        while self.is_needed():
            try:
                if self.held or layer.has_shard_away():
                    self.hold(unsent)
                    unsent = self.take_sendable()
                if unsent:
                    full = refused(unsent, layer.receiver.send_and_wait(unsent, channels))
                    unsent = []
                    if full:
                        self.deliver(full)
                delivery = layer.take(channels, block=True)
            except (redis.RedisError, OSError) as error:
                if failures == 0:
                    logger.error("Redis cannot be read from, trying again: %s", error)
                self.hold(unsent)
                unsent = []
                self.stopping.wait(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
                failures += 1
                continue
            if failures:
                logger.info("Redis is back")
                failures = 0
            if delivery is not None:
                unsent = self.handle(delivery)
            if self.metrics.is_due():
                unsent.append(self.metrics.publication(layer))
            if ordering.gaps:
                with suppress(redis.RedisError, OSError):  # take() logs it next
                    ordering.give_up_overdue()
        self.deliver([held.command for held in self.held] + unsent)

    def hold(self, commands: Sequence[Outgoing]) -> None:
        """Keep commands until their shard answers again, at most MOST_HELD of them."""
        until = time.monotonic() + self.layer.expiry
        self.held += [Held(command, until) for command in commands]
        if (surplus := len(self.held) - MOST_HELD) > 0:
            del self.held[:surplus]
            self.lose(surplus, "too many waited for Redis")

    def take_sendable(self) -> list[Outgoing]:
        """The held commands whose shard answers. Those that have waited too long are dropped."""
        now, ring = time.monotonic(), self.layer.ring
        ready = [h.command for h in self.held if not ring[h.command.shard].is_away]
        waiting = [h for h in self.held if ring[h.command.shard].is_away]
        self.held = [h for h in waiting if h.until > now]
        if late := len(waiting) - len(self.held):
            self.lose(late, "Redis was away for too long")
        return ready

    def lose(self, number: int, reason: str) -> None:
        """Count and log messages of consumers that were not sent."""
        self.metrics.drop("redis_lost", number)
        logger.error("%d messages of consumers were lost: %s", number, reason)

    def deliver(self, batch: Sequence[Outgoing]) -> None:
        """Run the commands, trying again for some time; count and log those that fail."""
        began = time.monotonic()
        while batch:
            try:
                self.report(run(self.layer, batch))
                return
            except (redis.RedisError, OSError) as error:
                # A thread that is one too many has time, a process that ends has little.
                patience = DELIVER_WITHIN if self.stopping.is_set() else self.layer.expiry
                if time.monotonic() > began + patience:
                    self.lose(len(batch), str(error))
                    return
            time.sleep(RETRY)

    def report(self, undelivered: Iterable[str]) -> None:
        """Count and log messages whose channels stayed full."""
        for name in undelivered:
            self.metrics.drop("channel_full")
            logger.error("A message for %s was dropped: the channel stayed full.", name)

    def handle(self, delivery: Delivery) -> list[Outgoing]:
        """Run the consumer of a message. Returns the commands left to be sent. Never raises."""
        if tracing.active is None:
            return self.handle_message(delivery)
        with tracing.active.consumer(delivery.channel, delivery.content):
            return self.handle_message(delivery)

    def handle_message(self, delivery: Delivery) -> list[Outgoing]:
        """As handle(), without a span for the trace."""
        channel, content, receipt = delivery
        message = Message(content=content, channel_name=channel, channel_layer=self.channel_layer)
        if content.get("__retries__", 0) == self.message_retries:
            message.__doomed__ = True
        failure: BaseException | None = None
        unsent: list[Outgoing] = []
        started = time.monotonic()
        self.slot.begin(channel, started)
        try:
            self.in_hand = receipt
            consumer_started.send(sender=self.__class__, environ={})
            conversation.begin(message)
            failure = self.consume(message)
            unsent = self.flush()
        except BaseException as error:
            failure = error
            self.metrics.count("consumer_errors")
            logger.exception("What a consumer sent could not be delivered")
        finally:
            conversation.end()
            self.finish()
            if self.is_waiting:
                self.is_waiting = False
                self.spares.end_wait()
            now = time.monotonic()
            self.slot.end()
            self.metrics.time(channel, now - started)
            self.recycling.count(now)
        if failure is not None and tracing.active is not None:
            tracing.active.fail(failure)
        if receipt is not None:
            self.in_hand = None
            unsent.append(self.acknowledge(receipt, failure))
        return unsent

    def acknowledge(self, receipt: Receipt, failure: BaseException | None) -> Command[None]:
        """The command that removes a message whose consumer has run."""
        if failure is None:
            return self.layer.acknowledgements.finish(receipt)
        self.metrics.drop("dead_letter")
        logger.error("A message on %s is a dead letter: its consumer failed", receipt.channel)
        return self.layer.acknowledgements.give_up(receipt, repr(failure))

    def consume(self, message: Message) -> BaseException | None:
        """Find the consumer and run it; an exception in it is logged, counted and returned."""
        consumer = None
        try:
            routed = RoutingMessage(message, message.content)
            match = self.channel_layer.router.match(routed)
            if match is None:
                self.metrics.drop("no_consumer")
                logger.error("No consumer for a message on %s; check routing.py.", message.channel)
                return LookupError("no consumer")
            consumer, arguments = match
            if self.callback:
                self.callback(message.channel.name, message)
            self.run_consumer(consumer, arguments, message)
        except BaseException as error:
            # Also SystemExit: a consumer does not decide when the worker ends.
            self.metrics.count("consumer_errors")
            where = name_that_thing(consumer) if consumer else "routing.py"
            logger.exception("Error in consumer %s", where)
            if isinstance(error, redis.RedisError):
                self.refuse(message)
            return error
        return None

    @staticmethod
    def refuse(message: Message) -> None:
        """Redis failed within a consumer: have its client try again, as soon as Redis is back."""
        if message.channel.name in CONVERSATION:
            # With the message the conversation is lost: the client must begin another.
            message.reply_channel.send({"close": TRY_AGAIN_LATER})
        elif message.channel.name == "http.request":
            message.reply_channel.send(UNAVAILABLE)

    def run_consumer(
        self, consumer: Callable[..., Any], arguments: Mapping[str, Any], message: Message
    ) -> None:
        """Call the consumer. Its exceptions of channels, such as DenyConnection, take effect."""
        try:
            consumer(message, **arguments)
        except DenyConnection:
            if message.channel.name != "websocket.connect":
                raise ValueError(
                    "DenyConnection is for consumers of websocket.connect only."
                ) from None
            message.reply_channel.send({"close": True})
        except ChannelSocketException as refusal:
            refusal.run(message)
        except ConsumeLater:
            self.consume_later(message)

    def consume_later(self, message: Message) -> None:
        """Put the message back, marked with the number of tries."""
        content = message.content
        content["__retries__"] = content.get("__retries__", 0) + 1
        if content["__retries__"] > self.message_retries:
            self.metrics.drop("retries_exhausted")
            logger.warning("Gave up a message on %s after many tries", message.channel.name)
        else:
            conversation.postpone()
            message.channel.send(content)

    def flush(self) -> list[Outgoing]:
        """Send the consumer's messages, except the last ones to channels, which are returned."""
        writes = conversation.take_writes()
        pending = take_pending()
        if writes:
            # Further sockets would get the reply without the session.
            pending = [(sender, unshared(content)) for sender, content in pending]
        if deletion := sessions.deletion():
            writes.append(deletion)
        outcome = send_groups(self.layer, writes, pending)
        if outcome.undelivered:
            self.report(outcome.undelivered)
        return outcome.unsent

    def finish(self) -> None:
        """Send consumer_finished, so that Django closes connections. Log errors of receivers."""
        take_pending()
        try:
            consumer_finished.send(sender=self.__class__)
        except Exception:
            logger.exception("Error after a consumer")


class Spare(Worker):
    """The loop of a spare thread of another worker."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(
            worker.channel_layer,
            callback=worker.callback,
            message_retries=worker.message_retries,
            signal_handlers=False,
            only_channels=worker.only_channels,
            exclude_channels=worker.exclude_channels,
            metrics=worker.metrics,
            recycling=worker.recycling,
        )
        self.stopping = worker.stopping
        self.spares = worker.spares

    def is_needed(self) -> bool:
        # Held commands would be lost with the end of the thread.
        return super().is_needed() and (bool(self.held) or not self.spares.park())


class WorkerGroup(Worker):
    """Several loops in one process, `n_threads` of them."""

    def __init__(self, *args: Any, n_threads: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kwargs |= {"signal_handlers": False, "metrics": self.metrics, "recycling": self.recycling}
        self.workers = [Worker(*args, **kwargs) for _ in range(n_threads)]
        for worker in self.workers:
            worker.stopping = self.stopping

    def ready(self) -> None:
        for worker in self.workers:
            worker.ready()

    def done(self) -> bool:
        return all(worker.finished for worker in self.workers)

    def loops(self) -> list[Worker]:
        return self.workers

    def work(self, channels: list[str]) -> None:
        """Start the threads, replace any that dies, wait for all of them after stop()."""
        threads = [self.start(worker, channels) for worker in self.workers]
        while not self.stopping.wait(1):
            for index, worker in enumerate(self.workers):
                if not threads[index].is_alive() and not self.stopping.is_set():
                    logger.error("A worker thread died; starting another")
                    worker.finished = False
                    threads[index] = self.start(worker, channels)
        for thread in threads:
            thread.join()

    @staticmethod
    def start(worker: Worker, channels: list[str]) -> threading.Thread:
        thread = threading.Thread(target=worker.work, args=(channels,), daemon=True)
        thread.start()
        return thread
