"""Deletes old rows in short transactions, so that writers do not wait for them."""

import time

from django.db import models, transaction

from liveblog.stream.lock_timeouts import limit_lock_waits

BATCH = 500  # rows of a transaction: some 10 ms
BUDGET = 0.5  # s of one call; the rest is deleted by the next one


def delete_in_batches(rows: models.QuerySet) -> int:
    """Delete the rows that are not locked, for BUDGET seconds. Returns how many."""
    limit_lock_waits()
    ends, count = time.monotonic() + BUDGET, 0
    while True:
        with transaction.atomic():
            batch = rows.order_by("pk").select_for_update(skip_locked=True, of=("self",))
            keys = list(batch.values_list("pk", flat=True)[:BATCH])
            count += rows.model._base_manager.filter(pk__in=keys).delete()[0]
        if len(keys) < BATCH or time.monotonic() > ends:
            return count
