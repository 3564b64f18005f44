"""Sends the deliveries that are due: to many webhooks at a time, to each one after the other.

One thread uses the database, another makes the requests (`client`) and sends events to the first. A
webhook has a turn of limited length, so that a long backlog does not hold up the others when there
are more webhooks than MAX_REQUESTS.
"""

import logging
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue

from django.db import Error as DatabaseError

from liveblog.models import Delivery, Webhook
from liveblog.stream.task_thread import TaskThread
from liveblog.webhooks import backlog
from liveblog.webhooks.client import WebhookClient
from liveblog.webhooks.messages import Request, Response
from liveblog.webhooks.signing import headers_of

logger = logging.getLogger(__name__)

MAX_REQUESTS = 32  # at a time: about 30 file descriptors, and no thread for each
# Of these, requests to webhooks whose last request failed. One that hangs takes 5 s.
MAX_FAILING = 8
TURN_SECONDS = 20.0  # s; with the last request far less than backlog.CLAIM
TURN_LENGTH = 50  # deliveries
# s between attempts to store a response while the database is locked, and s until the last one:
# then another process may claim the webhook
STORE_RETRY = 1.0
STORE_RETRY_FOR = 30.0


@dataclass
class Turn:
    """A webhook that this process has claimed, with the delivery in progress."""

    webhook_id: int
    delivery: Delivery
    failing: bool
    started: float = field(default_factory=time.monotonic)
    length: int = 1

    @property
    def is_over(self) -> bool:
        return self.length >= TURN_LENGTH or time.monotonic() > self.started + TURN_SECONDS


@dataclass(frozen=True)
class Answered:
    """A request has ended."""

    webhook_id: int
    response: Response
    received: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class LookAgain:
    """Something may be due for a webhook that has no turn."""


Events = SimpleQueue[Answered | LookAgain]


class DeliveryThread(TaskThread):
    """Delivers what is due. What becomes due meanwhile is found at once."""

    def __init__(self) -> None:
        super().__init__("Delivering to webhooks", backlog.anything_due, self.deliver)
        self.events: Events = SimpleQueue()

    def wake(self) -> None:
        if self.is_running:
            self.events.put(LookAgain())
        else:
            self.events = SimpleQueue()
            super().wake()

    def deliver(self) -> None:
        deliver_due(self.events)


def deliver_due(events: Events | None = None) -> int:
    """Deliver until nothing is due or in progress. Returns how many deliveries were accepted.

    Raises Django's database errors.
    """
    with WebhookClient() as client:
        return Deliveries(client, events or SimpleQueue()).run()


class Deliveries:
    """Runs the turns of webhooks until none is left."""

    def __init__(self, client: WebhookClient, events: Events) -> None:
        self.client = client
        self.events = events
        self.turns: dict[int, Turn] = {}
        self.not_stored: list[Answered] = []

    def run(self) -> int:
        accepted = 0
        while True:
            self.begin_turns()
            if not self.turns:
                return accepted
            for event in self.next_events():
                accepted += self.handle(event)

    def begin_turns(self) -> None:
        failing = sum(turn.failing for turn in self.turns.values())
        free = MAX_REQUESTS - len(self.turns)
        try:
            for hook in backlog.claim(free, MAX_FAILING - failing, besides=self.turns):
                self.begin_turn(hook)
        except DatabaseError as error:
            if not self.turns:
                raise
            # Responses to requests in progress must still be stored.
            logger.error("No further deliveries begin: %s", error)

    def begin_turn(self, hook: Webhook) -> None:
        delivery = backlog.next_delivery(hook.pk)
        if delivery is None:  # the webhook was switched off in the meantime
            backlog.release(hook.pk)
            return
        self.turns[hook.pk] = Turn(hook.pk, delivery, failing=hook.failures > 0)
        self.send(delivery)

    def next_events(self) -> list[Answered]:
        """Wait for a response, or until an earlier one should be stored again."""
        try:
            event = self.events.get(timeout=STORE_RETRY if self.not_stored else None)
        except Empty:
            again, self.not_stored = self.not_stored, []
            return again
        return [event] if isinstance(event, Answered) else []

    def handle(self, event: Answered) -> bool:
        """Store the response and continue the turn. Returns whether the delivery was accepted."""
        try:
            backlog.note_response(self.turns[event.webhook_id].delivery, event.response)
            self.go_on(event)
        except DatabaseError as error:
            if time.monotonic() < event.received + STORE_RETRY_FOR:
                self.not_stored.append(event)
            else:
                turn = self.turns.pop(event.webhook_id)
                logger.error(
                    "The response to delivery %s was not stored; it is sent again: %s",
                    *(turn.delivery.pk, error),
                )
            return False
        return event.response.succeeded

    def go_on(self, event: Answered) -> None:
        """Send the webhook's next delivery, or end its turn."""
        turn = self.turns[event.webhook_id]
        following = None
        if event.response.succeeded and not turn.is_over:
            following = backlog.next_delivery(turn.webhook_id)
        if following is None:
            backlog.release(turn.webhook_id)
            del self.turns[turn.webhook_id]
            return
        turn.delivery, turn.length = following, turn.length + 1
        self.send(following)

    def send(self, delivery: Delivery) -> None:
        try:
            body = delivery.body.encode()
            request = Request(delivery.webhook.url, headers_of(delivery, body), body)
        except Exception as error:  # an invalid secret or body: this delivery has failed
            response = Response(None, f"it cannot be signed: {type(error).__name__}")
            self.events.put(Answered(delivery.webhook_id, response))
            return
        self.client.post(request).add_done_callback(partial(self.answered, delivery.webhook_id))

    def answered(self, webhook_id: int, future: Future[Response]) -> None:
        if not future.cancelled():
            self.events.put(Answered(webhook_id, future.result()))
