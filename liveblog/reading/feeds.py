"""`/liveblog/<slug>/feed/`: the newest updates as Atom (RFC 4287); `?key-events` only those.

An entry's id is a tag URI (RFC 4151) of the site's name, the blog's first day and the row, so it
survives edits and a move to https. A deletion removes the entry and updates the feed's time.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import linebreaksbr
from django.utils.feedgenerator import Atom1Feed, Enclosure
from django.utils.html import format_html
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.utils.xmlutils import SimplerXMLGenerator
from django.views.decorators.http import conditional_page

from conversations.read_only import read_only
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading.views import briefly_public
from liveblog.recordings.storage import length_of
from liveblog.stream.frames import PAGE
from liveblog.text.excerpts import Clip, absolute, clips_of, title_of

# XML 1.0, 2.2: characters that are not allowed in a document, not even as references.
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Feed(Atom1Feed):
    """Django's Atom with whole posts as <content>, and the blog's own time as <updated>."""

    def latest_post_date(self) -> datetime:
        return self.feed["changed"]

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        handler.addQuickElement("content", item["content"], {"type": "html"})


@read_only
@conditional_page
@briefly_public
def feed(request: HttpRequest, slug: str) -> HttpResponse:
    # Read before the updates: a change that commits in between makes the next answer newer.
    blog = get_object_or_404(LiveBlog, slug=slug)
    rows = blog.updates.visible()
    if "key-events" in request.GET:
        rows = rows.filter(key_event=True)
    site = request.build_absolute_uri("/")
    text = atom(blog, rows[:PAGE], site, request.build_absolute_uri())
    response = HttpResponse(text, content_type=Feed.content_type)
    response["Last-Modified"] = http_date(blog.changed.timestamp())
    return response


def atom(blog: LiveBlog, rows: Iterable[BlogUpdate], site: str, address: str) -> str:
    """The feed's XML. `site` and `address`: the absolute URLs of the site and of the feed."""
    page = site.removesuffix("/") + blog.get_absolute_url()
    made = Feed(
        title=xml(blog.title),
        link=page,
        description=None,
        subtitle=xml(blog.description),
        author_name=xml(blog.title),  # an entry without an author takes the feed's
        feed_url=address,
        feed_guid=tag(blog, site),
        changed=blog.changed,
    )
    for row in rows:
        add(made, blog, row, site)
    return made.writeString("utf-8")


def add(made: Feed, blog: LiveBlog, row: BlogUpdate, site: str) -> None:
    row.blog = blog  # spares a query a row
    address = site.removesuffix("/") + row.get_absolute_url()
    made.add_item(
        title=xml(title_of(row)),
        link=address,
        description=None,  # type: ignore[arg-type]  # Django writes no <summary> then
        content=xml(absolute(row.feed_content, address) + correction_of(row)),
        unique_id=tag(blog, site, row),
        pubdate=row.created,
        updateddate=row.edited or row.created,
        author_name=xml(row.author) or None,
        enclosures=[enclosure(clip, site) for clip in clips_of(row)],
    )


def enclosure(clip: Clip, site: str) -> Enclosure:
    """A video or audio file, which programs for podcasts download."""
    return Enclosure(urljoin(site, clip.address), str(length_of(clip.address)), clip.mime_type)


def correction_of(row: BlogUpdate) -> str:
    """The note as HTML, or "". In the site's language, because feeds are equal in all of them."""
    if not row.correction:
        return ""
    with override(settings.LANGUAGE_CODE):
        html = "<p><strong>{}</strong> {}</p>"
        return format_html(html, _("Correction:"), linebreaksbr(row.correction))


def tag(blog: LiveBlog, site: str, row: BlogUpdate | None = None) -> str:
    name = urlsplit(site).hostname
    return f"tag:{name},{blog.created:%Y-%m-%d}:{blog.slug}" + (f"/{row.pk}" if row else "")


def xml(text: str) -> str:
    return NO_XML.sub("", text)
