"""channels.delay: messages that an upgraded database has in the table of an older Django."""

import logging
from types import ModuleType
from typing import Any

from channels_realtime.compat.late import patch_when_imported

logger = logging.getLogger("django.channels")

# The name that Django gave it before the app's label was changed; see bridges.rename_delay_app.
OLD_TABLE = "channels.delay_delayedmessage"


def move_delayed_messages() -> None:
    """With the app's new label, channels.delay has a new table; the old one has pending messages.

    `rundelay` moves them when it starts. By then no older `rundelay` runs that would fill it.
    """
    patch_when_imported("channels.delay.worker", adapt_worker)


def adapt_worker(worker: ModuleType) -> None:
    """Patch channels.delay.worker."""
    original = worker.Worker.run

    def run(self: Any) -> None:
        if moved := move_messages():
            logger.info("Moved %d delayed messages from the table %s", moved, OLD_TABLE)
        original(self)

    worker.Worker.run = run


def move_messages() -> int:
    """Move the messages of the old table, if there is one; how many.

    The table stays, empty, so that the older version of the project can be started again. Two
    processes may call this at the same time.
    """
    from channels.delay.models import DelayedMessage
    from django.db import connections, router, transaction

    alias = router.db_for_write(DelayedMessage)
    connection = connections[alias]
    if OLD_TABLE not in connection.introspection.table_names():
        return 0
    table = connection.ops.quote_name(OLD_TABLE)
    moved = 0
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        rows = DelayedMessage.objects.using(alias).raw(f"SELECT * FROM {table} ORDER BY due_date")
        for message in list(rows):
            cursor.execute(f"DELETE FROM {table} WHERE id = %s", [message.pk])
            if cursor.rowcount:  # no other process has moved it meanwhile
                message.pk = None
                message.save(using=alias, force_insert=True)
                moved += 1
    return moved
