"""Webhooks, told by real HTTP: what is sent, when it is sent again, and what the log says."""

import base64
import hashlib
import hmac
import itertools
import json
from datetime import timedelta

import pytest
from channels import DEFAULT_CHANNEL_LAYER, channel_layers
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from liveblog.models import BlogUpdate, Delivery, LiveBlog, Webhook
from liveblog.stream.pulse import Pulse
from liveblog.webhooks import backlog, client
from liveblog.webhooks.backlog import BACKOFF, KEPT, prune
from liveblog.webhooks.delivery import deliver_due
from tests.liveblog.webhook_servers import answering, closed, receiving

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver():
    with receiving() as server:
        yield server


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def hook(blog, receiver):
    return Webhook.objects.create(blog=blog, url=receiver.url)


def post(blog, body="Hello", **more):
    return BlogUpdate.objects.create(blog=blog, body=body, **more)


def make_due():
    Delivery.objects.exclude(due=None).update(due=timezone.now())
    Webhook.objects.update(paused_until=None)


def test_every_change_is_told_with_what_readers_get(blog, hook, receiver):
    update = post(blog, "**Go**", headline="H")
    update.body = "No"
    update.save()
    update.delete()
    blog.state = "ended"
    blog.save()
    assert deliver_due() == 4
    told = [json.loads(received.body) for received in receiver.got]
    events = ["update.created", "update.changed", "update.deleted", "blog.changed"]
    assert [message["type"] for message in told] == events
    assert [message["data"]["revision"] for message in told] == [1, 2, 3, 4]
    first = told[0]["data"]
    assert (first["blog"], first["path"]) == ("demo", f"/liveblog/demo/{update.pk}/")
    assert (first["content"], first["headline"]) == ("<p><strong>Go</strong></p>", "H")
    assert told[2]["data"]["content"] == ""


