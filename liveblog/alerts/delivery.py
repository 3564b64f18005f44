"""Sends the alerts that are due, many at a time.

One thread uses the database, another makes the requests (liveblog.webhooks.client). Readers' push
services are few: one that fails is paused as a whole, and subscriptions that failed before have few
of the places, so that they do not hold up the others.
"""

import logging
import time
from collections import Counter, deque
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue

from django.db import Error as DatabaseError
from django.utils import timezone

from liveblog.alerts import queue
from liveblog.alerts.endpoints import may_reach, origin_of
from liveblog.alerts.messages import request_of
from liveblog.alerts.queue import Result
from liveblog.models import AlertDelivery
from liveblog.webhooks.client import WebhookClient
from liveblog.webhooks.messages import Response

logger = logging.getLogger(__name__)

MAX_REQUESTS = 32  # at a time
MAX_FAILING = 8  # of these, to subscriptions whose last message failed
CLAIMED = 100  # deliveries at a time; if all hang, they take 16 s, far less than queue.CLAIM
MAX_RUN = 30.0  # s; the next round of the pulse begins the next run
# A push service that has failed so often in a row is paused: an outage is not tried 10,000 times.
FAILURES = 3
PAUSE = timedelta(seconds=20)
STORE_WITHIN = 0.1  # s: what a process that dies repeats, and few transactions
LOOK_AGAIN = 0.5  # s after nothing was due
STORE_RETRY = 1.0  # s between attempts to store results while the database is locked
STORE_RETRY_FOR = 20.0  # s; then the claims expire, and what was sent may be sent again


def send_due() -> int:
    """Send until nothing is due, or for MAX_RUN. Returns how many push services accepted.

    Raises Django's database errors.
    """
    with WebhookClient(may_reach, keep_alive=True) as client:
        return Sending(client).run()


class Sending:
    """One run. `pauses`: until when nothing is sent to an origin."""

    def __init__(self, client: WebhookClient) -> None:
        self.client = client
        self.waiting: dict[bool, deque[AlertDelivery]] = {False: deque(), True: deque()}
        self.sending: Counter[bool] = Counter()  # requests in progress, by `failing`
        self.results: SimpleQueue[Result] = SimpleQueue()
        self.unstored: list[Result] = []
        self.stored = time.monotonic()  # when results were stored last
        self.empty = {False: float("-inf"), True: float("-inf")}  # when nothing was due, monotonic
        self.failures: Counter[str] = Counter()
        self.pauses: dict[str, datetime] = {}
        self.logged: set[tuple[str, str]] = set()  # origins and errors: each in one line of a run

    def run(self) -> int:
        ends, accepted = time.monotonic() + MAX_RUN, 0
        while True:
            if time.monotonic() < ends:
                self.claim_if_possible()
            self.begin()
            is_idle = not self.sending.total() and self.results.empty()
            if self.unstored and (is_idle or time.monotonic() > self.stored + STORE_WITHIN):
                store(self.unstored)
                self.unstored, self.stored = [], time.monotonic()
            if is_idle:
                return accepted
            results = self.next_results()
            accepted += sum(bool(each.response and each.response.succeeded) for each in results)
            self.unstored += results

    def claim_if_possible(self) -> None:
        """Claim. Raises Django's database errors, unless something is still to be stored."""
        try:
            self.claim()
        except DatabaseError as error:
            if not (self.sending.total() or self.unstored or any(self.waiting.values())):
                raise
            logger.error("No further alerts are claimed yet: %s", error)
            self.empty = dict.fromkeys(self.empty, time.monotonic())

    def claim(self) -> None:
        """Claim deliveries for the places, and queue the next ones if too few are due."""
        now, waiting = time.monotonic(), self.waiting[False]
        while len(waiting) < MAX_REQUESTS and now > self.empty[False] + LOOK_AGAIN:
            found = queue.claim(CLAIMED, failing=False)
            waiting.extend(found)
            if not found and not queue.queue_next():
                self.empty[False] = now
        failing = self.waiting[True]
        free = MAX_FAILING - len(failing) - self.sending[True]
        if free > 0 and now > self.empty[True] + LOOK_AGAIN:
            found = queue.claim(free, failing=True)
            failing.extend(found)
            if not found:
                self.empty[True] = now

    def begin(self) -> None:
        for failing, most in ((True, MAX_FAILING), (False, MAX_REQUESTS)):
            waiting = self.waiting[failing]
            while waiting and self.sending[failing] < most and self.sending.total() < MAX_REQUESTS:
                self.send(waiting.popleft())

    def send(self, delivery: AlertDelivery) -> None:
        now = timezone.now()
        if not delivery.alert.is_news(now):
            self.results.put(Result(delivery, None, None))
            return
        paused = self.pauses.get(origin_of(delivery.subscription.endpoint))
        if paused is not None and paused > now:
            self.results.put(Result(delivery, None, paused))
            return
        self.sending[delivery.failing] += 1
        try:
            request = request_of(delivery, now)
        except Exception as error:  # this one has failed, the others are sent
            logger.exception("An alert cannot be encrypted")
            response = Response(400, f"it cannot be encrypted: {type(error).__name__}")
            self.results.put(Result(delivery, response, None))
            return
        self.client.post(request).add_done_callback(partial(self.answered, delivery))

    def answered(self, delivery: AlertDelivery, future: "Future[Response]") -> None:
        """Called in the client's thread."""
        if not future.cancelled():
            response, now = future.result(), timezone.now()
            temporary = queue.is_temporary(response)
            retry = queue.retry_at(delivery, response, now) if temporary else None
            self.results.put(Result(delivery, response, retry))

    def next_results(self) -> list[Result]:
        """Wait for a result, for STORE_WITHIN where some are not stored. Take all there are."""
        results: list[Result] = []
        with suppress(Empty):
            results.append(self.results.get(timeout=STORE_WITHIN if self.unstored else None))
            while True:
                results.append(self.results.get_nowait())
        for result in results:
            if result.response is not None:
                self.note(result, result.response)
        return results

    def note(self, result: Result, response: Response) -> None:
        """Count the answer, and pause a push service that asks for it or fails."""
        self.sending[result.delivery.failing] -= 1
        origin = origin_of(result.delivery.subscription.endpoint)
        if not response.succeeded and (origin, response.error) not in self.logged:
            self.logged.add((origin, response.error))
            is_key = response.status in (401, 403)  # RFC 8292, section 4.2
            reason = f"{response.error}, the site's key" if is_key else response.error
            logger.log(
                logging.ERROR if is_key else logging.WARNING,
                *("%s did not accept an alert: %s", origin, reason),
            )
        if not queue.is_temporary(response):
            self.failures[origin] = 0
            return
        self.failures[origin] += 1
        if result.retry and (response.retry_after or self.failures[origin] >= FAILURES):
            self.pauses[origin] = max(result.retry, timezone.now() + PAUSE)


def store(results: list[Result]) -> None:
    """Store the results; while the database is locked, again. Raises Django's database errors."""
    ends = time.monotonic() + STORE_RETRY_FOR
    while True:
        try:
            queue.store(results)
            return
        except DatabaseError as error:
            if time.monotonic() > ends:
                raise
            logger.error("Results of alerts are not stored yet: %s", error)
            time.sleep(STORE_RETRY)
