"""Renders stored texts again whose HTML is missing or was made by another release.

Readers do not depend on it: BlogUpdate.content renders such a text each time it is needed.
"""

import time
from typing import NamedTuple

from django.db import models, transaction

from liveblog.models import BlogUpdate
from liveblog.stream.lock_timeouts import limit_lock_waits
from liveblog.text import markup

BATCH = 100  # rows in one call
LONGEST = 0.1  # s of one call; the pulse is due every 2 s


class Rendering(NamedTuple):
    """HTML to be stored with an update."""

    pk: int
    body: str
    html: str


class Rerendering:
    """Goes once through all updates, newest first. `below`: the last id that was done."""

    def __init__(self) -> None:
        self.below: int | None = None
        self.finished = False

    def step(self) -> int:
        """Check the next updates. Returns how many were rendered.

        This is not a change of a blog: it takes no revision and is not broadcast. Raises Django's
        database errors; the next call then begins where this one did.
        """
        if self.finished:
            return 0
        rows = BlogUpdate.objects.filter(deleted=False).order_by("-pk")
        if self.below is not None:
            rows = rows.filter(pk__lt=self.below)
        below = self.below
        made: list[Rendering] = []
        end = time.monotonic() + LONGEST
        for pk, body, digest in rows.values_list("pk", "body", "html_digest")[:BATCH]:
            below = pk
            if digest != markup.digest(body):
                # Before the transaction, which blocks other writers.
                made.append(Rendering(pk, body, markup.render(body)))
            if time.monotonic() > end:
                break
        store(made)
        self.finished, self.below = below == self.below, below
        return len(made)


def store(made: list[Rendering]) -> None:
    """Store the HTML, except for updates whose text has changed meanwhile."""
    if not made:
        return
    limit_lock_waits()
    with transaction.atomic():
        for pk, body, html in made:
            # The plain queryset: its update() takes no revision.
            row: models.QuerySet[BlogUpdate] = models.QuerySet(BlogUpdate).filter(pk=pk, body=body)
            row.update(html=html, html_digest=markup.digest(body))
