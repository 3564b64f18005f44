"""`/oembed?url=…&format=json`: live blogs and posts for sites that embed addresses (oEmbed 1.0).

A live blog or post becomes a frame. WordPress keeps of the HTML of a site that it does not trust
only a quotation and a frame, so it consists of those. Where EMBED_ORIGINS names no site, frames
would be refused, and the answer is of type `link`.
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from conversations.read_only import read_only
from conversations.refusals import error_frame
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading.cards import Card, card_of_blog, card_of_post
from liveblog.reading.embed import FRAMED
from liveblog.reading.views import briefly_public, json_response
from liveblog.stream.frames import page_of_updates
from liveblog.stream.revisions import whole_number

WIDTH = 600  # px, where the site names no limit
HEIGHT_OF_BLOG, HEIGHT_OF_POST = 640, 360  # px; longer content scrolls inside the frame
CACHE_AGE = 3600  # s that a site may keep the answer; the frame itself stays up to date


@read_only
@briefly_public
def oembed(request: HttpRequest) -> HttpResponse:
    """404 for an address of no live blog or post, 501 for another format than JSON."""
    if request.GET.get("format", "json") != "json":
        return json_response(error_frame("bad_format", _("Only the format json is offered.")), 501)
    try:
        blog, row = requested(request)
    except Http404:
        sentence = _("There is no live blog at this address.")
        return json_response(error_frame("unknown_blog", sentence), 404)
    if row is None:
        rows = page_of_updates(blog, FRAMED)
        card = card_of_blog(request, blog, None, rows)
        frame = reverse("liveblog:embed", args=[blog.slug])
    else:
        card = card_of_post(request, row)
        frame = reverse("liveblog:embed_post", args=[blog.slug, row.pk])
    author = row.author if row else ""
    facts = describe(request, card, author) | framed(request, card, frame, row is not None)
    return json_response(facts)


def requested(request: HttpRequest) -> tuple[LiveBlog, BlogUpdate | None]:
    """The live blog of `?url=`, and the post if it is a post's. Raises Http404."""
    try:
        address = urlsplit(request.GET.get("url", ""))
    except ValueError:
        raise Http404 from None
    if address.scheme not in ("http", "https") or address.netloc != request.get_host():
        raise Http404
    try:
        found = resolve(address.path)
    except Resolver404:
        raise Http404 from None
    if found.view_name not in ("liveblog:reader", "liveblog:post"):
        raise Http404
    blog = LiveBlog.objects.filter(slug=found.kwargs["slug"]).first()
    if blog is None:
        raise Http404
    pk = found.kwargs.get("pk") or whole_number(address.fragment.removeprefix("update-"))
    row = blog.updates.visible().filter(pk=pk).first() if pk else None
    if row is None and "pk" in found.kwargs:
        raise Http404
    if row is not None:
        row.blog = blog
    return blog, row


def describe(request: HttpRequest, card: Card, author: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "version": "1.0",
        "title": card["title"],
        "provider_name": settings.BRAND.name or request.get_host(),
        "provider_url": request.build_absolute_uri("/"),
        "cache_age": CACHE_AGE,
    }
    if author:
        facts["author_name"] = author
    image = card["image"]
    if card["is_large"] and image.size:
        width, height = image.size
        facts |= {
            "thumbnail_url": image.address,
            "thumbnail_width": width,
            "thumbnail_height": height,
        }
    return facts


def framed(request: HttpRequest, card: Card, path: str, is_post: bool) -> dict[str, Any]:
    """The part of the answer that contains the frame."""
    if not settings.EMBED_ORIGINS:
        return {"type": "link"}
    width = most(request, "maxwidth", WIDTH)
    height = most(request, "maxheight", HEIGHT_OF_POST if is_post else HEIGHT_OF_BLOG)
    html = format_html(
        '<blockquote><a href="{}">{}</a></blockquote>'
        '<iframe src="{}" width="{}" height="{}" title="{}" frameborder="0"></iframe>',
        card["address"],
        card["title"],
        request.build_absolute_uri(path),
        width,
        height,
        card["title"],
    )
    return {"type": "rich", "html": html, "width": width, "height": height}


def most(request: HttpRequest, name: str, usual: int) -> int:
    """The usual number of pixels, or the site's limit if that is less."""
    return min(usual, whole_number(request.GET.get(name, "")) or usual)
