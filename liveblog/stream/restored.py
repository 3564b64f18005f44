"""What a restored backup lacks, open pages must not keep.

Pages, caches and editors may have revisions that were taken after the backup. No revision is used
twice: each blog goes on beyond all that may have been lost. A reader whose revision is between the
backup's and the first new one gets the newest page in place of all that it has.
"""

import time

from django.db import transaction
from django.db.models import F, QuerySet

from liveblog.models import LiveBlog


def skip_lost_revisions() -> None:
    """To be called once, after a backup was restored.

    The gap is the time in seconds since 1970. Restoring the same backup a second time thus skips
    what was written between the two, as a blog takes less than a revision a second on average.
    """
    with transaction.atomic():
        # The plain queryset: LiveBlogQuerySet.update() would take a revision of its own.
        rows: QuerySet[LiveBlog] = QuerySet(LiveBlog)
        resumed = F("revision") + int(time.time())
        rows.update(restored_revision=F("revision"), resumed_revision=resumed, revision=resumed)


def is_lost(blog: LiveBlog, revision: int) -> bool:
    """Whether a reader with this revision has, or may have, what a restored backup lacks."""
    if revision > blog.revision:
        return True
    restored, resumed = blog.restored_revision, blog.resumed_revision
    return restored is not None and resumed is not None and restored < revision < resumed
