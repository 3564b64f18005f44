"""Webhooks: tells other servers of every change of a blog, signed, and again until it came.

A change writes its deliveries in its own transaction, so none is lost and none is sent of what was
rolled back. The process that pulses sends what is due, in a thread of its own. What is not answered
with 2xx within TIMEOUT is tried again after BACKOFF, then given up. A message may come twice, and
after a later one: `webhook-id` names it, `revision` orders it.

Messages and signatures are those of Standard Webhooks 1.0: headers `webhook-id`,
`webhook-timestamp` (s) and `webhook-signature`, `v1,` and base64 of HMAC-SHA256 over
`<id>.<timestamp>.<body>` with the secret's bytes. No redirect is followed.
"""

import base64
import hashlib
import hmac
import http.client
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import F
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone
from django.utils.encoding import iri_to_uri

from liveblog.frames import blog_frame, encode, timestamp, update_frame
from liveblog.models import BlogUpdate, Delivery, LiveBlog, Webhook
from liveblog.revisions import as_stored

logger = logging.getLogger(__name__)

TIMEOUT = 5  # s for a request, however slowly the other side goes on
# s after the first, second … failure; the last is the day after, when somebody has looked.
BACKOFF = (10, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)
CLAIM = timedelta(seconds=60)  # who claims a delivery and dies lets another have it after this
AT_ONCE = 100  # deliveries in one round
KEPT = timedelta(days=7)  # in the log


# Writing down


@receiver(post_save, sender=BlogUpdate)
def note_update(instance, raw=False, using=None, update_fields=None, **kwargs):
    def frame():
        return update_frame(as_stored(instance, using, update_fields))

    if not (raw or instance.draft):
        note(instance.blog, frame, instance.get_absolute_url, using)


@receiver(post_save, sender=LiveBlog)
def note_blog(instance, created, raw=False, using=None, update_fields=None, **kwargs):
    def frame():
        return blog_frame(as_stored(instance, using, update_fields))

    if not (raw or created):
        note(instance, frame, instance.get_absolute_url, using)


def note(blog, frame_of, path_of, using):
    """Write a delivery for each webhook of the blog, within the change's transaction."""
    hooks = list(Webhook.objects.using(using).filter(blog=blog, active=True))
    if not hooks:
        return
    frame = frame_of()
    event = f"{frame['type']}.{frame.get('action', 'changed')}"
    data = {"blog": blog.slug, "path": path_of()} | frame
    body = encode({"type": event, "timestamp": timestamp(timezone.now()), "data": data})
    Delivery.objects.using(using).bulk_create(
        Delivery(webhook=hook, event=event, revision=frame["revision"], body=body) for hook in hooks
    )


# Sending


class Courier:
    """Sends what is due in a thread, one round at a time."""

    def __init__(self):
        self.thread = None

    def go(self):
        """Start a round unless one is under way, or nothing is due. Raises database errors."""
        if (self.thread is None or not self.thread.is_alive()) and due().exists():
            self.thread = threading.Thread(target=self.round, name="webhooks", daemon=True)
            self.thread.start()

    def round(self):
        try:
            deliver_due()
        except DatabaseError:
            logger.exception("Webhooks were not told; they will be")
        finally:
            connection.close()


def due():
    return Delivery.objects.filter(due__lte=timezone.now(), webhook__active=True)


def deliver_due() -> int:
    """Try what is due, oldest first. Returns how many came. Raises Django's database errors.

    A webhook that fails is left alone for the rest of the round, so that one that is down takes
    no more than its one timeout from the others.
    """
    failing, count = set(), 0
    for delivery in due().select_related("webhook").order_by("due", "pk")[:AT_ONCE]:
        if delivery.webhook_id in failing or not claim(delivery):
            continue
        if attempt(delivery):
            count += 1
        else:
            failing.add(delivery.webhook_id)
    return count


def claim(delivery: Delivery) -> bool:
    """Whether this process may try it: of several, the first to move `due` on."""
    row = Delivery.objects.filter(pk=delivery.pk, due=delivery.due)
    delivery.attempts += 1
    return bool(row.update(due=timezone.now() + CLAIM, attempts=F("attempts") + 1))


def attempt(delivery: Delivery) -> bool:
    """Send it, write down what became of it, and return whether it came."""
    status, error = send(delivery)
    came = status is not None and 200 <= status < 300
    now, failures = timezone.now(), delivery.attempts
    again = None
    if not came and failures <= len(BACKOFF):
        again = now + timedelta(seconds=BACKOFF[failures - 1])
    Delivery.objects.filter(pk=delivery.pk).update(
        status=status, error=error[:200], delivered=now if came else None, due=again
    )
    if not came:
        outlook = f"next try at {timestamp(again)}" if again else "given up"
        logger.warning("%s was not told: %s; %s", delivery.webhook, error, outlook)
    return came


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other: where it leads nobody has allowed."""

    def redirect_request(self, *args, **kwargs):
        return None


class Timed:
    """A connection that ends after TIMEOUT; the timeout of a socket begins anew with each byte."""

    alarm = None

    def connect(self):
        self.alarm = threading.Timer(TIMEOUT, self.cut)
        self.alarm.daemon = True
        self.alarm.start()
        super().connect()

    def cut(self):
        with suppress(OSError, AttributeError):  # not connected yet, or not any more
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        if self.alarm:
            self.alarm.cancel()
        super().close()


class TimedHTTP(Timed, http.client.HTTPConnection):
    pass


class TimedHTTPS(Timed, http.client.HTTPSConnection):
    pass


class HTTP(urllib.request.HTTPHandler):
    def http_open(self, request):
        return self.do_open(TimedHTTP, request)


class HTTPS(urllib.request.HTTPSHandler):
    def https_open(self, request):
        return self.do_open(TimedHTTPS, request)


opener = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}), HTTP, HTTPS)


def send(delivery: Delivery) -> tuple[int | None, str]:
    """(HTTP status or None, what went wrong or "")."""
    body, started = delivery.body.encode(), time.monotonic()
    try:
        address = ascii_path(delivery.webhook.url)
        request = urllib.request.Request(address, body, headers_of(delivery, body))
        with opener.open(request, timeout=TIMEOUT) as response:
            if time.monotonic() - started < TIMEOUT:
                return response.status, ""
            raise TimeoutError  # http.client takes half an answer, which was cut, for a whole one
    except urllib.error.HTTPError as error:
        with error:
            return error.code, f"HTTP {error.code}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() - started >= TIMEOUT:
            return None, f"no answer within {TIMEOUT} s"
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        # It may quote what the other side sent, and no database takes all of that.
        return None, "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in reason)


def ascii_path(url: str) -> str:
    """The address with what is not ASCII percent-encoded; of the host the resolver sees to it."""
    parts = urlsplit(url)
    return parts._replace(path=iri_to_uri(parts.path), query=iri_to_uri(parts.query)).geturl()


def headers_of(delivery: Delivery, body: bytes) -> dict:
    name, now = f"delivery-{delivery.pk}", int(time.time())
    return {
        "Content-Type": "application/json",
        "User-Agent": "liveblog",
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(delivery.webhook.secret, name, now, body),
    }


def signature(secret: str, name: str, moment: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b"%s.%d.%s" % (name.encode(), moment, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def prune() -> int:
    """Forget what came, or was given up, longer ago than KEPT. Returns how many."""
    return Delivery.objects.filter(due=None, created__lt=timezone.now() - KEPT).delete()[0]
