"""Text, images and recordings extracted from a post's HTML, for titles, cards and feeds."""

import re
from functools import lru_cache
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urljoin

from django.utils.text import Truncator

from liveblog.models import BlogUpdate
from liveblog.pictures.storage import Size, size_of
from liveblog.recordings.storage import MIME_TYPES, Kept, kept_at

TITLE = 80  # characters of a title made from the text; a search engine shows some 60
DESCRIPTION = 200  # characters; social cards cut here
# The last word of a title that was cut, unless little would be left: Chinese has no blanks.
LAST_WORD = re.compile(r"(?<=.{40})\s\S*$")

# In the HTML of a post, quotes and angle brackets within attributes are escaped.
ADDRESSED = re.compile(r"<(?:a|img|video|audio|track)\b[^>]*>")
ADDRESS = re.compile(r'(\s(?:href|src|poster)=")([^"]*)')


class Image(NamedTuple):
    """`address` may be relative to the site; `size`: None if unknown; `credit`: "" if none."""

    address: str
    alt: str
    size: Size | None
    credit: str = ""


class Clip(NamedTuple):
    """A video or audio file of this site; `name`: its description; `poster`: an address, or ""."""

    address: str
    kept: Kept
    name: str
    poster: str

    @property
    def mime_type(self) -> str:
        return MIME_TYPES[self.kept.extension]


class ExcerptParser(HTMLParser):
    """The text, the first image and the recordings of sanitised HTML."""

    # fmt: off
    BREAKS = {
        "blockquote", "br", "figcaption", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
        "td", "th", "ul",
    }
    # fmt: on

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.outside: list[str] = []  # of the parts, those that are not in a caption
        self.image: Image | None = None
        self.clips: list[Clip] = []
        self.is_credit = self.is_caption = False
        self.feed(html)
        self.close()

    @staticmethod
    def in_one_line(parts: list[str]) -> str:
        return " ".join("".join(parts).split())

    def add(self, text: str) -> None:
        self.parts.append(text)
        if not self.is_caption:
            self.outside.append(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in self.BREAKS:
            self.add(" ")
        self.is_caption = self.is_caption or tag == "figcaption"
        self.is_credit = tag == "small"  # only figures have it
        found = dict(attributes)
        if tag == "img" and not self.image:
            address = found["src"] or ""
            self.image = Image(address, found.get("alt") or "", size_of(address))
        if tag in ("video", "audio"):
            self.add_clip(found)

    def add_clip(self, attributes: dict[str, str | None]) -> None:
        address, poster = attributes["src"] or "", attributes.get("poster") or ""
        name, kept = attributes.get("aria-label") or "", kept_at(address)
        if kept:
            self.clips.append(Clip(address, kept, name, poster))
        if poster and not self.image:
            self.image = Image(poster, name, size_of(poster))

    def handle_endtag(self, tag: str) -> None:
        self.is_caption = self.is_caption and tag != "figcaption"
        if tag in self.BREAKS:
            self.add(" ")

    def handle_data(self, data: str) -> None:
        if self.is_credit and self.image and not self.image.credit:
            self.image = self.image._replace(credit=data.strip())
        self.add(data)


class Excerpt(NamedTuple):
    """`text`: without markup, in one line; `image`: the first, which may be a video's poster.

    `lead`: the text without the captions, or the text if there is nothing else.
    """

    text: str
    lead: str
    image: Image | None
    clips: tuple[Clip, ...]


# A page needs up to 50, which hardly ever change. Bounded to 100 MB.
@lru_cache(maxsize=512)
def read(html: str) -> Excerpt:
    """The excerpt of a post's HTML."""
    parser = ExcerptParser(html)
    text, lead = parser.in_one_line(parser.parts), parser.in_one_line(parser.outside)
    return Excerpt(text, lead or text, parser.image, tuple(parser.clips))


def text_of(update: BlogUpdate) -> str:
    return read(update.text_html).text


def lead_of(update: BlogUpdate) -> str:
    return read(update.text_html).lead


def first_image(update: BlogUpdate) -> Image | None:
    return read(update.text_html).image


def clips_of(update: BlogUpdate) -> tuple[Clip, ...]:
    """Its videos and audio files, in their order."""
    return read(update.text_html).clips


def image_text(update: BlogUpdate) -> str:
    """The text alternative of the first image, video or audio file, or ""."""
    image, clips = first_image(update), clips_of(update)
    return (image.alt if image else "") or next((clip.name for clip in clips), "")


def title_of(update: BlogUpdate) -> str:
    """The headline; else the beginning of the text, or the image's alternative. Never empty."""
    title = update.headline.strip() or lead_of(update) or image_text(update) or f"#{update.pk}"
    if update.headline.strip() or len(title) <= TITLE:
        return title
    return LAST_WORD.sub("", title[: TITLE - 1]) + "…"


def description_of(update: BlogUpdate) -> str:
    return Truncator(lead_of(update) or image_text(update) or update.headline).chars(DESCRIPTION)


def absolute(html: str, base: str) -> str:
    """The HTML of a post with every address absolute, for pages of other sites."""

    def completed(tag: str) -> str:
        return ADDRESS.sub(lambda found: found[1] + urljoin(base, found[2]), tag)

    return ADDRESSED.sub(lambda found: completed(found[0]), html)
