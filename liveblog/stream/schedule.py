"""Publishes scheduled updates once they are due, each blog and each update by itself."""

import logging
import time
from dataclasses import dataclass

from django.db import Error as DatabaseError
from django.db import connection, models, transaction
from django.db.models import Min
from django.utils import timezone

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.lock_timeouts import limit_lock_waits

logger = logging.getLogger(__name__)

MOST_OF_A_BLOG = 20  # updates in one call: a long list does not keep the other blogs waiting
BUDGET = 1.0  # s of one call, for readers miss the pulse after 5; the next call does the rest
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0  # s before an update that failed is tried again
FORGET = 600.0  # s: one that was not tried again for so long is not due any more


@dataclass
class Failing:
    """An update that could not be published. `again`: when it is tried next (time.monotonic)."""

    pause: float
    again: float


class Blocked(Exception):
    """An update cannot be published just now, for a reason that its blog's others may share."""


class Publisher:
    """Publishes what is due. Remembers what failed, so that it costs the others nothing."""

    def __init__(self) -> None:
        self.failing: dict[int, Failing] = {}
        self.blocked: dict[int, float] = {}  # id of a blog -> when it was, of time.monotonic
        self.unfinished = False  # whether the last call left something that it could have done

    def publish_due(self) -> int:
        """Publish what is due, each update in its own transaction. Returns how many.

        However many processes do this at once, each update is published by one: under the blog's
        lock the row is read again. A blog that another transaction has locked is left to the next
        call, an update that fails to a later one. Raises Django's database errors where the
        database as a whole is away or locked.
        """
        self.unfinished = False
        now = time.monotonic()
        self.failing = {pk: row for pk, row in self.failing.items() if row.again > now - FORGET}
        paused = [pk for pk, failing in self.failing.items() if failing.again > now]
        due = due_updates().exclude(pk__in=paused)
        blogs = due.values("blog_id").annotate(first=Min("publish_at")).order_by("first", "blog_id")
        found = [row["blog_id"] for row in blogs]
        if not found:
            return 0
        limit_lock_waits()
        count = 0
        # Those last that cost time and gained nothing.
        for blog_id in sorted(found, key=lambda pk: self.blocked.get(pk, 0.0)):
            published = 0
            try:
                for pk in self.keys_of(due, blog_id):
                    if time.monotonic() > now + BUDGET:
                        self.unfinished = True
                        return count + published
                    published += self.attempt(pk, blog_id)
            except Blocked:
                self.blocked[blog_id] = time.monotonic()
            else:
                self.blocked.pop(blog_id, None)
            count += published
            self.unfinished |= published >= MOST_OF_A_BLOG
        return count

    def keys_of(self, due: models.QuerySet[BlogUpdate], blog_id: int) -> list[int]:
        """The blog's next ones, and behind them those that have failed before."""
        rows = due.filter(blog_id=blog_id).order_by("publish_at", "pk").values_list("pk", flat=True)
        keys = list(rows.exclude(pk__in=self.failing)[:MOST_OF_A_BLOG])
        if self.failing:
            keys += rows.filter(pk__in=self.failing)[:MOST_OF_A_BLOG]
        return keys

    def attempt(self, pk: int, blog_id: int) -> bool:
        """Publish one update; returns whether it was. Raises Blocked, and where nothing works."""
        try:
            published = publish(pk, blog_id)
        except Blocked:
            raise
        except DatabaseError as error:
            # SQLite has one lock for all, and no other statement works on a lost connection.
            if connection.vendor == "sqlite" or not connection.is_usable():
                raise
            self.note_failure(pk, error)
            raise Blocked from error
        except Exception as error:
            self.note_failure(pk, error)
            return False
        self.failing.pop(pk, None)
        return published

    def note_failure(self, pk: int, error: Exception) -> None:
        before = self.failing.get(pk)
        pause = min(2 * before.pause, LONGEST_PAUSE) if before else FIRST_PAUSE
        self.failing[pk] = Failing(pause, time.monotonic() + pause)
        logger.error(
            "Scheduled update %s was not published, next try in %g s: %s",
            *(pk, pause, error),
            exc_info=None if isinstance(error, DatabaseError) else error,
        )


def keys_of(due: models.QuerySet[BlogUpdate], blog_id: int) -> list[int]:
    rows = due.filter(blog_id=blog_id).order_by("publish_at", "pk")
    return list(rows.values_list("pk", flat=True)[:MOST_OF_A_BLOG])


def due_updates() -> models.QuerySet[BlogUpdate]:
    return BlogUpdate.objects.hidden().filter(publish_at__lte=timezone.now())


@transaction.atomic
def publish(pk: int, blog_id: int) -> bool:
    """Publish the update unless it is no longer due. Raises Blocked where its blog is locked."""
    free = LiveBlog.objects.select_for_update(skip_locked=True)
    if not free.filter(pk=blog_id).first():
        raise Blocked
    update = due_updates().filter(pk=pk).first()
    if update is None:
        return False
    update.draft = False
    update.save()
    return True
