"""The pulse: tells the readers of each blog its head revision, and how many they are.

A broadcast may be lost: its worker is killed between the commit and the send, Redis restarts, a
list is full. Nothing is sent again for that. A reader whose head is behind the pulse's asks for
what it misses and gets it from the database, whatever it was: a post, an edit, a tombstone, the
title. So the pulse needs no memory of what it said before, and one that is killed loses nothing.
A pulse that is lost itself is followed by the next. Whoever still holds a socket of a coverage
that has ended was not told so: the pulse tells it, and closes the socket.

It also publishes what is scheduled, lets webhooks be told, and forgets old idempotency keys.
"""

import logging
import time

import redis
from channels import Group
from django.db import Error as DatabaseError
from django.db import close_old_connections

from liveblog import writes
from liveblog.frames import encode, ended_frame, pulse_frame
from liveblog.lease import Lease
from liveblog.models import LiveBlog
from liveblog.readers import count_readers
from liveblog.schedule import publish_due
from liveblog.webhooks import Courier
from liveblog.webhooks import prune as prune_deliveries
from realtime.codes import ENDED

logger = logging.getLogger(__name__)

EVERY = 2.0  # s; the reader's script misses it after 5
IDLE = 3.5  # s between two looks where nobody reads; the first reader hears within 4
PRUNE_EVERY = 600.0  # s
REDIS_AWAY = 1.0  # s between two tries
# s between tries where the database is away. The last is longer than the lease: perhaps another
# host reaches it.
DATABASE_AWAY = (1.0, 1.0, 1.0, 1.0, 5.0)


class Pulse:
    """`layer`: the channel layer. One round is beat(); run() repeats it until stop()."""

    def __init__(self, layer):
        self.layer = layer
        self.lease = Lease(layer, "pulse")
        self.active = False
        self.stopping = self.resting = False
        self.pruned = float("-inf")
        self.redis = Complaint("Redis")
        self.database = Complaint("The database")
        self.courier = Courier()
        self.chores = Complaint("Publishing what is scheduled")

    def run(self):
        """Pulse until stopped. Whatever is away is waited for."""
        try:
            while not self.stopping:
                wait = self.attempt()
                self.resting = True
                time.sleep(wait)
                self.resting = False
        except Stopped:
            pass
        if self.resting:  # else the connection is in the middle of something
            self.lease.release()

    def stop(self, *_):
        """A signal handler: ends run() at once. What a transaction has begun is rolled back."""
        self.stopping = True
        raise Stopped

    def attempt(self) -> float:
        """One round, and the seconds to wait until the next. Does not raise."""
        started = time.monotonic()
        try:
            wait = self.beat()
        except (redis.RedisError, OSError) as error:
            self.redis.begin(error)
            return REDIS_AWAY
        except DatabaseError as error:
            failures = self.database.begin(error)
            wait = DATABASE_AWAY[min(failures, len(DATABASE_AWAY)) - 1]
            if wait > self.lease.ttl:
                self.lease.release()
            return wait
        self.redis.end()
        self.database.end()
        return max(0.0, wait - (time.monotonic() - started))

    def beat(self) -> float:
        """Pulse for each blog that is read, then do the chores. Returns the period in seconds.

        Raises redis.RedisError, OSError and Django's database errors.
        """
        if wait := self.lease.hold():
            self.say(False)
            return wait
        self.say(True)
        close_old_connections()
        rows = LiveBlog.objects.order_by().values_list("slug", "revision", "state")
        heads = {slug: (revision, state) for slug, revision, state in rows}
        readers = count_readers(self.layer, heads)
        for slug, count in readers.items():
            revision, state = heads[slug]
            message = {"text": encode(pulse_frame(revision, count))}
            if state == LiveBlog.State.ENDED:
                message = {"text": encode(ended_frame(revision)), "close": ENDED}
            Group(LiveBlog.group_name_of(slug)).send(message, immediately=True)
        self.do_chores()
        return EVERY if readers else IDLE

    def do_chores(self):
        """What writes to the database. A writer that blocks it must not end the pulses."""
        try:
            publish_due()
            self.courier.go()
            if time.monotonic() > self.pruned + PRUNE_EVERY:
                writes.prune()
                prune_deliveries()
                self.pruned = time.monotonic()
        except DatabaseError as error:
            self.chores.begin(error)
        else:
            self.chores.end()

    def say(self, active):
        if active != self.active:
            self.active = active
            logger.info("This process pulses." if active else "Another process pulses now.")


class Stopped(BaseException):
    """Told to stop."""


class Complaint:
    """Logs the first of several failures in a row, and their end."""

    def __init__(self, subject):
        self.subject = subject
        self.failures = 0

    def begin(self, error) -> int:
        """Returns how many failures there were in a row."""
        self.failures += 1
        if self.failures == 1:
            reason, *_ = str(error).split("\n")
            logger.error("%s fails, trying again: %s", self.subject, reason)
        return self.failures

    def end(self):
        if self.failures:
            logger.info("%s works again", self.subject)
        self.failures = 0
