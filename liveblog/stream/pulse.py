"""The pulse: sends the readers of each blog its head revision and the number of readers.

A broadcast may be lost: its worker is killed between the commit and the send, Redis restarts, a
list is full. It is not sent again. A reader whose head is behind the pulse's requests a replay and
gets the missing changes from the database: posts, edits, tombstones, the title. The pulse
therefore keeps no state, and a process that is killed loses nothing. A lost pulse is followed by
the next one. A socket that is still open on a blog whose coverage has ended has missed that: it
gets an `ended` frame instead of a pulse, and is closed.

A pulse is a heartbeat of the blog's group (channels_realtime.interface.redis.heartbeats). Every
interface server gets each, so that it notices within 2 s that a broadcast was lost, and then all of
its readers get the pulse at once. Otherwise readers of a large crowd get only every n-th.

After that the process runs its other tasks (liveblog.stream.pulse_tasks): publishing scheduled
updates, delivering to webhooks, deleting old rows.
"""

import logging
import math
import time
from types import FrameType

import redis
from channels_realtime.close_codes import ENDED
from channels_realtime.layer.channel_layer import Transport
from channels_realtime.layer.envelope import Mark
from channels_realtime.layer.requirement import require_transport
from channels_realtime.metrics.counters import Metrics
from django.db import Error as DatabaseError
from django.db import close_old_connections

from conversations.json_text import encode
from liveblog.models import LiveBlog
from liveblog.stream.failure_log import FailureLog
from liveblog.stream.frames import PULSE_INTERVAL as INTERVAL
from liveblog.stream.frames import ended_frame, pulse_frame
from liveblog.stream.lease import Lease
from liveblog.stream.pulse_reports import Reports, note_round
from liveblog.stream.pulse_tasks import Round
from liveblog.stream.reader_counts import count_readers

logger = logging.getLogger(__name__)

# Readers of one interface server up to which each of them gets every pulse. Beyond that it sends at
# most so many at a time on average. A pulse takes up to 17 µs per reader, so pulses take at most
# 1.7 % of a core.
SMALL_CROWD = 2000
READERS_PER_PULSE = 1400
IDLE_INTERVAL = 3.5  # s between two rounds without readers; the first reader gets a pulse within 4
REDIS_RETRY = 1.0  # s between two attempts
# s between attempts while the database is unavailable. The last is longer than the lease, so that
# a process on another host, which may reach the database, takes over.
DATABASE_RETRIES = (1.0, 1.0, 1.0, 1.0, 5.0)


class Pulse:
    """`layer`: the channel layer. One round is beat(); run() repeats it until stop()."""

    def __init__(self, layer: Transport) -> None:
        self.layer = layer
        self.lease = Lease(layer, "pulse")
        self.active = False
        self.stopping = self.resting = False
        self.redis = FailureLog("Redis")
        self.database = FailureLog("The database")
        self.sending = FailureLog("Sending the newest revision to readers")
        self.round = Round()

    def run(self) -> None:
        """Pulse until stopped. While Redis or the database is unavailable, try again."""
        transport = require_transport(self.layer.channel_layer, "the pulse")
        with Reports(transport, Metrics("pulse")):
            self.repeat()

    def repeat(self) -> None:
        try:
            while True:
                wait = self.attempt()
                self.resting = True
                if self.stopping:
                    break
                time.sleep(wait)
                self.resting = False
        except Stopped:
            pass
        if self.resting:  # else the connection may be in the middle of a command
            self.lease.release()

    def stop(self, signum: int = 0, frame: FrameType | None = None) -> None:
        """A signal handler: ends run() at once. What a transaction has begun is rolled back.

        In a destructor, which would swallow the exception, it ends run() with the round.
        """
        self.stopping = True
        while frame is not None:
            if frame.f_code.co_name == "__del__":
                return
            frame = frame.f_back
        raise Stopped

    def attempt(self) -> float:
        """One round, and the seconds to wait until the next. Does not raise."""
        started = time.monotonic()
        try:
            wait = self.beat()
        except DatabaseError as error:
            failures = self.database.note_failure(error)
            wait = DATABASE_RETRIES[min(failures, len(DATABASE_RETRIES)) - 1]
            if wait > self.lease.ttl:
                self.lease.release()
            return wait
        self.database.note_success()
        if self.active:
            note_round(self.layer)
        return max(0.0, wait - (time.monotonic() - started))

    def beat(self) -> float:
        """Send the pulses, then run the other tasks. Returns the seconds until the next round,
        0 if there is more to do at once.

        Without Redis no pulse can be sent, and it is unknown which process is active. Every process
        then runs the other tasks: locks in the database keep two from doing the same work.

        Raises Django's database errors.
        """
        try:
            if wait := self.lease.hold():
                self.set_active(False)
                return wait
            self.set_active(True)
            close_old_connections()
            wait = self.send_pulses()
        except DatabaseError:
            raise
        except (redis.RedisError, OSError) as error:
            self.redis.note_failure(error)
            wait = REDIS_RETRY
        except Exception as error:
            self.sending.note_failure(error, trace=True)
            wait = INTERVAL
        else:
            self.redis.note_success()
            self.sending.note_success()
        return 0.0 if self.round.run() else wait

    def send_pulses(self) -> float:
        """Send a pulse for each blog that has readers. Returns the seconds until the next one.

        If sending fails for one blog, the others still get theirs; the first error is raised at
        the end. Raises redis.RedisError, OSError and Django's database errors.
        """
        rows = LiveBlog.objects.order_by().values_list("slug", "revision", "state", named=True)
        heads = {row.slug: row for row in rows}
        found = count_readers(self.layer, heads)
        errors = [*found.errors]
        for slug, count in found.counts.items():
            head = heads[slug]
            every = rarity(found.crowds[slug])
            pulse = pulse_frame(head.revision, count, every * INTERVAL)
            message: dict[str, str | int] = {"text": encode(pulse)}
            mark: Mark | None = Mark(str(head.revision), every)
            if head.state == LiveBlog.State.ENDED:
                message = {"text": encode(ended_frame(head.revision)), "close": ENDED}
                mark = None
            try:
                self.layer.send_group(LiveBlog.group_name_of(slug), message, mark)
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return INTERVAL if found.counts else IDLE_INTERVAL

    def set_active(self, active: bool) -> None:
        if active != self.active:
            self.active = active
            logger.info("This process pulses." if active else "Another process pulses now.")


def rarity(crowd: int) -> int:
    """Every which pulse each of so many readers gets."""
    return 1 if crowd <= SMALL_CROWD else math.ceil(crowd / READERS_PER_PULSE)


class Stopped(BaseException):
    """A signal has requested the end."""
