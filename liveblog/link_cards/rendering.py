"""Cards in the HTML of a post, in place of links that are alone in their paragraphs.

A card is derived from its address and from what was fetched (LinkCard), so it is not part of the
stored HTML: without LINK_CARDS the same posts show links. Its HTML is equal in all languages; the
reader's script adds the sentence that says what a click loads.
"""

import re
from collections.abc import Callable, Mapping
from html import escape, unescape
from typing import TypedDict

from django.utils.encoding import iri_to_uri

from liveblog.link_cards.providers import frame_of
from liveblog.pictures.storage import size_of

MAX_CARDS = 10  # of a post; further links stay links
LONGEST_ADDRESS = 1_000  # characters; a longer one stays a link

# The sanitiser writes a link's attributes in this order.
LONE_LINK = re.compile(r'<p><a href="(https?://[^"]*)" rel="([^"]*)">([^<]*)</a></p>')


class LinkCard(TypedDict):
    """What was fetched: plain texts, "" for what is not known. `picture`: an address on this site.

    `resolved`: the address of the video or post that the written one leads to, where that differs.
    """

    title: str
    author: str
    site: str
    text: str
    picture: str
    resolved: str


LinkCards = Mapping[str, LinkCard]  # by the address that is written in the post


def lone_addresses(html: str) -> list[str]:
    """The addresses in a post's HTML that stand alone in their paragraphs, each once."""
    found: dict[str, None] = {}

    def note(address: str, link: re.Match[str]) -> str:
        found[address] = None
        return link[0]

    replace_lone_links(html, note)
    return list(found)


def with_cards(html: str, cards: LinkCards) -> str:
    """The HTML of a post for pages. A link without a card stays one, unless it has a frame."""
    return replace_lone_links(html, lambda address, link: as_card(address, link, cards))


def with_titles(html: str, cards: LinkCards) -> str:
    """The HTML of a post for feeds and files: links with the titles of what they lead to."""
    return replace_lone_links(html, lambda address, link: as_titled_link(address, link, cards))


def replace_lone_links(html: str, replacement: Callable[[str, re.Match[str]], str]) -> str:
    if "<p><a href=" not in html:
        return html
    numbers = iter(range(MAX_CARDS))

    def replaced(link: re.Match[str]) -> str:
        address, text = unescape(link[1]), unescape(link[3]).strip()
        is_shown = iri_to_uri(text) in (address, iri_to_uri(address), address.partition("//")[2])
        if not is_shown or len(address) > LONGEST_ADDRESS or next(numbers, None) is None:
            return link[0]  # a link with a text of its own is meant as a link
        return replacement(address, link)

    return LONE_LINK.sub(replaced, html)


def as_card(address: str, link: re.Match[str], cards: LinkCards) -> str:
    card = cards.get(address)
    frame = frame_of(card["resolved"] or address) if card else frame_of(address)
    if not card and not frame:
        return link[0]
    if not card:
        card = LinkCard(title="", author="", site="", text="", picture="", resolved="")
    shape = frame.provider.shape if frame else "page"
    box = f'<div class="link-card link-card-{shape}"'
    if frame:
        site = frame.provider.name
        box += f' data-frame="{escape(frame.address)}" data-site="{escape(site)}"'
        if frame.provider.names_site:
            box += ' data-referrer="strict-origin"'
    else:
        site = card["site"]
    title = card["title"] or address.partition("//")[2]
    byline = " · ".join(filter(None, (site, card["author"])))
    words = f"<b>{escape(title)}</b> <small>{escape(byline)}</small>"
    if card["text"]:
        words += f" <span>{escape(card['text'])}</span>"
    return (
        f'{box}><a href="{link[1]}" rel="{link[2]}">{picture_of(card, shape)}'
        f'<span class="link-card-text" dir="auto">{words}</span></a></div>'
    )


def picture_of(card: LinkCard, shape: str) -> str:
    """The box of the picture. Videos have one without a picture, too: the frame takes its place."""
    size = size_of(card["picture"])
    if not size:
        return "" if shape in ("page", "post") else '<span class="link-card-picture"></span>'
    image = (
        f'<img src="{escape(card["picture"])}" alt="" width="{size.width}"'
        f' height="{size.height}" loading="lazy" decoding="async">'
    )
    return f'<span class="link-card-picture">{image}</span>'


def as_titled_link(address: str, link: re.Match[str], cards: LinkCards) -> str:
    card = cards.get(address)
    if not card or not card["title"]:
        return link[0]
    frame = frame_of(card["resolved"] or address)
    site = frame.provider.name if frame else card["site"]
    source = f" ({escape(site)})" if site else ""
    return f'<p><a href="{link[1]}" rel="{link[2]}">{escape(card["title"])}</a>{source}</p>'
