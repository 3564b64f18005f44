"""The reader's page as schema.org's LiveBlogPosting, for search engines: JSON-LD in the page."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urljoin

from django.utils.safestring import SafeString, mark_safe

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.stream.frames import timestamp
from liveblog.text.excerpts import (
    Clip,
    clips_of,
    description_of,
    first_image,
    read,
    text_of,
    title_of,
)

Facts = dict[str, Any]  # a JSON-LD object

# In a <script> only "<" ends or opens anything; ">" and "&" are for XML's sake.
IN_SCRIPT = str.maketrans({"<": "\\u003C", ">": "\\u003E", "&": "\\u0026"})


def live_blog_posting(blog: LiveBlog, rows: Iterable[BlogUpdate], site: str) -> Facts:
    """The blog with the updates of one page. `site`: the absolute URL of the site's root."""
    posting: Facts = {
        "@context": "https://schema.org",
        "@type": "LiveBlogPosting",
        "@id": urljoin(site, blog.get_absolute_url()),
        "url": urljoin(site, blog.get_absolute_url()),
        "headline": blog.title,
        "description": blog.description,
        "abstract": read(blog.summary_content).text,
        "datePublished": timestamp(blog.created),
        "dateModified": timestamp(blog.changed),
        "coverageStartTime": timestamp(blog.starts_at or blog.created),
        "coverageEndTime": timestamp(blog.ended),
        "liveBlogUpdate": [posting_of(blog, row, site) for row in rows],
    }
    return without_empty(posting)


def posting_of(blog: LiveBlog, row: BlogUpdate, site: str) -> Facts:
    row.blog = blog  # spares a query a row
    address = urljoin(site, row.get_absolute_url())
    return without_empty(
        {
            "@type": "BlogPosting",
            "@id": address,
            "url": address,
            "headline": title_of(row),
            "datePublished": timestamp(row.created),
            "dateModified": timestamp(row.edited or row.created),
            "articleBody": text_of(row),
            "image": image_of(row, site),
            "video": media_of(row, "video", site),
            "audio": media_of(row, "audio", site),
            "correction": row.correction and {"@type": "CorrectionComment", "text": row.correction},
            "author": row.author and {"@type": "Person", "name": row.author},
        }
    )


def image_of(row: BlogUpdate, site: str) -> Facts | None:
    image = first_image(row)
    return image and without_empty(
        {
            "@type": "ImageObject",
            "url": urljoin(site, image.address),
            "width": image.size and image.size.width,
            "height": image.size and image.size.height,
            "caption": image.alt,
            "creditText": image.credit,
        }
    )


def media_of(row: BlogUpdate, kind: str, site: str) -> list[Facts] | None:
    """The videos or the audio files of the update; None where there are none."""
    return [clip_of(row, clip, site) for clip in clips_of(row) if clip.kept.kind == kind] or None


def clip_of(row: BlogUpdate, clip: Clip, site: str) -> Facts:
    return without_empty(
        {
            "@type": "VideoObject" if clip.kept.kind == "video" else "AudioObject",
            "name": clip.name or title_of(row),
            "description": clip.name or description_of(row),
            "contentUrl": urljoin(site, clip.address),
            "encodingFormat": clip.mime_type,
            "uploadDate": timestamp(row.created),
            "thumbnailUrl": clip.poster and urljoin(site, clip.poster),
            "width": clip.kept.size and clip.kept.size.width,
            "height": clip.kept.size and clip.kept.size.height,
        }
    )


def without_empty(facts: Facts) -> Facts:
    """The facts without those whose value is empty."""
    return {name: value for name, value in facts.items() if value not in ("", None)}


def in_script(value: object) -> SafeString:
    """The value as JSON that may stand in a <script> element, whatever its texts hold."""
    return mark_safe(json.dumps(value, ensure_ascii=False).translate(IN_SCRIPT))
