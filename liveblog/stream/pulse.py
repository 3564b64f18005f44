"""The pulse: tells the readers of each blog its head revision, and how many they are.

A broadcast may be lost: its worker is killed between the commit and the send, Redis restarts, a
list is full. Nothing is sent again for that. A reader whose head is behind the pulse's asks for
what it misses and gets it from the database, whatever it was: a post, an edit, a tombstone, the
title. So the pulse needs no memory of what it said before, and one that is killed loses nothing.
A pulse that is lost itself is followed by the next. Whoever still holds a socket of a coverage
that has ended was not told so: the pulse tells it, and closes the socket.

After that it does its other tasks (liveblog.stream.pulse_tasks): publishing what is scheduled,
delivering to
webhooks, deleting what is old.
"""

import logging
import time

import redis
from channels import Group
from channels_realtime.close_codes import ENDED
from channels_realtime.layer.channel_layer import Transport
from django.db import Error as DatabaseError
from django.db import close_old_connections

from conversations.json_text import encode
from liveblog.models import LiveBlog
from liveblog.stream.failure_log import FailureLog
from liveblog.stream.frames import ended_frame, pulse_frame
from liveblog.stream.lease import Lease
from liveblog.stream.pulse_tasks import Round
from liveblog.stream.reader_counts import count_readers

logger = logging.getLogger(__name__)

EVERY = 2.0  # s; the reader's script misses it after 5
IDLE = 3.5  # s between two looks where nobody reads; the first reader hears within 4
REDIS_AWAY = 1.0  # s between two tries
# s between tries where the database is away. The last is longer than the lease: perhaps another
# host reaches it.
DATABASE_AWAY = (1.0, 1.0, 1.0, 1.0, 5.0)


class Pulse:
    """`layer`: the channel layer. One round is beat(); run() repeats it until stop()."""

    def __init__(self, layer: Transport) -> None:
        self.layer = layer
        self.lease = Lease(layer, "pulse")
        self.active = False
        self.stopping = self.resting = False
        self.redis = FailureLog("Redis")
        self.database = FailureLog("The database")
        self.telling = FailureLog("Telling readers the newest revision")
        self.round = Round()

    def run(self) -> None:
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

    def stop(self, *_: object) -> None:
        """A signal handler: ends run() at once. What a transaction has begun is rolled back."""
        self.stopping = True
        raise Stopped

    def attempt(self) -> float:
        """One round, and the seconds to wait until the next. Does not raise."""
        started = time.monotonic()
        try:
            wait = self.beat()
        except DatabaseError as error:
            failures = self.database.note_failure(error)
            wait = DATABASE_AWAY[min(failures, len(DATABASE_AWAY)) - 1]
            if wait > self.lease.ttl:
                self.lease.release()
            return wait
        self.database.note_success()
        return max(0.0, wait - (time.monotonic() - started))

    def beat(self) -> float:
        """Pulse for each blog that is read, then do the other tasks. Returns the period in seconds,
        0 where more is to be done at once.

        Where Redis is away nobody can be told, and which process is active is not known. The other
        tasks are then done all the same: the database lets each be done by one process.

        Raises Django's database errors.
        """
        try:
            if wait := self.lease.hold():
                self.say(False)
                return wait
            self.say(True)
            close_old_connections()
            wait = self.tell_readers()
        except DatabaseError:
            raise
        except (redis.RedisError, OSError) as error:
            self.redis.note_failure(error)
            wait = REDIS_AWAY
        except Exception as error:
            self.telling.note_failure(error, trace=True)
            wait = EVERY
        else:
            self.redis.note_success()
            self.telling.note_success()
        return 0.0 if self.round.run() else wait

    def tell_readers(self) -> float:
        """Pulse for each blog that is read. Returns the seconds until they are told again.

        A blog whose readers cannot be told keeps no other from it; what was in the way is raised
        at the end. Raises redis.RedisError, OSError and Django's database errors.
        """
        rows = LiveBlog.objects.order_by().values_list("slug", "revision", "state")
        heads = {slug: (revision, state) for slug, revision, state in rows}
        found = count_readers(self.layer, heads)
        errors = [*found.errors]
        for slug, count in found.counts.items():
            revision, state = heads[slug]
            message: dict[str, str | int] = {"text": encode(pulse_frame(revision, count))}
            if state == LiveBlog.State.ENDED:
                message = {"text": encode(ended_frame(revision)), "close": ENDED}
            try:
                Group(LiveBlog.group_name_of(slug)).send(message, immediately=True)
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return EVERY if found.counts else IDLE

    def say(self, active: bool) -> None:
        if active != self.active:
            self.active = active
            logger.info("This process pulses." if active else "Another process pulses now.")


class Stopped(BaseException):
    """Told to stop."""
