"""A live blog as one JSON document, and back.

    {"format": "liveblog", "version": 1,
     "blog": {"slug", "title", "description", "summary", "state", "starts_at", "chat", "created",
              "ended"},
     "updates": [{"headline", "body", "author", "correction", "key_event", "pinned", "created",
                  "edited", "draft", "publish_at"}, …]}

Oldest first; times are ISO 8601 with an offset, or null. `body` is Markdown. Drafts are in it;
deleted updates, past versions, their editors and the team are not (an export may be given away, and
another site has other users), nor are ids and revisions: an import assigns new ones. The export of
an imported blog is the same document again. Pictures are not in it: the Markdown has their
addresses, and the files in `DATA_DIR/media` are copied to the other site separately.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice, zip_longest
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction

from liveblog.fields import CONTENT, PUBLICATION, TEXTS
from liveblog.models import BlogUpdate, LiveBlog

FORMAT, VERSION = "liveblog", 1
LARGEST = 64 << 20  # bytes of a file; some 100,000 updates
BATCH = 0.25  # s that one transaction holds SQLite's write lock; an editor's post waits as long

TEXT, FLAG, TIME, TIME_OR_NULL = "text", "true or false", "a time with its offset", "that or null"
BLOG = {
    "slug": TEXT,
    "title": TEXT,
    "description": TEXT,
    "summary": TEXT,
    "state": TEXT,
    "starts_at": TIME_OR_NULL,
    "chat": FLAG,
    "created": TIME,
    "ended": TIME_OR_NULL,
}
# Exports of older releases lack these.
LATER = {"summary": "", "correction": "", "starts_at": None}
KINDS = {str: TEXT, bool: FLAG, datetime | None: TIME_OR_NULL}
UPDATE = {
    **{name: KINDS[kind] for name, kind in CONTENT.items()},
    "created": TIME,
    "edited": TIME_OR_NULL,
    **{name: KINDS[kind] for name, kind in PUBLICATION.items()},
}


class InvalidDocument(Exception):
    """The document cannot be imported. `place`: where in it; `reason`: a clause without a stop."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place, self.reason = place, reason

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}."


def document(blog: LiveBlog) -> dict[str, Any]:
    """The blog as a document."""
    rows = blog.updates.filter(deleted=False).order_by("created", "pk")
    return {
        "format": FORMAT,
        "version": VERSION,
        "blog": export_row(blog, BLOG),
        "updates": [export_row(row, UPDATE) for row in rows],
    }


def export_row(row: LiveBlog | BlogUpdate, fields: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in fields}
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


class Document(NamedTuple):
    """A document that was validated: the values as the models take them."""

    blog: dict[str, Any]
    updates: list[dict[str, Any]]


class ConcurrentChange(Exception):
    """Another writer changed the blog while it was imported."""


def parse_document(found: object, slug: str | None = None) -> Document:
    """Validate a decoded document; `slug` replaces its own. Writes nothing.

    Raises InvalidDocument.
    """
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InvalidDocument("The file", "it is no export of a live blog")
    if found.get("version") != VERSION:
        raise InvalidDocument("The file", f"it has version {found.get('version')!r}, not {VERSION}")
    if found.keys() != {"format", "version", "blog", "updates"}:
        raise InvalidDocument(
            "The file", "it must hold format, version, blog and updates, and no more"
        )
    fields = parse_object("blog", found["blog"], BLOG) | ({} if slug is None else {"slug": slug})
    validate("blog", LiveBlog(**fields))
    if not isinstance(found["updates"], list):
        raise InvalidDocument("updates", "it must be a list")
    updates = []
    for number, value in enumerate(found["updates"], 1):
        place = f"update {number}"
        updates.append(parse_object(place, value, UPDATE))
        validate(place, BlogUpdate(**updates[-1]))
    return Document(fields, updates)


class ImportState(NamedTuple):
    """The blog of an import, and how many of the document's updates it already has."""

    blog: LiveBlog
    position: int


def find_or_create_blog(document: Document) -> ImportState:
    """The document's blog, created if it does not exist.

    An import that was interrupted resumes here; one that was completed has nothing left to do.
    Raises InvalidDocument where the slug belongs to another blog, and Django's database errors.
    """
    fields = document.blog
    blog = LiveBlog.objects.filter(slug=fields["slug"]).first()
    if blog is None:
        blog = LiveBlog(**fields)
        blog.save()
        return ImportState(blog, 0)
    rows = blog.updates.order_by("pk").values(*TEXTS)
    texts = ({name: values[name] for name in TEXTS} for values in document.updates)
    same = all(row == text for row, text in zip_longest(rows, islice(texts, len(rows))))
    if blog.created != fields["created"] or not same:
        raise InvalidDocument("blog", "slug: Live blog with this Slug already exists")
    return ImportState(blog, len(rows))


@transaction.atomic
def load_batch(document: Document, blog: LiveBlog, position: int) -> int:
    """Write updates from `position` on for BATCH seconds. Returns the position of the next one.

    Raises ConcurrentChange, LiveBlog.DoesNotExist and Django's database errors.
    """
    blog = LiveBlog.objects.select_for_update().get(pk=blog.pk)
    if blog.updates.count() != position:
        raise ConcurrentChange
    end = time.monotonic() + BATCH
    for fields in document.updates[position:]:
        update = BlogUpdate(blog=blog, **fields)
        update.save(writer="manage.py import")
        position += 1
        if time.monotonic() > end:
            break
    return position


def parse_object(place: str, value: object, fields: dict[str, str]) -> dict[str, Any]:
    """The values of an object with exactly these fields. Raises InvalidDocument."""
    if not isinstance(value, dict):
        raise InvalidDocument(place, "it must be an object")
    value = {name: later for name, later in LATER.items() if name in fields} | value
    if value.keys() != fields.keys():
        wrong = sorted(value.keys() ^ fields.keys())[0]
        verb = "is missing" if wrong in fields else "is not known"
        raise InvalidDocument(place, f"the field {wrong!r} {verb}")
    return {name: parse_field(place, name, value[name], kind) for name, kind in fields.items()}


def parse_field(place: str, name: str, value: object, kind: str) -> str | bool | datetime | None:
    """The value as the model takes it. Raises InvalidDocument."""
    if kind is FLAG and isinstance(value, bool):
        return value
    if kind is TEXT and isinstance(value, str):
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise InvalidDocument(place, f"the field {name!r} holds what no database stores")
        return value
    if kind is TIME_OR_NULL and value is None:
        return None
    if kind in (TIME, TIME_OR_NULL) and (moment := parse_time(value)):
        return moment
    raise InvalidDocument(
        place, f"the field {name!r} must be {TIME if kind is TIME_OR_NULL else kind}"
    )


def parse_time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def validate(place: str, row: LiveBlog | BlogUpdate) -> None:
    """Raise InvalidDocument if the row breaks a rule that the editor's form enforces."""
    try:
        # save() takes the revisions, and the caller sets the blog.
        row.full_clean(exclude=["blog", "revision", "created_revision"], validate_unique=False)
    except ValidationError as error:
        name, sentences = next(iter(error.message_dict.items()))
        raise InvalidDocument(place, f"{name}: {sentences[0].rstrip('.')}") from error
    if isinstance(row, BlogUpdate) and not row.body.strip():
        raise InvalidDocument(place, "body: This field cannot be blank")
    if isinstance(row, BlogUpdate) and row.publish_at and not row.draft:
        raise InvalidDocument(place, "publish_at: What is published cannot be scheduled")
