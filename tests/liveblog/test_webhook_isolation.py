"""Row 37: a webhook that is down costs no other webhook anything, and its backlog is bounded."""

import json
import logging
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from liveblog.models import BlogUpdate, Delivery, LiveBlog, Webhook
from liveblog.webhooks import backlog, client, delivery
from liveblog.webhooks.backlog import LIFETIME, MAX_BACKLOG, MAX_PAUSE, expire
from liveblog.webhooks.delivery import MAX_FAILING, deliver_due
from tests.liveblog.webhook_servers import Receiver, closed, hanging, receiving

pytestmark = pytest.mark.django_db


@pytest.fixture
def blog() -> LiveBlog:
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def webhook(blog: LiveBlog, url: str) -> Webhook:
    return Webhook.objects.create(blog=blog, url=url)


def queue(hook: Webhook, number: int, age: timedelta = timedelta(hours=1)) -> None:
    """Write deliveries that are due, the first of them first."""
    since = timezone.now() - age
    Delivery.objects.bulk_create(
        Delivery(
            webhook=hook,
            event="update.created",
            revision=number,
            body=json.dumps({"number": number}),
            **dict.fromkeys(("due", "created", "queued"), since + timedelta(milliseconds=number)),
        )
        for number in range(1, number + 1)
    )


def end_pauses() -> None:
    Webhook.objects.update(paused_until=None)


def numbers(receiver: Receiver) -> list[int]:
    return [json.loads(received.body)["number"] for received in receiver.got]


def waiting(hook: Webhook) -> int:
    return hook.deliveries.exclude(due=None).count()


def test_row_37_300_deliveries_due_for_a_closed_port_delay_no_other_webhook(blog, receiver):
    queue(webhook(blog, closed()), 300)
    queue(webhook(blog, receiver.url), 3, age=timedelta(seconds=1))
    assert deliver_due() == 3
    assert numbers(receiver) == [1, 2, 3]


def test_row_37_a_host_that_hangs_delays_no_other_webhook(blog, receiver, monkeypatch):
    """More webhooks of it than there are places for failing ones, and the other need not wait."""
    monkeypatch.setattr(client, "TIMEOUT", 4.0)
    with hanging() as url:
        for _ in range(MAX_FAILING + 2):
            queue(webhook(blog, url), 300)
        Webhook.objects.update(failures=1)
        queue(webhook(blog, receiver.url), 3, age=timedelta(seconds=1))
        started = time.monotonic()
        assert deliver_due() == 3
    assert [moment - started < client.TIMEOUT for moment in receiver.times] == [True] * 3
    assert list(Webhook.objects.values_list("failures", flat=True)) == [2] * 10 + [0]


def test_row_37_a_webhook_with_a_long_backlog_gives_way_to_the_others(blog, monkeypatch):
    """Of two webhooks that work and have to share one place, each gets its turn."""
    monkeypatch.setattr(delivery, "MAX_REQUESTS", 1)
    monkeypatch.setattr(delivery, "TURN_LENGTH", 5)
    with receiving() as first, receiving() as second:
        queue(webhook(blog, first.url), 20)
        queue(webhook(blog, second.url), 20)
        assert deliver_due() == 40
        assert second.times[0] < first.times[5] < second.times[5]
        assert numbers(first) == numbers(second) == list(range(1, 21))


def test_row_37_a_dead_webhook_is_paused_as_a_whole_and_for_longer_each_time(blog):
    hook = webhook(blog, closed())
    queue(hook, 300)
    for failures, pause in enumerate([10, 30, 120, 600, MAX_PAUSE], 1):
        began = timezone.now()
        assert deliver_due() == 0
        ended = timezone.now()
        hook.refresh_from_db()
        assert hook.failures == failures
        assert began <= hook.paused_until - timedelta(seconds=pause) <= ended
        BlogUpdate.objects.create(blog=blog, body="More")
        assert deliver_due() == 0  # paused: nothing is tried
        assert sum(Delivery.objects.values_list("attempts", flat=True)) == failures
        end_pauses()


def test_row_37_one_that_was_away_gets_what_it_missed_at_once(blog, receiver):
    hook = webhook(blog, receiver.url)
    queue(hook, 30)
    receiver.answers = [503, 503, 503]
    for _ in range(3):
        assert deliver_due() == 0
        end_pauses()
    assert deliver_due() == 30
    assert sorted(set(numbers(receiver))) == list(range(1, 31)) and waiting(hook) == 0


