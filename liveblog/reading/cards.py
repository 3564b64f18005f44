"""Metadata of a page for social cards and search engines: templates/liveblog/reader/_card.html."""

from typing import TypedDict
from urllib.parse import urljoin

from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.text import Truncator

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.pictures.storage import Size
from liveblog.stream.frames import timestamp
from liveblog.text.excerpts import (
    DESCRIPTION,
    Image,
    description_of,
    first_image,
    read,
    title_of,
)


class Card(TypedDict, total=False):
    """`site`: "" for a blog's own page; `published` and `modified`: ISO 8601, of posts."""

    type: str
    site: str
    title: str
    description: str
    address: str
    published: str | None
    modified: str | None
    image: Image
    is_large: bool  # whether the image is of the page, and not the site's


def card_of_blog(
    request: HttpRequest, blog: LiveBlog, edge: BlogUpdate | None, rows: list[BlogUpdate]
) -> Card:
    """The card of a page with these rows. A first page has the blog's address in either order."""
    description = blog.description or read(blog.summary_content).text
    description = description or (description_of(rows[0]) if rows else "")
    card: Card = {
        "type": "website",
        "site": "",
        "title": blog.title,
        "description": Truncator(" ".join(description.split())).chars(DESCRIPTION),
        "address": blog.get_absolute_url() if edge is None else request.get_full_path(),
    }
    return with_image(request, card, rows)


def card_of_post(request: HttpRequest, row: BlogUpdate) -> Card:
    card: Card = {
        "type": "article",
        "site": row.blog.title,
        "title": title_of(row),
        "description": description_of(row),
        "address": row.get_absolute_url(),
        "published": timestamp(row.created),
        "modified": timestamp(row.edited),
    }
    return with_image(request, card, [row])


def with_image(request: HttpRequest, card: Card, rows: list[BlogUpdate]) -> Card:
    """The card with the first image of the rows, else the site's, and with absolute addresses."""
    address = request.build_absolute_uri(card["address"])
    found = next(filter(None, map(first_image, rows)), None)
    image = found or Image(static("liveblog/shared/card.png"), "", Size(1200, 630))
    image = image._replace(address=urljoin(address, image.address))
    return {**card, "address": address, "image": image, "is_large": bool(found)}
