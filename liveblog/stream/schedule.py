"""Publishes scheduled updates when they are due. One that fails does not hold up the others."""

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

MAX_PER_BLOG = 20  # updates in one call, so that a long list does not hold up the other blogs
BUDGET = 1.0  # s of one call: readers miss the pulse after 5 s; the next call does the rest
FIRST_PAUSE, MAX_PAUSE = 2.0, 60.0  # s before an update that failed is tried again
FORGET = 600.0  # s: one that was not tried again for so long is no longer due


@dataclass
class FailedUpdate:
    """An update that could not be published. `again`: the next attempt, in time.monotonic()."""

    pause: float
    again: float


class BlogLocked(Exception):
    """An update cannot be published now, for a reason that may apply to the whole blog."""


class Publisher:
    """Publishes what is due, and remembers what failed in order to try it last."""

    def __init__(self) -> None:
        self.failed: dict[int, FailedUpdate] = {}
        self.blocked: dict[
            int, float
        ] = {}  # id of a blog -> time.monotonic() of its last BlogLocked
        self.unfinished = False  # whether the last call left updates that are due

    def publish_due(self) -> int:
        """Publish what is due, each update in its own transaction. Returns how many.

        Several processes may do this at once; each update is published by one of them, because the
        row is read again under the blog's lock. A blog that another transaction has locked is left
        to the next call, an update that fails to a later one. Raises Django's database errors if
        the database as a whole is unavailable or locked.
        """
        self.unfinished = False
        now = time.monotonic()
        self.failed = {pk: row for pk, row in self.failed.items() if row.again > now - FORGET}
        paused = [pk for pk, failed in self.failed.items() if failed.again > now]
        due = due_updates().exclude(pk__in=paused)
        blogs = due.values("blog_id").annotate(first=Min("publish_at")).order_by("first", "blog_id")
        found = [row["blog_id"] for row in blogs]
        if not found:
            return 0
        limit_lock_waits()
        count = 0
        # Blogs that were locked come last.
        for blog_id in sorted(found, key=lambda pk: self.blocked.get(pk, 0.0)):
            published = 0
            try:
                for pk in self.keys_of(due, blog_id):
                    if time.monotonic() > now + BUDGET:
                        self.unfinished = True
                        return count + published
                    published += self.attempt(pk, blog_id)
            except BlogLocked:
                self.blocked[blog_id] = time.monotonic()
            else:
                self.blocked.pop(blog_id, None)
            count += published
            self.unfinished |= published >= MAX_PER_BLOG
        return count

    def keys_of(self, due: models.QuerySet[BlogUpdate], blog_id: int) -> list[int]:
        """The ids of the blog's next updates, followed by those that have failed before."""
        rows = due.filter(blog_id=blog_id).order_by("publish_at", "pk").values_list("pk", flat=True)
        keys = list(rows.exclude(pk__in=self.failed)[:MAX_PER_BLOG])
        if self.failed:
            keys += rows.filter(pk__in=self.failed)[:MAX_PER_BLOG]
        return keys

    def attempt(self, pk: int, blog_id: int) -> bool:
        """Publish one update; returns whether it was published.

        Raises BlogLocked, and Django's database errors if no statement works.
        """
        try:
            published = publish(pk, blog_id)
        except BlogLocked:
            raise
        except DatabaseError as error:
            # SQLite has one lock for everything, and a lost connection executes nothing.
            if connection.vendor == "sqlite" or not connection.is_usable():
                raise
            self.note_failure(pk, error)
            raise BlogLocked from error
        except Exception as error:
            self.note_failure(pk, error)
            return False
        self.failed.pop(pk, None)
        return published

    def note_failure(self, pk: int, error: Exception) -> None:
        before = self.failed.get(pk)
        pause = min(2 * before.pause, MAX_PAUSE) if before else FIRST_PAUSE
        self.failed[pk] = FailedUpdate(pause, time.monotonic() + pause)
        logger.error(
            "Scheduled update %s was not published, next try in %g s: %s",
            *(pk, pause, error),
            exc_info=None if isinstance(error, DatabaseError) else error,
        )


def due_updates() -> models.QuerySet[BlogUpdate]:
    return BlogUpdate.objects.hidden().filter(publish_at__lte=timezone.now())


@transaction.atomic
def publish(pk: int, blog_id: int) -> bool:
    """Publish the update unless it is no longer due. Raises BlogLocked where its blog is locked."""
    free = LiveBlog.objects.select_for_update(skip_locked=True)
    if not free.filter(pk=blog_id).first():
        raise BlogLocked
    update = due_updates().filter(pk=pk).first()
    if update is None:
        return False
    update.draft = False
    update.save()
    return True
