"""Finds the updates of one live blog that contain some words; for readers and programs.

It reads the texts instead of an index, so there is nothing to build or repair, and both databases
find the same. Their full-text searches split a text into words at blanks, so they find no word
within a Chinese sentence, and SQLite's trigrams find none of two characters, as most are. One blog
has few texts: 1,000 take about 10 ms. SCANNED bounds a search; the next page continues it.
"""

import re
import unicodedata
from typing import NamedTuple

from liveblog.fields import TEXTS
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading.pages import older_than
from liveblog.stream.frames import PAGE

LONGEST_QUERY = 100  # characters; the rest is ignored
MAX_WORDS = 10  # of a query
SCANNED = 5_000  # updates that one search reads
# What a reader does not see of a link or picture: its address. Possessive: in linear time.
ADDRESS = re.compile(r"\]\([^()\s]*+")


class Found(NamedTuple):
    """Newest first. `more`: the update to continue below, or None if all were searched."""

    rows: list[BlogUpdate]
    more: BlogUpdate | None


def words_of(query: str) -> list[str]:
    """The different words of a query, as they are compared."""
    return list(dict.fromkeys(comparable(query[:LONGEST_QUERY]).split()))[:MAX_WORDS]


def comparable(text: str) -> str:
    """The text without differences of case, width and composition."""
    return unicodedata.normalize("NFKC", text).casefold()


def find(blog: LiveBlog, words: list[str], below: BlogUpdate | None = None) -> Found:
    """At most a page of the visible updates that contain all words. `below`: only older ones."""
    rows = blog.updates.visible() if below is None else older_than(blog, below)
    scanned = rows.values_list("pk", *TEXTS)[:SCANNED]
    found: list[int] = []
    last = count = 0
    for last, *texts in scanned.iterator(chunk_size=500):
        count += 1
        text = comparable(ADDRESS.sub("](", "\n".join(texts)))
        if all(word in text for word in words):
            found.append(last)
            if len(found) == PAGE:
                break
    by_id = blog.updates.visible().in_bulk(found)
    edge = rows.filter(pk=last).first() if count == SCANNED or len(found) == PAGE else None
    more = edge if edge and older_than(blog, edge).exists() else None
    return Found([by_id[pk] for pk in found if pk in by_id], more)
