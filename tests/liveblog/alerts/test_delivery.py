"""What becomes of readers' alerts at push services that fail, hang or ask for time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries

from liveblog.alerts import delivery, queue
from liveblog.alerts.delivery import send_due
from liveblog.alerts.models import digest_of
from liveblog.alerts.queue import BACKOFF, ENDED_FOR, FAILING_FOR, requested, retry_at
from liveblog.models import Alert, AlertDelivery, AlertSubscription, LiveBlog
from liveblog.stream.pulse_tasks import Round
from liveblog.webhooks import client as webhook_client
from liveblog.webhooks.messages import Response
from tests.liveblog.alerts.sending import key_event, make_due, subscribe
from tests.liveblog.webhook_servers import hanging

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_deleted_from_all_blogs(blog, service, status):
    other = LiveBlog.objects.create(slug="other", title="Other")
    subscribe(other, service.origin)
    subscribe(blog, service.origin, 2)
    service.answers = [(status, {})]
    key_event(blog)
    assert send_due() == 1
    assert blog.subscriptions.count() == 1 and AlertDelivery.objects.count() == 0
    gone = service.paths()[0]
    assert not AlertSubscription.objects.filter(digest=digest_of(service.origin + gone)).exists()
    assert (blog.alerts.get().sent, blog.alerts.get().dropped) == (1, 1)


def test_a_push_service_that_fails_is_tried_again_and_then_given_up(blog, service):
    subscribe(blog, service.origin)
    service.answers = [(500, {})] * 9
    key_event(blog)
    for attempt in range(1, len(BACKOFF) + 1):
        began = timezone.now()
        assert send_due() == 0
        waiting = AlertDelivery.objects.get()
        assert waiting.attempts == attempt
        assert waiting.due - began >= timedelta(seconds=BACKOFF[attempt - 1])
        assert send_due() == 0 and len(service.got) == attempt  # not before it is due
        make_due()
    Alert.objects.update(created=timezone.now() - timedelta(minutes=59))
    assert send_due() == 0
    assert AlertDelivery.objects.count() == 0 and blog.alerts.get().failed == 1
    topics = [received.headers["Topic"] for received in service.got]
    assert topics[0] == f"blog-{blog.pk}"
    # A repeated message must not replace a newer event of the blog.
    assert set(topics[1:]) == {f"event-{blog.alerts.get().pk}"}


def test_one_that_works_again_gets_the_alert(blog, service):
    subscribe(blog, service.origin)
    service.answers = [(503, {}), (429, {"Retry-After": "1"})]
    key_event(blog)
    assert [send_due(), make_due(), send_due(), make_due(), send_due()][::2] == [0, 0, 1]
    subscription = blog.subscriptions.get()
    assert (subscription.failures, subscription.failing_since) == (0, None)


def test_a_push_service_that_asks_for_time_gets_it(blog, service, monkeypatch):
    """All its subscriptions wait, without a request for each; nothing is lost."""
    monkeypatch.setattr(delivery, "MAX_REQUESTS", 4)
    subscribe(blog, service.origin, 30)
    service.answers = [(429, {"Retry-After": "900"})] * 30
    began = timezone.now()
    key_event(blog)
    assert send_due() == 0
    assert len(service.got) < 15
    dues = AlertDelivery.objects.values_list("due", flat=True)
    assert len(dues) == 30 and min(dues) >= began + timedelta(seconds=900)
    service.answers = []
    make_due()
    assert send_due() == 30


NEVER = datetime(9000, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("", 10),
        ("5", 10),
        ("120", 120),
        ("Sun, 22 Nov 2026 12:02:00 GMT", 120),
        ("99999999999", 7200),
        ("soon", 10),
        ("²", 10),
    ],
)
def test_retry_after_is_obeyed(retry_after, seconds):
    moment = retry_at(AlertDelivery(attempts=0), Response(429, "", retry_after), NOW)
    assert (moment - NOW).total_seconds() == seconds
    assert requested("", NOW) == NOW


def test_a_refused_message_is_not_repeated_and_others_are_sent(blog, service):
    subscribe(blog, service.origin, 2)
    service.answers = [(400, {})]
    key_event(blog)
    assert send_due() == 1
    assert AlertDelivery.objects.count() == 0 and blog.alerts.get().failed == 1
    assert blog.subscriptions.filter(failures=1).exclude(failing_since=None).count() == 1


def test_a_browser_that_fails_for_days_is_deleted(blog, service):
    since = timezone.now() - FAILING_FOR - timedelta(minutes=1)
    subscribe(blog, service.origin, failures=9, failing_since=since)
    service.answers = [(500, {})]
    key_event(blog)
    assert send_due() == 0
    assert not blog.subscriptions.exists() and blog.alerts.get().dropped == 1


def test_browsers_that_hang_do_not_hold_up_the_others(blog, service, monkeypatch):
    monkeypatch.setattr(webhook_client, "TIMEOUT", 2.0)
    monkeypatch.setattr(delivery, "MAX_REQUESTS", 2)
    monkeypatch.setattr(delivery, "MAX_FAILING", 1)
    with hanging() as url:
        subscribe(blog, url.replace("http", "https"), failures=1)
        subscribe(blog, service.origin, 8)
        key_event(blog)
        ended = []
        monkeypatch.setattr(queue, "retry_at", lambda *_: ended.append(len(service.got)) or NEVER)
        assert send_due() == 8
    assert ended[0] == 8


def test_a_private_address_is_never_reached(blog, service, settings):
    """Also if it was stored: a name may lead there later."""
    settings.ALERTS_NETWORKS = []
    subscribe(blog, service.origin)
    key_event(blog)
    assert send_due() == 0
    assert service.got == [] and blog.subscriptions.get().failures == 1


def test_a_key_that_cannot_be_used_stops_nobody(blog, service):
    subscribe(blog, service.origin, 2)
    AlertSubscription.objects.filter(endpoint__endswith="/1").update(p256dh="AAAA")
    key_event(blog)
    assert send_due() == 1
    assert blog.alerts.get().failed == 1


def test_what_a_process_that_died_had_claimed_is_sent_by_another(blog, service):
    subscribe(blog, service.origin, 3)
    key_event(blog)
    queue.queue_next()
    assert len(queue.claim(2, failing=False)) == 2
    assert send_due() == 1  # the claims are left to their process
    make_due()  # that has died
    assert send_due() == 2
    assert sorted(service.paths()) == ["/1", "/2", "/3"]


def test_a_locked_database_loses_no_result(blog, service, monkeypatch):
    """What was claimed before it is sent and stored, and nothing twice."""
    monkeypatch.setattr(delivery, "CLAIMED", 4)
    monkeypatch.setattr(delivery, "MAX_REQUESTS", 4)
    monkeypatch.setattr(delivery, "STORE_RETRY", 0.0)
    subscribe(blog, service.origin, 8)
    key_event(blog)
    outages = {"claim": [False, False, True], "store": [True]}

    def failing_at_times(name: str) -> Callable[..., object]:
        works = getattr(queue, name)

        def call(*args: object, **options: object) -> object:
            if outages[name] and outages[name].pop(0):
                raise OperationalError("database is locked")
            return works(*args, **options)

        return call

    for name in outages:
        monkeypatch.setattr(queue, name, failing_at_times(name))
    while send_due():
        pass
    assert sorted(service.paths()) == [f"/{n}" for n in range(1, 9)]
    assert blog.alerts.get().sent == 8 and not any(outages.values())


def test_an_alert_that_was_queued_in_part_goes_on_where_it_was(blog, service, monkeypatch):
    monkeypatch.setattr(queue, "BATCH", 4)
    subscribe(blog, service.origin, 10)
    key_event(blog)
    assert queue.queue_next()  # and then the process dies
    assert AlertDelivery.objects.count() == 4
    assert send_due() == 10
    assert sorted(service.paths()) == sorted(f"/{n}" for n in range(1, 11))


def test_a_thousand_subscriptions_are_queued_in_few_statements(
    blog, django_assert_max_num_queries: DjangoAssertNumQueries
):
    subscribe(blog, "https://push.example", 1000)
    key_event(blog)
    with django_assert_max_num_queries(20):
        while queue.queue_next():
            pass
    with django_assert_max_num_queries(8):
        claimed = queue.claim(100, failing=False)
    with django_assert_max_num_queries(12):
        queue.store([queue.Result(each, Response(201), None) for each in claimed])
    assert AlertDelivery.objects.count() == 900 and blog.alerts.get().sent == 100


def test_subscriptions_end_a_week_after_the_coverage(blog):
    subscribe(blog, "https://push.example", 2)
    blog.state = "ended"
    blog.save()
    assert queue.prune() == 0

    blog.ended = timezone.now() - ENDED_FOR - timedelta(minutes=1)
    blog.save(update_fields=["ended"])
    assert queue.prune() == 2


@pytest.mark.django_db(transaction=True)
def test_the_pulse_sends_in_a_thread_of_its_own(blog, service):
    worker = Round().alerts
    worker.wake()
    assert worker.thread is None  # nothing is due
    subscribe(blog, service.origin)
    key_event(blog)
    worker.wake()
    assert worker.thread
    worker.thread.join()
    assert len(service.got) == 1


def test_metrics_show_the_backlog_and_what_became_of_the_alerts(blog):
    subscribe(blog, "https://push.example", 3)
    key_event(blog)
    queue.queue_next()
    Alert.objects.update(
        created=timezone.now() - timedelta(minutes=10), sent=5, failed=4, dropped=3, expired=True
    )
    page = Client().get("/metrics").content.decode()
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if family.name.startswith("liveblog_alert") and sample.labels in ({}, {"blog": "demo"})
    }
    age = found.pop("liveblog_alert_backlog_age_seconds")
    assert 590 < age < 660
    assert found == {
        "liveblog_alert_backlog": 3,
        "liveblog_alert_subscriptions": 3,
        "liveblog_alert_sent_total": 5,
        "liveblog_alert_failed_total": 4,
        "liveblog_alert_dropped_total": 3,
        "liveblog_alert_expired_total": 1,
    }
