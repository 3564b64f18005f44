"""Subscribed browsers and key events for the tests of alerts."""

from django.utils import timezone

from liveblog.alerts.models import digest_of
from liveblog.models import AlertDelivery, AlertSubscription, BlogUpdate, LiveBlog
from tests.liveblog.push_service import (
    Browser,
)


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
