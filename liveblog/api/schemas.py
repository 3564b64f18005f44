"""What the token API takes and answers, as pydantic models; its OpenAPI document shows them.

Answers are frames, made elsewhere (liveblog.stream.frames): their models describe them, and the
tests hold every answer against its model.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from liveblog.api.errors import KINDS
from liveblog.fields import (
    LONGEST_BODY,
    LONGEST_CORRECTION,
    LONGEST_HEADLINE,
    LONGEST_NAME,
    LONGEST_SUMMARY,
)
from liveblog.review.models import LONGEST_NOTE

MAX_LISTED = 100  # updates in one answer


def bounded(longest: int) -> Any:
    """Documents the bound of a text; the editor's form checks it."""
    return Field(json_schema_extra={"maxLength": longest})


Headline = Annotated[str, bounded(LONGEST_HEADLINE)]
Body = Annotated[str, bounded(LONGEST_BODY)]
Author = Annotated[str, bounded(LONGEST_NAME)]
Correction = Annotated[str, bounded(LONGEST_CORRECTION)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Asked(BaseModel):
    """The fields that a client may send. Values are not converted: "1" is no number."""

    model_config = ConfigDict(strict=True, extra="forbid")

    headline: Headline = ""
    body: Body = ""
    author: Author = ""
    correction: Correction = ""
    key_event: bool = False
    pinned: bool = False
    draft: bool = False
    publish_at: Time | None = None


class NewUpdate(Asked):
    """A new update: published at once, kept as a draft, or scheduled."""

    body: Body


class Change(Asked):
    """The fields to change; those that are not sent stay as they are."""

    version: int | None = Field(None, description="the version that the writer saw")


class NewSummary(BaseModel):
    """The text "What we know" of a live blog; an empty one removes it."""

    model_config = ConfigDict(strict=True, extra="forbid")

    summary: Annotated[str, bounded(LONGEST_SUMMARY)]
    version: int | None = Field(None, description="the version that the writer saw")


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Update(Answer):
    """An update as readers see it; without text once it is deleted."""

    type: Literal["update"]
    id: int
    revision: int | None
    action: Literal["created", "changed", "deleted"]
    content: str = Field(description="safe HTML; empty when deleted")
    headline: str
    author: str
    correction: str = Field(description="plain text: what was wrong before")
    key_event: bool
    pinned: bool
    created: datetime
    edited: datetime | None


class EditorsUpdate(Update):
    """An update with what only editors see."""

    body: str
    version: int
    draft: bool
    publish_at: datetime | None


class Summary(Answer):
    """The text "What we know" of a live blog."""

    type: Literal["summary"]
    summary: str = Field(description="Markdown")
    content: str = Field(description="safe HTML")
    version: int


class Updates(Answer):
    type: Literal["updates"]
    updates: list[Update] = Field(max_length=MAX_LISTED)
    after: int = Field(description="ask for what is after this next")
    more: bool


class NewNote(BaseModel):
    """A note about a draft; `returned` sends the draft back to its author."""

    model_config = ConfigDict(strict=True, extra="forbid")

    text: Annotated[str, bounded(LONGEST_NOTE)]
    returned: bool = False


class Note(Answer):
    writer: str
    text: str
    returned: bool
    created: datetime


class Notes(Answer):
    """The notes about a draft, oldest first."""

    type: Literal["notes"]
    notes: list[Note]


class Found(Answer):
    """The updates with some words, newest first."""

    type: Literal["found"]
    updates: list[Update]
    before: int | None = Field(description="ask for what is before this next; null at the end")


class Acknowledgement(Answer):
    """What a write did."""

    type: Literal["ack"]
    id: int
    revision: int | None
    version: int
    key: str
    action: Literal[
        "created", "changed", "deleted", "restored", "drafted", "scheduled", "unchanged"
    ]


class Image(Answer):
    type: Literal["image"]
    address: str = Field(description="for the Markdown of updates: ![what it shows](address)")
    url: str
    width: int
    height: int
    moved: bool = Field(description="it was an animation; its first frame is kept")


class Upload(Answer):
    type: Literal["upload"]
    upload: str = Field(description="the id: PUT the parts to its address")
    offset: int = Field(description="bytes that are stored, where the next part begins")
    size: int = Field(description="bytes of the whole")


class Recording(Answer):
    type: Literal["recording"]
    address: str = Field(description="for the Markdown of updates: ![description](address)")
    url: str
    kind: Literal["video", "audio", "captions"]
    width: int | None = Field(description="of a video as it is shown, in pixels")
    height: int | None


class Error(Answer):
    """Every refusal has this shape; `code` says which it is."""

    type: Literal["error"]
    code: Literal[tuple(KINDS)]  # type: ignore[valid-type]  # known at run time
    message: str
    fields: dict[str, list[str]] | None = Field(None, description="name of a field -> sentences")
    current: EditorsUpdate | Summary | None = Field(
        None, description="the update, or the summary, as it is now"
    )
    offset: int | None = Field(None, description="of `wrong_offset`: where the upload goes on")
    largest: int | None = Field(None, description="of `recording_too_large`: in MB")
