"""Readers' alerts, over real HTTPS to a push service of the tests' own, which decrypts them."""

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries

from liveblog.alerts import delivery, queue
from liveblog.alerts.delivery import send_due
from liveblog.alerts.encryption import encrypt
from liveblog.alerts.messages import leave_token
from liveblog.alerts.models import digest_of
from liveblog.alerts.queue import BACKOFF, ENDED_FOR, FAILING_FOR, requested, retry_at
from liveblog.alerts.subscribing import SUBSCRIPTIONS
from liveblog.alerts.vapid import public_key
from liveblog.models import Alert, AlertDelivery, AlertSubscription, BlogUpdate, LiveBlog
from liveblog.stream.pulse_tasks import Round
from liveblog.webhooks import client as webhook_client
from liveblog.webhooks.messages import Response
from tests.liveblog.push_service import (
    Browser,
    PushService,
    bytes_of,
    claims_of,
    make_certificate,
    push_service,
)
from tests.liveblog.webhook_servers import hanging

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("push"))


@pytest.fixture
def service(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # of OpenSSL
    with push_service(certificate) as server:
        yield server


@pytest.fixture
def blog() -> LiveBlog:
    return LiveBlog.objects.create(slug="demo", title="To the Moon")


def subscribe(blog: LiveBlog, origin: str, number: int = 1, **more: object) -> list[Browser]:
    """Subscribe so many browsers, whose paths are /1, /2, …"""
    browsers = [Browser(f"/{n}", key=n) for n in range(1, number + 1)]
    AlertSubscription.objects.bulk_create(
        AlertSubscription(
            blog=blog,
            endpoint=origin + browser.path,
            digest=digest_of(origin + browser.path),
            **{"language": "en", **browser.keys, **more},
        )
        for browser in browsers
    )
    return browsers


def key_event(blog: LiveBlog, **more: object) -> BlogUpdate:
    fields = {"headline": "The Eagle has landed", "body": "At 20:17.", "key_event": True, **more}
    return BlogUpdate.objects.create(blog=blog, **fields)


def make_due() -> None:
    AlertDelivery.objects.update(due=timezone.now())


# What is sent


def test_a_key_event_arrives_encrypted_for_the_browser_and_signed_by_the_site(blog, service):
    [browser] = subscribe(blog, service.origin)
    update = key_event(blog)
    assert send_due() == 1
    [received] = service.got
    content = browser.decrypt(received.body)
    leave = content.pop("leave")
    assert content == {
        "title": "The Eagle has landed",
        "body": "To the Moon",
        "tag": f"event-{update.alert.pk}",
        "url": f"/liveblog/demo/{update.pk}/",
        "leave_text": "Stop these alerts",
    }
    assert leave == f"/alerts/leave/{leave_token(blog.subscriptions.get())}/"
    headers = received.headers
    assert (headers["Content-Encoding"], headers["Urgency"]) == ("aes128gcm", "normal")
    assert 3.9 * 3600 < int(headers["TTL"]) <= 4 * 3600
    assert headers["Topic"] == f"blog-{blog.pk}"  # a device that was off gets the newest alone
    claims = claims_of(received, public_key())
    assert (claims["aud"], claims["sub"]) == (service.origin, "https://localhost")
    assert 0 < claims["exp"] - time.time() <= 24 * 3600


def test_the_encryption_is_that_of_the_example_in_rfc_8291():
    """Appendix A."""
    sender = ec.derive_private_key(
        int.from_bytes(bytes_of("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")), ec.SECP256R1()
    )
    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        bytes_of(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ),
        bytes_of("BTBZMqHH6r4Tts7J_aSIgg"),
        sender=sender,
        salt=bytes_of("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert base64.urlsafe_b64encode(body).decode().rstrip("=") == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tl"
        "zAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4"
        "a-fN"
    )


def test_a_message_without_headline_has_the_first_words_and_the_readers_language(blog, service):
    [browser] = subscribe(blog, service.origin, language="zh-hans")
    key_event(blog, headline="", body="**Wir sind da.** " + "lang " * 2000)
    send_due()
    content = browser.decrypt(service.got[0].body)
    assert content["title"].startswith("Wir sind da. lang") and len(content["title"]) <= 120
    assert content["leave_text"] == "停止这些提醒"


def test_an_event_is_sent_once_however_often_it_is_edited(blog, service):
    subscribe(blog, service.origin, 3)
    update = key_event(blog)
    assert send_due() == 3
    for number in range(3):
        update.body = f"Edit {number}"
        update.save()
        assert send_due() == 0
    update.key_event = False
    update.save()
    update.key_event = True
    update.save()
    assert send_due() == 0 and len(service.got) == 3


def test_a_post_that_becomes_a_key_event_later_is_sent_then(blog, service):
    subscribe(blog, service.origin)
    update = BlogUpdate.objects.create(blog=blog, body="Hello", created=timezone.now())
    draft = key_event(blog, draft=True)
    BlogUpdate.objects.filter(pk=update.pk).update(created=timezone.now() - timedelta(days=2))
    assert send_due() == 0
    update.refresh_from_db()
    update.key_event = True
    update.save()
    assert send_due() == 1
    draft.draft = False
    draft.save()
    assert send_due() == 1


def test_an_event_that_is_withdrawn_before_it_is_sent_is_not_sent(blog, service):
    subscribe(blog, service.origin)
    update = key_event(blog)
    update.delete()
    assert send_due() == 0
    other = key_event(blog)
    assert queue.queue_next()
    other.key_event = False
    other.save()
    assert send_due() == 0 and service.got == []


def test_an_event_that_is_reached_too_late_is_counted_and_not_sent(blog, service, caplog):
    subscribe(blog, service.origin)
    update = key_event(blog)
    Alert.objects.update(created=timezone.now() - timedelta(minutes=61))
    assert send_due() == 0
    assert Alert.objects.get(update=update).expired
    assert "reached too late" in caplog.text
    assert send_due() == 0 and service.got == []


def test_imported_key_events_alert_nobody(blog, service):
    subscribe(blog, service.origin)
    update = key_event(blog, created=datetime(1969, 7, 20, 20, 17, tzinfo=UTC))
    update.body = "Edited"
    update.save()
    assert send_due() == 0


def test_while_alerts_are_off_nothing_is_sent_then_or_later(blog, service, settings):
    settings.ALERTS = False
    subscribe(blog, service.origin)
    update = key_event(blog)
    settings.ALERTS = True
    update.save()
    assert send_due() == 0


# What becomes of it


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


# Readers


def send(
    address: str,
    origin: str | None = "http://testserver",
    reader: str | None = None,
    **sent: object,
) -> tuple[int, dict]:
    """POST it as a reader's page does. `reader`: the address; None: a new one."""
    headers = {} if origin is None else {"Origin": origin}
    reader = reader or f"2001:db8::{secrets.token_hex(2)}"
    answer = Client(enforce_csrf_checks=True, REMOTE_ADDR=reader).post(
        f"/alerts/{address}/", json.dumps(sent), content_type="application/json", headers=headers
    )
    return answer.status_code, answer.json()


def sent_by(browser: Browser, origin: str = "https://push.example") -> dict[str, object]:
    return {"endpoint": origin + browser.path, "keys": browser.keys, "expirationTime": None}


def slugs(answer: tuple[int, dict]) -> list[str]:
    assert answer[0] == 200, answer
    return [blog["slug"] for blog in answer[1]["blogs"]]


def test_a_browser_subscribes_is_listed_and_leaves_one_or_all(blog):
    for slug in ("second", "third"):
        LiveBlog.objects.create(slug=slug, title=slug)
    browser, stranger = Browser("/a"), Browser("/b")
    assert slugs(send("subscribe", blog="demo", **sent_by(browser))) == ["demo"]
    assert slugs(send("subscribe", blog="demo", **sent_by(browser))) == ["demo"]  # once
    send("subscribe", blog="second", **sent_by(browser))
    send("subscribe", blog="third", **sent_by(browser))
    send("subscribe", blog="demo", **sent_by(stranger))
    endpoint = sent_by(browser)["endpoint"]
    assert slugs(send("subscriptions", endpoint=endpoint)) == ["third", "second", "demo"]
    assert slugs(send("unsubscribe", endpoint=endpoint, blog="third")) == ["second", "demo"]
    assert slugs(send("unsubscribe", endpoint=endpoint)) == []
    assert blog.subscriptions.count() == 1


def test_a_browser_that_moves_keeps_its_blogs(blog):
    before, after = sent_by(Browser("/a")), sent_by(Browser("/b"))
    send("subscribe", blog="demo", **before)
    assert slugs(send("renew", old=before["endpoint"], **after)) == ["demo"]
    assert slugs(send("subscriptions", endpoint=before["endpoint"])) == []
    send("subscribe", blog="demo", **before)
    assert slugs(send("renew", old=before["endpoint"], **after)) == ["demo"]
    assert blog.subscriptions.count() == 1


GOOD = sent_by(Browser("/a", key=1))


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"endpoint": "http://push.example/a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://"}, 422, "bad_endpoint"),
        ({"endpoint": "https://[::1"}, 422, "bad_endpoint"),
        ({"endpoint": "https://push.example:x/a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://user@push.example/a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://push.example/ a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://push.example/" + "a" * 1000}, 422, "bad_endpoint"),
        ({"endpoint": "https://127.0.0.1/a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://localhost./a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://10.1.2.3/a"}, 422, "bad_endpoint"),
        ({"endpoint": "https://[::ffff:192.168.0.1]/a"}, 422, "bad_endpoint"),
        ({"endpoint": 5}, 422, "bad_endpoint"),
        ({"keys": None}, 422, "bad_keys"),
        ({"keys": {}}, 422, "bad_keys"),
        ({"keys": GOOD["keys"] | {"auth": "AAAA"}}, 422, "bad_keys"),
        ({"keys": GOOD["keys"] | {"p256dh": "AAAA"}}, 422, "bad_keys"),
        # 65 bytes, but no point of the curve
        ({"keys": GOOD["keys"] | {"p256dh": "BA" + "A" * 85}}, 422, "bad_keys"),
        ({"keys": GOOD["keys"] | {"p256dh": "é"}}, 422, "bad_keys"),
        ({"blog": "nowhere"}, 404, "unknown_blog"),
        ({"blog": "x" * 5000}, 413, "too_long"),
        ({"origin": "https://evil.example"}, 403, "csrf"),
        ({"origin": None}, 403, "csrf"),
        ({"origin": "null"}, 403, "csrf"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(blog, settings, wrong, status, code):
    settings.ALERTS_NETWORKS = []
    found, frame = send("subscribe", **{"blog": "demo", **GOOD, **wrong})
    assert (found, frame["code"]) == (status, code)
    assert frame["message"].endswith(".") and not AlertSubscription.objects.exists()


def test_an_ended_blog_takes_no_subscription(blog):
    blog.state = "ended"
    blog.save()
    assert send("subscribe", blog="demo", **GOOD)[0] == 409


def test_one_address_cannot_fill_the_table(blog):
    SUBSCRIPTIONS.count("192.0.2.7", 59)
    statuses = [send("subscribe", reader="192.0.2.7", blog="demo", **GOOD)[0] for _ in range(2)]
    assert statuses == [200, 429]


def test_the_link_in_an_alert_ends_it(blog, client):
    subscribe(blog, "https://push.example", 2)
    first, second = blog.subscriptions.order_by("pk")
    address = f"/alerts/leave/{leave_token(first)}/"
    page = client.get(address)
    assert "To the Moon" in page.content.decode() and page["Cache-Control"].count("no-store")
    assert client.post(address, headers={"Origin": "https://evil.example"}).status_code == 403
    assert blog.subscriptions.count() == 2
    own = {"Origin": "http://testserver"}
    assert "These alerts are off" in client.post(address, headers=own).content.decode()
    assert blog.subscriptions.get() == second
    assert client.post(address, headers=own).status_code == 200  # twice
    assert client.post("/alerts/leave/forged/", headers=own).status_code == 200
    assert blog.subscriptions.get() == second


def test_alerts_are_offered_where_browsers_have_them(blog, client, settings):
    def is_offered(**options: object) -> bool:
        return b"data-alerts" in client.get("/liveblog/demo/", **options).content

    settings.ALLOWED_HOSTS = ["*"]
    assert not is_offered()  # http://testserver
    assert is_offered(secure=True)
    assert is_offered(headers={"Host": "localhost:8000"})
    settings.ALERTS = False
    assert not is_offered(secure=True)
    assert client.get("/alerts/").status_code == 404
    assert send_off() == 404


def send_off() -> int:
    return Client().post("/alerts/subscribe/", "{}", content_type="application/json").status_code


def test_the_page_needs_a_script_and_says_so(blog, client):
    page = client.get("/alerts/?blog=demo").content.decode()
    assert "<noscript>" in page and "Alerts need JavaScript" in page and "To the Moon" in page
    assert client.get("/alerts/?blog=nowhere").status_code == 404


def test_a_live_blog_can_be_a_web_app(blog, client):
    """Which opens on the live blog: iPhones and iPads have push in web apps only."""
    page = client.get("/alerts/?blog=demo").content.decode()
    [address] = re.findall('rel="manifest" href="([^"]+)"', page)
    app = client.get(address).json()
    assert (app["name"], app["start_url"]) == ("To the Moon", "/liveblog/demo/")
    assert app["display"] == "standalone"
    assert client.get("/alerts/app.webmanifest").json()["name"] == "Live blogs"


def test_the_service_worker_is_revalidated_and_has_no_fetch_handler(client):
    answer = client.get("/alerts/sw.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Cache-Control"] == "no-cache"
    script = answer.content.decode()
    assert "caches" not in script and 'addEventListener("fetch"' not in script


def test_editors_read_how_many_a_key_event_alerts(blog, admin_client):
    page = admin_client.get("/liveblog/demo/edit/").content.decode()
    assert "Key event</label>" in page
    subscribe(blog, "https://push.example", 2)
    page = admin_client.get("/liveblog/demo/edit/").content.decode()
    assert "Key event (alerts 2 readers)</label>" in page


def test_an_export_has_no_subscriptions(blog, client):
    subscribe(blog, "https://push.example")
    key_event(blog)
    assert b"push.example" not in client.get("/liveblog/demo/export.json").content
