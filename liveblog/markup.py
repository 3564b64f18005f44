"""Markdown to safe HTML: markdown-it-py renders, nh3 lets only these tags through.

Images come from http(s) addresses or from this site's /media/, are loaded when they come near the
window, and hold their place before that, where the address tells their size. One that stands
alone and has a title, `![what it shows](address "Photo: Jo")`, becomes a figure with that caption.
"""

import re
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt

from liveblog.media import size_of

# fmt: off
TAGS = {
    "a", "abbr", "b", "blockquote", "br", "code", "del", "em", "h3", "h4", "hr", "i", "img", "li",
    "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr",
    "ul",
}
# fmt: on
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align"},
}
SCHEMES = {"http", "https", "mailto"}
IMAGES = re.compile(r"(?i:https?://)|/media/(?!.*(?:\.|%2[Ee]){2})")  # how addresses begin
TALL = 1.4  # height by width; from there a picture as wide as the text would not fit a window

# nh3 escapes quotes and angle brackets within attributes, so these find all images.
IMAGE = re.compile(r"<img\b[^>]*>")
ATTRIBUTE = re.compile(r'\s(\w+)="([^"]*)"')
ALONE = re.compile(r'<p>(<img\b[^>]*?)\stitle="([^"]+)"([^>]*>)</p>')

markdown = MarkdownIt("commonmark", {"linkify": True, "breaks": True, "html": True}).enable(
    ["linkify", "strikethrough", "table"]
)


# A replay renders up to 200 updates that hardly ever change; bounded to about 80 MB at the worst.
@lru_cache(maxsize=2048)
def render(text: str) -> str:
    """The Markdown text as HTML without scripts, event handlers or foreign URL schemes."""
    html = nh3.clean(
        markdown.render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=only_images,
        url_schemes=SCHEMES,
        link_rel="noopener nofollow ugc",
    ).strip()
    html = IMAGE.sub(lambda found: placed(found[0]), html)
    return ALONE.sub(r"<figure>\1\3<figcaption>\2</figcaption></figure>", html)


def only_images(tag, name, value):
    """For nh3: an address that no image may have is dropped."""
    allowed = (tag, name) != ("img", "src") or IMAGES.match(value)
    return value if allowed else None


def placed(image: str) -> str:
    """The <img> with what the browser needs to place it; what it shows, where it has no address."""
    attributes = dict(ATTRIBUTE.findall(image))
    if "src" not in attributes:
        return attributes.get("alt", "")
    width, height = size_of(attributes["src"])
    size = f' width="{width}" height="{height}"' if width else ""
    if width and height > TALL * width:
        size += ' class="tall"'
    return f'{image[:-1]}{size} loading="lazy" decoding="async">'
