"""Fetches what a card shows: from the provider's oEmbed, else from the page itself.

A picture is converted by liveblog.pictures and kept here, so that no reader's browser requests
anything from the other site.
"""

import io
import logging
import ssl
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from PIL import Image

from liveblog.api.errors import Refusal
from liveblog.link_cards.client import FetchError, Resource, fetch
from liveblog.link_cards.facts import Facts, facts_of_oembed, facts_of_page
from liveblog.link_cards.providers import Frame, frame_of
from liveblog.link_cards.rendering import LinkCard
from liveblog.pictures.images import FORMATS, QUALITY, picture_of
from liveblog.pictures.storage import store

logger = logging.getLogger(__name__)

LARGEST_PAGE = 512 << 10  # bytes; what a page says of itself is at its beginning
LARGEST_OEMBED = 128 << 10
LARGEST_PICTURE = 5 << 20
PIXELS = 16_000_000  # Open Graph's pictures have about a million; the pulse converts them
WIDEST, HIGHEST = 960, 960  # px; twice what a phone shows
HTML = ("text/html", "application/xhtml+xml")


class Fetched(NamedTuple):
    """`resolved`: the address after redirects; `picture`: a file, or b"" if there is none."""

    facts: Facts
    resolved: str
    picture: bytes


async def fetch_card(address: str, tls: ssl.SSLContext) -> Fetched:
    """Fetch what there is for the address. Raises FetchError if that makes no card."""
    frame, resolved = frame_of(address), address
    facts = Facts()
    if frame is None or not frame.provider.oembed:
        page = await fetch(address, "text/html", LARGEST_PAGE, tls)
        resolved = page.address
        if found := frame_of(resolved):  # a short address of a provider
            frame = found
        elif frame:
            raise FetchError("it leads elsewhere, perhaps to a login", is_final=True)
        if not (frame and frame.provider.oembed):
            facts = await facts_from_page(page, tls)
    if frame and frame.provider.oembed:
        facts = await facts_from_provider(frame, resolved, tls)
    if not (facts.title or facts.text):
        raise FetchError("it has no title", is_final=True)
    return Fetched(facts, resolved, await picture(facts.picture, tls))


async def facts_from_provider(frame: Frame, address: str, tls: ssl.SSLContext) -> Facts:
    source = frame.provider.oembed_address(address)
    facts = parse_oembed(await fetch(source, "application/json", LARGEST_OEMBED, tls))
    return replace(facts, site=frame.provider.name)


async def facts_from_page(page: Resource, tls: ssl.SSLContext) -> Facts:
    if page.kind not in HTML:
        raise FetchError(f"it is {page.kind}", is_final=True)
    found = facts_of_page(page.content, page.charset, page.address)
    facts = found.facts
    # Mastodon and many others describe their pages by oEmbed, too, which names the author.
    if found.oembed and not (facts.title and facts.author and facts.picture):
        try:
            answer = await fetch(found.oembed, "application/json", LARGEST_OEMBED, tls)
            facts = facts.completed(parse_oembed(answer))
        except FetchError as error:
            logger.info("oEmbed of %s: %s", page.address, error.reason)
    return replace(facts, site=facts.site or urlsplit(page.address).hostname or "")


def parse_oembed(answer: Resource) -> Facts:
    """Raises FetchError."""
    if answer.is_cut:
        raise FetchError(f"more than {LARGEST_OEMBED} bytes", is_final=True)
    try:
        return facts_of_oembed(answer.content, answer.address)
    except ValueError:
        raise FetchError("it is no oEmbed", is_final=True) from None


async def picture(address: str, tls: ssl.SSLContext) -> bytes:
    """The file, or b"": a card can do without."""
    if not address:
        return b""
    try:
        found = await fetch(address, "image/*", LARGEST_PICTURE, tls)
    except FetchError as error:
        logger.info("The picture %s: %s", address, error.reason)
        return b""
    return b"" if found.is_cut else found.content


def as_card(address: str, found: Fetched) -> LinkCard:
    """The card, with its picture stored. Raises OSError from the disk.

    A post without a title has its author's name instead.
    """
    facts = found.facts
    return LinkCard(
        title=facts.title or facts.author,
        author=facts.author if facts.title else "",
        site=facts.site,
        text=facts.text if facts.text != facts.title else "",
        picture=store_picture(found.picture) if found.picture else "",
        resolved=found.resolved if found.resolved != address and frame_of(found.resolved) else "",
    )


def store_picture(content: bytes) -> str:
    """The picture's address on this site; "" for what is none, or too large."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            if opened.width * opened.height > PIXELS:
                return ""
        image = picture_of(content).image
    except (Refusal, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        logger.info("A card has no picture: %r", error)
        return ""
    image.thumbnail((WIDEST, HIGHEST))
    made = io.BytesIO()
    image.save(made, "WEBP", quality=QUALITY)
    return store(made.getvalue(), *image.size)
