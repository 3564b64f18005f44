"""What readers' alerts say, and when they are sent, to a push service of the tests' own."""

import base64
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone

from liveblog.alerts import queue
from liveblog.alerts.delivery import send_due
from liveblog.alerts.encryption import encrypt
from liveblog.alerts.messages import leave_token
from liveblog.alerts.vapid import public_key
from liveblog.models import Alert, BlogUpdate
from tests.liveblog.alerts.sending import key_event, subscribe
from tests.liveblog.push_service import (
    bytes_of,
    claims_of,
)

pytestmark = pytest.mark.django_db


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
