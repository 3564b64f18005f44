"""Markdown to safe HTML: markdown-it-py renders, nh3 lets only these tags through."""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt

TAGS = set(
    [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h3",
        "h4",
        "hr",
        "i",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "s",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align"},
}
SCHEMES = {"http", "https", "mailto"}

markdown = MarkdownIt("commonmark", {"linkify": True, "breaks": True, "html": True}).enable(
    ["linkify", "strikethrough", "table"]
)


# A replay renders up to 200 updates that hardly ever change; bounded to about 80 MB at the worst.
@lru_cache(maxsize=2048)
def render(text: str) -> str:
    """The Markdown text as HTML without scripts, event handlers or foreign URL schemes."""
    return nh3.clean(
        markdown.render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener nofollow ugc",
    ).strip()