def test_row_37_one_message_that_is_never_accepted_does_not_hold_up_those_behind_it(blog, receiver):
    hook = webhook(blog, receiver.url)
    queue(hook, 10)
    receiver.refused = b'{"number": 1}'
    assert deliver_due() == 0
    end_pauses()
    assert deliver_due() == 9
    assert waiting(hook) == 1


def test_row_37_a_message_that_cannot_be_signed_stops_nobody(blog, receiver):
    """Neither itself nor the other webhooks: it fails like any other, and is given up in time."""
    broken = webhook(blog, receiver.url)
    Webhook.objects.filter(pk=broken.pk).update(secret="whsec_x")
    queue(broken, 1)
    queue(webhook(blog, receiver.url), 1)
    assert deliver_due() == 1
    assert "signed" in broken.deliveries.get().error


def test_row_37_the_backlog_is_bounded_and_what_is_given_up_is_counted_and_logged(blog, caplog):
    hook = webhook(blog, closed())
    queue(hook, MAX_BACKLOG + 20)
    with caplog.at_level(logging.ERROR):
        assert expire() == 20
    assert waiting(hook) == MAX_BACKLOG
    given_up = hook.deliveries.filter(due=None).order_by("pk")
    assert [row.revision for row in given_up] == list(range(1, 21))
    hook.refresh_from_db()
    assert hook.dropped == 20
    assert "20 deliveries were given up: more than 1000 deliveries were waiting" in caplog.text


def test_row_37_what_is_too_old_is_given_up_also_for_a_webhook_that_is_switched_off(blog, caplog):
    hook = webhook(blog, closed())
    queue(hook, 3, age=LIFETIME + timedelta(minutes=1))
    queue(hook, 2, age=timedelta(minutes=1))
    Webhook.objects.update(active=False)
    with caplog.at_level(logging.ERROR):
        assert expire() == 3
    assert waiting(hook) == 2
    assert "3 deliveries were given up: not delivered within 3 days" in caplog.text


def test_row_37_what_fails_for_the_last_time_is_counted(blog):
    hook = webhook(blog, closed())
    queue(hook, 1)
    Delivery.objects.update(attempts=len(backlog.BACKOFF))
    deliver_due()
    hook.refresh_from_db()
    assert (hook.dropped, waiting(hook)) == (1, 0)


def test_row_37_metrics_show_the_backlog_of_each_webhook(blog):
    dead, working = webhook(blog, closed()), webhook(blog, closed())
    queue(dead, 7)
    Webhook.objects.filter(pk=dead.pk).update(failures=4, dropped=20)
    page = Client().get("/metrics").content.decode()
    found = {
        (sample.name, sample.labels["webhook"]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if family.name.startswith("liveblog_webhook")
    }
    assert found["liveblog_webhook_backlog", str(dead.pk)] == 7
    assert 3590 < found["liveblog_webhook_backlog_age_seconds", str(dead.pk)] < 3660
    assert found["liveblog_webhook_failures", str(dead.pk)] == 4
    assert found["liveblog_webhook_dropped_total", str(dead.pk)] == 20
    assert found["liveblog_webhook_backlog", str(working.pk)] == 0
    assert dead.url not in page  # it may hold a secret


def test_row_37_staff_who_correct_a_webhook_or_send_again_need_not_wait(
    blog, receiver, admin_client
):
    hook = webhook(blog, closed())
    queue(hook, 1, age=LIFETIME + timedelta(days=1))
    expire()
    Webhook.objects.update(paused_until=timezone.now() + timedelta(minutes=9), failures=4)
    data = {"blog": blog.pk, "url": receiver.url, "active": "on"}
    assert admin_client.post(f"/admin/liveblog/webhook/{hook.pk}/change/", data).status_code == 302
    hook.refresh_from_db()
    assert (hook.url, hook.paused_until) == (receiver.url, None)
    Webhook.objects.update(paused_until=timezone.now() + timedelta(minutes=9))
    data = {"action": "send_again", "_selected_action": [hook.deliveries.get().pk]}
    assert admin_client.post("/admin/liveblog/delivery/", data).status_code == 302
    assert expire() == 0  # its time begins anew
    assert deliver_due() == 1
