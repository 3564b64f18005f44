"""The tasks of the pulse's round that change what is stored. Each fails independently."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import Error as DatabaseError
from django.db import connection

from liveblog.alerts import queue as alerts
from liveblog.alerts.delivery import send_due
from liveblog.editing import idempotency
from liveblog.link_cards import queue as link_cards
from liveblog.recordings import incoming
from liveblog.stream.failure_log import FailureLog
from liveblog.stream.schedule import Publisher
from liveblog.stream.task_thread import TaskThread
from liveblog.text.rerendering import Rerendering
from liveblog.webhooks import backlog
from liveblog.webhooks.delivery import DeliveryThread

PRUNE_EVERY = 60.0  # s
RETRY = 10.0  # s after a failure, of what is not done in every round


@dataclass
class Task:
    """`run` in every round, or once in `period` seconds. `name` begins the sentence of its log."""

    name: str
    run: Callable[[], object]
    period: float = 0.0
    due: float = float("-inf")  # time.monotonic
    failures: FailureLog = field(init=False)

    def __post_init__(self) -> None:
        self.failures = FailureLog(self.name)

    def attempt(self) -> None:
        """Run it if it is due. Raises nothing that concerns this task alone.

        Raises Django's database errors where the connection is lost: no other task could work.
        """
        if time.monotonic() < self.due:
            return
        try:
            self.run()
        except Exception as error:
            self.due = time.monotonic() + min(self.period, RETRY)
            self.failures.note_failure(error, trace=not isinstance(error, DatabaseError))
            if isinstance(error, DatabaseError) and not connection.is_usable():
                raise
        else:
            self.due = time.monotonic() + self.period
            self.failures.note_success()


class Round:
    """The tasks of a pulse's round beside sending readers the newest revision."""

    def __init__(self) -> None:
        self.publisher = Publisher()
        self.deliveries = DeliveryThread()
        self.alerts = TaskThread("Alerting readers", alerts.anything_due, send_due)
        self.link_cards = TaskThread(
            "Fetching link cards", link_cards.anything_due, link_cards.fetch_due
        )
        self.tasks = [
            Task("Publishing what is scheduled", self.publisher.publish_due),
            Task("Delivering to webhooks", self.deliveries.wake),
            Task("Alerting readers", self.alerts.wake),
            Task("Fetching link cards", self.link_cards.wake),
            Task("Rendering stored texts again", Rerendering().step),
            Task("Limiting the backlog of webhooks", backlog.expire, PRUNE_EVERY),
            Task("Deleting old deliveries", backlog.prune, PRUNE_EVERY),
            Task("Removing incomplete uploads", incoming.remove_old, PRUNE_EVERY),
            Task("Deleting subscriptions to ended live blogs", alerts.prune, PRUNE_EVERY),
            Task("Deleting old idempotency keys", idempotency.prune, PRUNE_EVERY),
        ]

    def run(self) -> bool:
        """One attempt of each task. Returns whether more is due at once."""
        for task in self.tasks:
            task.attempt()
        return self.publisher.unfinished
