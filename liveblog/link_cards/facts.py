"""What a card shows, read from oEmbed (oembed.com, 1.0) and Open Graph (ogp.me). Pure.

Other sites send these texts: they are plain text here, cut, and escaped where they are shown.
"""

import json
import re
import unicodedata
from dataclasses import dataclass, replace
from html import unescape
from urllib.parse import urljoin, urlsplit

LONGEST_TITLE = 200  # characters
LONGEST_TEXT = 300
LONGEST_NAME = 80

# Each alternative consumes what it has searched: no part of a page is searched twice.
TAG = re.compile(
    r"<(/?head|body|meta|link|title)\b"
    r"""((?:[^>"']++|"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))*+)(?:>|\Z)""",
    re.IGNORECASE,
)
ATTRIBUTE = re.compile(r"""\s([^\s"'<>/=]++)\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+))""")
CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([\w-]+)""", re.IGNORECASE)
PARAGRAPH = re.compile(r"<p\b[^<>]*>", re.IGNORECASE)
MARKUP = re.compile(r"<[^<>]*>")
OEMBED = "application/json+oembed"
# Unicode's categories of what no text needs: controls, surrogates, unassigned and private ones.
UNWANTED = {"Cc", "Cs", "Cn", "Co"}
DIRECTIONS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # could reorder a line


@dataclass(frozen=True)
class Facts:
    """Plain texts, "" for what is not known. `picture`: an absolute address on another site."""

    title: str = ""
    author: str = ""
    site: str = ""
    text: str = ""
    picture: str = ""

    def completed(self, other: "Facts") -> "Facts":
        """With the other's where something is missing."""
        return replace(
            self, **{name: value or vars(other)[name] for name, value in vars(self).items()}
        )


@dataclass(frozen=True)
class Page:
    """The facts of an HTML page, and the address at which the site describes it; "" if none."""

    facts: Facts
    oembed: str


def facts_of_oembed(content: bytes, address: str) -> Facts:
    """The facts of an oEmbed response for `address`. Raises ValueError for what is none."""
    try:
        found = json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is no object")

    def text(name: str, longest: int) -> str:
        value = found.get(name)
        return plain(value, longest) if isinstance(value, str) else ""

    html = found.get("html")
    return Facts(
        title=text("title", LONGEST_TITLE),
        author=text("author_name", LONGEST_NAME),
        site=text("provider_name", LONGEST_NAME),
        text=first_paragraph(html) if isinstance(html, str) else "",
        picture=absolute(address, found.get("thumbnail_url")),
    )


def first_paragraph(html: str) -> str:
    """The words of a post, whose oEmbed has no title but the post's HTML."""
    _, *rest = PARAGRAPH.split(html[:20_000], maxsplit=1)
    words = "".join(rest).partition("</p>")[0]
    return plain(unescape(MARKUP.sub(" ", words)), LONGEST_TEXT)


def facts_of_page(content: bytes, charset: str | None, address: str) -> Page:
    """The facts of an HTML page, perhaps cut off. Never raises: garbage has no facts."""
    html = decoded(content, charset)
    found: dict[str, str] = {}
    oembed = title = ""
    for tag in TAG.finditer(html):
        name = tag[1].lower()
        if name in ("/head", "body"):
            break
        if name == "title" and not title:
            title = html[tag.end() : tag.end() + 1_000].partition("<")[0]
        attributes = attributes_of(tag[2])
        if name == "meta":
            key = attributes.get("property") or attributes.get("name", "")
            found.setdefault(key.lower(), attributes.get("content", ""))
        elif name == "link" and attributes.get("type", "").lower() == OEMBED and not oembed:
            oembed = absolute(address, attributes.get("href"))
    return Page(facts_of_names(found, unescape(title), address), oembed)


def facts_of_names(found: dict[str, str], title: str, address: str) -> Facts:
    def first(*names: str) -> str:
        return next((found[name] for name in names if found.get(name, "").strip()), "")

    author = first("author", "article:author")
    return Facts(
        title=plain(first("og:title", "twitter:title") or title, LONGEST_TITLE),
        author="" if "://" in author else plain(author, LONGEST_NAME),
        site=plain(first("og:site_name"), LONGEST_NAME),
        text=plain(first("og:description", "description"), LONGEST_TEXT),
        picture=absolute(address, first("og:image:secure_url", "og:image", "twitter:image")),
    )


def attributes_of(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, *value in ATTRIBUTE.findall(text):
        values.setdefault(name.lower(), unescape("".join(value)))
    return values


def decoded(content: bytes, charset: str | None) -> str:
    named = CHARSET.search(content[:2_000])
    for name in (charset, named and named[1].decode("ascii", "replace"), "utf-8"):
        try:
            return content.decode(name or "", "replace")
        except (LookupError, ValueError):
            continue
    return ""


def plain(text: str, longest: int) -> str:
    """The text in one line, at most `longest` characters."""
    kept = (
        letter
        for letter in text[: 10 * longest]
        if letter.isspace()
        or (unicodedata.category(letter) not in UNWANTED and letter not in DIRECTIONS)
    )
    line = " ".join("".join(kept).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def absolute(base: str, address: object) -> str:
    """The http(s) address, or ""."""
    if not isinstance(address, str) or not address.strip():
        return ""
    try:
        found = urljoin(base, address.strip())
        return found if urlsplit(found).scheme in ("http", "https") else ""
    except ValueError:
        return ""
