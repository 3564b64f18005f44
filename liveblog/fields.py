"""The fields of an update that writers set, declared once: names and types.

Frames, forms, the admin, the history, export and import and the demo derive their fields from this.
BlogUpdate's columns and the API's schemas repeat the names; tests compare them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, cast, get_type_hints

LONGEST_BODY = 20_000  # characters; some ten screens, far more than a live update needs
LONGEST_CORRECTION = 1_000  # characters
LONGEST_HEADLINE = 200  # characters
LONGEST_KEY = 64  # characters of an idempotency key; a UUID has 36
LONGEST_SUMMARY = 5_000  # characters; it is read before everything else
LONGEST_NAME = 150  # characters of a person's name, as Django's usernames


class Content(TypedDict, total=False):
    """What readers get of an update; of `body` they get the HTML."""

    headline: str
    body: str  # Markdown
    author: str
    correction: str  # plain text
    key_event: bool
    pinned: bool


class Publication(TypedDict, total=False):
    """Whether and when readers see it."""

    draft: bool
    publish_at: datetime | None


class Values(Content, Publication, total=False):
    """All that a write may set. The other columns are set by BlogUpdate.save()."""

    review: bool


CONTENT = get_type_hints(Content)
PUBLICATION = get_type_hints(Publication)
TEXTS = tuple(name for name, kind in CONTENT.items() if kind is str)  # the history keeps these
FLAGS = tuple(name for name, kind in CONTENT.items() if kind is bool)
NAMES = get_type_hints(Values).keys()


def as_values(data: Mapping[str, Any]) -> Values:
    """The data as the fields of a write. Asserts that it has no others."""
    unknown = data.keys() - NAMES
    assert not unknown, f"no field of a write: {unknown}"
    return cast(Values, dict(data))
