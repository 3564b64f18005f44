"""Fetches the cards that are due, in a thread of the pulse, and adds them to their updates.

A process claims a request by moving its `due`, so that no other fetches the same; if it dies, the
request is due again. A failure that may pass is tried again after BACKOFF, then given up.
"""

import asyncio
import logging
import ssl
from datetime import timedelta
from functools import cache

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from liveblog.link_cards.client import FetchError
from liveblog.link_cards.fetching import Fetched, as_card, fetch_card
from liveblog.link_cards.rendering import lone_addresses
from liveblog.models import BlogUpdate, LinkCardRequest, LiveBlog

logger = logging.getLogger(__name__)

AT_ONCE = 4  # of one batch, so also the number of pictures in memory, of 5 MiB each
CLAIM = timedelta(minutes=2)  # longer than a batch: four resources of 6 s each
BACKOFF = (30, 300, 3600)  # s after the first, second … failure; then the link stays a link


def due() -> models.QuerySet[LinkCardRequest]:
    return LinkCardRequest.objects.filter(due__lte=timezone.now())


def anything_due() -> bool:
    return settings.LINK_CARDS and due().exists()


def fetch_due() -> None:
    """Fetch until nothing is due. Raises Django's database errors."""
    while batch := claim():
        results = asyncio.run(fetch_all([request.address for request in batch]))
        for request, result in zip(batch, results, strict=True):
            settle(request, result)


def claim() -> list[LinkCardRequest]:
    claimed = []
    for request in due().order_by("due", "pk")[:AT_ONCE]:
        mine = LinkCardRequest.objects.filter(pk=request.pk, due=request.due)
        if mine.update(due=timezone.now() + CLAIM, attempts=models.F("attempts") + 1):
            request.attempts += 1
            claimed.append(request)
    return claimed


@cache
def tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # reads the system's certificates: once is enough


async def fetch_all(addresses: list[str]) -> list[Fetched | BaseException]:
    return await asyncio.gather(
        *(fetch_card(address, tls()) for address in addresses), return_exceptions=True
    )


def settle(request: LinkCardRequest, result: Fetched | BaseException) -> None:
    """Add the card to the update, or note the failure. Raises Django's database errors."""
    if isinstance(result, Fetched):
        try:
            card = as_card(request.address, result)
        except OSError as error:  # the disk is full
            result = error
        else:
            add_card(request, dict(card))
            return
    if not isinstance(result, Exception):
        raise result
    is_final = isinstance(result, FetchError) and result.is_final
    if not isinstance(result, FetchError | OSError):
        logger.error("The card of %s could not be made", request.address, exc_info=result)
        is_final = True
    later = None
    if not is_final and request.attempts <= len(BACKOFF):
        later = timezone.now() + timedelta(seconds=BACKOFF[request.attempts - 1])
    logger.info(
        "No card of %s%s: %s", request.address, "" if later else ", it stays a link", result
    )
    LinkCardRequest.objects.filter(pk=request.pk).update(due=later)


@transaction.atomic
def add_card(request: LinkCardRequest, card: dict[str, object]) -> None:
    """Add the card as the blog's next revision, unless the update no longer has the address."""
    update = BlogUpdate.objects.filter(pk=request.update_id).first()
    if update is None:
        return
    LiveBlog.objects.select_for_update().filter(pk=update.blog_id).first()
    update.refresh_from_db()
    request.delete()
    if update.deleted or request.address not in lone_addresses(update.text_html):
        return
    update.link_cards = {**update.link_cards, request.address: card}
    update.save(update_fields=["link_cards"])