def test_the_receiver_can_verify_it_by_the_secret(blog, hook, receiver):
    post(blog, "中")
    deliver_due()
    [(headers, body, _)] = receiver.got
    signed = f"{headers['Webhook-id']}.{headers['Webhook-timestamp']}.".encode() + body
    key = base64.b64decode(hook.secret.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["Webhook-signature"] == f"v1,{wanted}"
    assert headers["Content-Type"] == "application/json"


def test_drafts_other_blogs_and_inactive_webhooks_are_not_told(blog, hook, receiver):
    post(blog, draft=True)
    post(blog, publish_at=timezone.now() + timedelta(days=1))
    post(LiveBlog.objects.create(slug="other", title="Other"))
    hook.active = False
    hook.save()
    post(blog)
    assert not Delivery.objects.exists() and deliver_due() == 0


def test_what_was_rolled_back_is_not_told(blog, hook):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        post(blog)
        1 / 0  # noqa: B018
    assert not Delivery.objects.exists()


def test_what_is_refused_is_tried_again_with_growing_delays_then_given_up(blog, hook, receiver):
    receiver.answers = [500] * (len(BACKOFF) + 1)
    post(blog)
    delays = []
    for attempt in range(1, len(BACKOFF) + 2):
        began = timezone.now()
        assert deliver_due() == 0
        delivery = Delivery.objects.get()
        assert (delivery.attempts, delivery.status, delivery.error) == (attempt, 500, "HTTP 500")
        if delivery.due:
            delays.append(delivery.due - began >= timedelta(seconds=BACKOFF[attempt - 1]))
            assert deliver_due() == 0  # not before it is due
        make_due()
    assert delays == [True] * len(BACKOFF)
    assert delivery.due is None and delivery.delivered is None
    assert len(receiver.got) == len(BACKOFF) + 1
    assert len({received.headers["Webhook-id"] for received in receiver.got}) == 1


def test_one_that_works_again_gets_all_it_missed(blog, hook, receiver):
    receiver.answers = [503]
    post(blog, "One"), post(blog, "Two")
    assert deliver_due() == 0 and len(receiver.got) == 1  # it is paused
    make_due()
    assert deliver_due() == 2
    assert not Delivery.objects.filter(delivered=None).exists()


def test_one_that_is_down_does_not_hold_up_the_others(blog, hook, receiver):
    url = closed()
    Webhook.objects.create(blog=blog, url=url)
    post(blog), post(blog)
    assert deliver_due() == 2
    failed = Delivery.objects.filter(webhook__url=url).order_by("pk").first()
    assert failed.status is None and "refused" in failed.error


@pytest.mark.parametrize("status", [301, 302, 307, 404])
def test_no_redirect_is_followed(blog, hook, receiver, status):
    receiver.answers = [status]
    post(blog)
    assert deliver_due() == 0
    assert len(receiver.got) == 1 and Delivery.objects.get().status == status


def test_one_that_answers_without_end_is_given_up(blog, monkeypatch):
    monkeypatch.setattr(client, "TIMEOUT", 0.3)
    endless = itertools.chain([b"HTTP/1.1 200 OK\r\nX: "], itertools.repeat(b"x"))
    with answering(endless) as port:
        Webhook.objects.create(blog=blog, url=f"http://127.0.0.1:{port}/hook")
        post(blog)
        assert deliver_due() == 0
    assert Delivery.objects.get().error == "no answer within 0.3 s"


def test_what_is_no_http_is_noted_so_that_every_database_takes_it(blog):
    with answering([b"\0\xff\r\n\r\n"]) as port:
        Webhook.objects.create(blog=blog, url=f"http://127.0.0.1:{port}/hook")
        post(blog)
        assert deliver_due() == 0
    [delivery] = Delivery.objects.all()
    assert delivery.error.isprintable() and delivery.due


def test_an_address_may_hold_other_letters(blog, receiver):
    Webhook.objects.create(blog=blog, url=f"{receiver.url}/新闻?r=体育")
    post(blog)
    assert deliver_due() == 1


def test_a_webhook_that_another_process_has_claimed_is_left_to_it(blog, hook, receiver):
    post(blog)
    [claimed] = backlog.claim(1, 1)
    assert claimed == hook
    assert deliver_due() == 0 and receiver.got == []
    # That process has died.
    Webhook.objects.update(claimed_until=timezone.now())
    assert deliver_due() == 1


def test_the_log_forgets_what_is_over_and_old(blog, hook):
    post(blog), post(blog)
    old = timezone.now() - KEPT - timedelta(minutes=1)
    Delivery.objects.update(created=old)
    Delivery.objects.filter(revision=1).update(due=None)
    assert prune() == 1
    assert Delivery.objects.get().revision == 2


@pytest.mark.parametrize("url", ["ftp://example.com/", "javascript:x", "example.com", "http://"])
def test_an_address_that_is_none_is_refused(blog, url):
    with pytest.raises(ValidationError):
        Webhook(blog=blog, url=url).full_clean()


@pytest.mark.django_db(transaction=True)
def test_the_pulse_lets_them_be_told(blog, hook, receiver):
    others = Pulse(channel_layers[DEFAULT_CHANNEL_LAYER]).round
    others.run()
    assert others.deliveries.thread is None  # nothing is due
    post(blog)
    others.run()
    others.deliveries.thread.join()
    assert len(receiver.got) == 1 and Delivery.objects.get().delivered


def test_the_admin_shows_the_log_and_sends_again(client, blog, hook, receiver):
    client.force_login(User.objects.create_superuser("root"))
    post(blog)
    deliver_due()
    listed = "/admin/liveblog/delivery/"
    assert "update.created" in client.get(listed).content.decode()
    delivery = Delivery.objects.get()
    data = {"action": "send_again", "_selected_action": [delivery.pk]}
    assert client.post(listed, data).status_code == 302
    assert deliver_due() == 1 and len(receiver.got) == 2
    page = client.get(f"/admin/liveblog/webhook/{hook.pk}/change/").content.decode()
    assert hook.secret in page
    data = {"blog": blog.pk, "url": "https://example.com/hook", "active": "on"}
    assert client.post("/admin/liveblog/webhook/add/", data).status_code == 302
    assert blog.webhooks.count() == 2
