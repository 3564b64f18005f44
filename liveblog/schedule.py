"""Publishes scheduled updates once they are due."""

from django.db import connection, transaction
from django.utils import timezone

from liveblog.models import BlogUpdate, LiveBlog

AT_ONCE = 20  # updates in one call, so that a call is short

# A second is what the caller can wait for another writer; then it comes again.
WAIT_BRIEFLY = {
    "sqlite": "PRAGMA busy_timeout = 1000",
    "postgresql": "SET lock_timeout = '1s'",
}


def publish_due() -> int:
    """Publish what is due, each in its own transaction. Returns how many.

    However many processes do this at once, each update is published by one: under the blog's lock
    the row is read again. Raises Django's database errors; what was published by then stays.
    """
    due = due_updates().order_by("publish_at", "pk").values_list("pk", "blog_id")[:AT_ONCE]
    rows = list(due)
    if rows:
        wait_briefly()
    return sum(publish(*row) for row in rows)


def due_updates():
    return BlogUpdate.objects.hidden().filter(publish_at__lte=timezone.now())


@transaction.atomic
def publish(pk, blog_id) -> bool:
    """Publish the update unless it is no longer due; returns whether it was."""
    if not LiveBlog.objects.select_for_update().filter(pk=blog_id).first():
        return False
    update = due_updates().filter(pk=pk).first()
    if update is None:
        return False
    update.draft = False
    update.save()
    return True


def wait_briefly():
    """Make this connection give up early where another writer holds the lock."""
    with connection.cursor() as cursor:
        cursor.execute(WAIT_BRIEFLY[connection.vendor])
