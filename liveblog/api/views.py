"""The token API: a live blog's updates for programs, and its OpenAPI document.

A client with one of API_TOKENS may do what an editor may. A write carries an idempotency key in the
header `Idempotency-Key`, or gets a new one: the same key again gets the same answer and changes
nothing. A change names the version it saw, as `If-Match: "<version>"` (the ETag of an update; 412
if the update has another version by now) or as `version` in the body (409). Each refusal is an
`error` frame.
"""

import re
from typing import Annotated, Any, NoReturn

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Header
from pydantic import BeforeValidator

from liveblog.api import schemas
from liveblog.api.application import (
    BODY,
    OFFSET,
    PART,
    PICTURE,
    RECORDING_PART,
    RECORDING_SIZE,
    SIZE,
    UPLOAD,
    VERSION,
    api,
    documented,
)
from liveblog.api.errors import Refusal
from liveblog.editing import idempotency, summary
from liveblog.editing.about import Changed
from liveblog.editing.forms import KeyForm, UpdateForm
from liveblog.editing.idempotency import Acknowledgement
from liveblog.editing.summary import SummaryForm
from liveblog.fields import CONTENT
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.pictures import uploads
from liveblog.reading import search
from liveblog.reading.views import json_response
from liveblog.recordings import uploads as recording_uploads
from liveblog.review.mail import request_mail
from liveblog.review.notes import NoDraft, add_note
from liveblog.review.views import NoteForm
from liveblog.stream.frames import Frame, editors_frame, json_value, update_frame
from liveblog.stream.revisions import whole_number

WRITER = "API"  # as the history calls a program


def whole(text: Any) -> int:
    """A path or query parameter that is a whole number. Raises ValueError."""
    number = whole_number(str(text))
    if number is None:
        raise ValueError("not a whole number")
    return number


Whole = Annotated[int, BeforeValidator(whole)]
Key = Annotated[
    str,
    Header(
        "",
        alias="Idempotency-Key",
        description="identifies the write; the same key again gets the same answer",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(None, alias="If-Match", description="the ETag of the update as the writer saw it, or *"),
]


# Reading


@api.get(
    "/liveblogs/{slug}/updates/",
    url_name="updates",
    **documented(
        "What changed after a revision, tombstones included", 200, schemas.Updates, "bad_revision"
    ),
)
def list_updates(request: HttpRequest, slug: str, after: Whole = 0) -> HttpResponse:
    """The oldest change first; no drafts."""
    blog = LiveBlog.objects.get(slug=slug)
    most = schemas.MAX_LISTED
    rows = list(blog.updates.filter(revision__gt=after).order_by("revision")[: most + 1])
    found = [update_frame(row) for row in rows[:most]]
    more = len(rows) > most
    # What commits in between comes with the next call, which begins after the last one here.
    upto = found[-1]["revision"] if more else max([blog.revision, *(u["revision"] for u in found)])
    return json_response({"type": "updates", "updates": found, "after": upto, "more": more})


@api.get(
    "/liveblogs/{slug}/search/",
    url_name="search",
    **documented(
        "The updates that contain all the words of `q`, newest first",
        *(200, schemas.Found, "bad_revision", "not_found"),
    ),
)
def search_updates(
    request: HttpRequest, slug: str, q: str = "", before: Whole | None = None
) -> HttpResponse:
    """No drafts. `before` is the id below which to continue."""
    blog = LiveBlog.objects.get(slug=slug)
    below = None if before is None else blog.updates.filter(draft=False).get(pk=before)
    words = search.words_of(q)
    rows, more = search.find(blog, words, below) if words else search.Found([], None)
    updates = [update_frame(row) for row in rows]
    return json_response({"type": "found", "updates": updates, "before": more and more.pk})


@api.get(
    "/liveblogs/{slug}/updates/{id}/",
    url_name="update",
    **documented("One update, or draft", 200, schemas.EditorsUpdate, "not_found", "deleted"),
)
def show_update(request: HttpRequest, slug: str, id: Whole) -> HttpResponse:
    _, row = find(slug, id)
    require_present(row)
    return json_response(editors_frame(row), ETag=tag(row.version))


def find(slug: str, pk: int) -> tuple[LiveBlog, BlogUpdate]:
    """Raises LiveBlog.DoesNotExist, BlogUpdate.DoesNotExist."""
    blog = LiveBlog.objects.get(slug=slug)
    return blog, blog.updates.get(pk=pk)


def require_present(row: BlogUpdate) -> None:
    if row.deleted:
        raise Refusal("not_found" if row.draft else "deleted")  # nobody has seen a draft


def tag(version: int) -> str:
    return f'"{version}"'


# Writing


@api.post(
    "/liveblogs/{slug}/updates/",
    **documented(
        "Publish an update, keep it as a draft, or schedule it",
        *(201, schemas.Acknowledgement, *BODY),
    ),
)
def create_update(
    request: HttpRequest, slug: str, sent: schemas.NewUpdate, idempotency_key: Key
) -> HttpResponse:
    blog, key = LiveBlog.objects.get(slug=slug), checked_key(idempotency_key)
    if done := idempotency.recorded(blog, key):
        return acknowledge(blog, same(done, "created", "drafted", "scheduled"), 201)
    form = valid(form_of(BlogUpdate(blog=blog), sent, key, None))
    return acknowledge(blog, idempotency.create(blog, key, writer=WRITER, **form.values()), 201)


@api.patch(
    "/liveblogs/{slug}/updates/{id}/",
    **documented(
        "Change fields of an update; what is not sent stays",
        *(200, schemas.Acknowledgement, "not_found", "deleted", "no_version", *VERSION, *BODY),
    ),
)
def change_update(
    request: HttpRequest,
    slug: str,
    id: Whole,
    sent: schemas.Change,
    idempotency_key: Key,
    if_match: IfMatch,
) -> HttpResponse:
    (blog, row), key = find(slug, id), checked_key(idempotency_key)
    if done := idempotency.recorded(blog, key):
        actions = ("changed", "created", "drafted", "scheduled", "unchanged")
        return acknowledge(blog, same(done, *actions, pk=row.pk))
    require_present(row)
    if if_match is None and sent.version is None:
        raise Refusal("no_version")
    version = sent.version if if_match is None else matched(if_match, row)
    code = "conflict" if if_match is None else "precondition_failed"
    if not row.accepts(version):
        refuse_version(code, row)
    form = valid(form_of(row, sent, key, version))
    try:
        done = idempotency.change(blog, key, row.pk, version, writer=WRITER, **form.values())
    except idempotency.Conflict as conflict:
        refuse_version(code, conflict.current)
    return acknowledge(blog, done)


@api.delete(
    "/liveblogs/{slug}/updates/{id}/",
    **documented(
        "Delete an update",
        *(200, schemas.Acknowledgement, "not_found", "precondition_failed"),
        *("invalid", "key_reused"),
    ),
)
def delete_update(
    request: HttpRequest, slug: str, id: Whole, idempotency_key: Key, if_match: IfMatch
) -> HttpResponse:
    (blog, row), key = find(slug, id), checked_key(idempotency_key)
    if done := idempotency.recorded(blog, key):
        return acknowledge(blog, same(done, "deleted", "unchanged", pk=row.pk))
    # A tombstone stays one, whatever version the writer saw.
    version = None if row.deleted or if_match is None else matched(if_match, row)
    try:
        done = idempotency.delete(blog, key, row.pk, version, writer=WRITER)
    except idempotency.Conflict as conflict:
        refuse_version("precondition_failed", conflict.current)
    return acknowledge(blog, done)


@api.get(
    "/liveblogs/{slug}/summary/",
    url_name="summary",
    **documented('The text "What we know"', 200, schemas.Summary),
)
def show_summary(request: HttpRequest, slug: str) -> HttpResponse:
    return answer_summary(LiveBlog.objects.get(slug=slug))


@api.put(
    "/liveblogs/{slug}/summary/",
    **documented(
        'Replace the text "What we know"; a repeated request changes nothing',
        *(200, schemas.Summary, "no_version", *VERSION, *BODY),
    ),
)
def replace_summary(
    request: HttpRequest, slug: str, sent: schemas.NewSummary, if_match: IfMatch
) -> HttpResponse:
    blog = LiveBlog.objects.get(slug=slug)
    if if_match is None and sent.version is None:
        raise Refusal("no_version")
    form = SummaryForm({"summary": sent.summary, "version": 0})
    if not form.is_valid():
        raise Refusal("invalid", fields={name: list(e) for name, e in form.errors.items()})
    version = sent.version
    if if_match is not None:
        # What was not named fails below, unless the text is there already.
        version = blog.summary_revision if names(if_match, blog.summary_revision) else -1
    try:
        blog = summary.write(blog, form.cleaned_data["summary"], version, WRITER)
    except Changed as meanwhile:
        code = "conflict" if if_match is None else "precondition_failed"
        raise Refusal(code, current=summary_frame(meanwhile.blog)) from None
    return answer_summary(blog)


def summary_frame(blog: LiveBlog) -> Frame:
    return {
        "type": "summary",
        "summary": blog.summary,
        "content": blog.summary_content,
        "version": blog.summary_revision,
    }


def answer_summary(blog: LiveBlog) -> HttpResponse:
    return json_response(summary_frame(blog), ETag=tag(blog.summary_revision))


@api.get(
    "/liveblogs/{slug}/updates/{id}/notes/",
    url_name="notes",
    **documented("The notes about a draft", 200, schemas.Notes, "not_found", "deleted"),
)
def list_notes(request: HttpRequest, slug: str, id: Whole) -> HttpResponse:
    _, row = find(slug, id)
    require_present(row)
    return answer_notes(row)


@api.post(
    "/liveblogs/{slug}/updates/{id}/notes/",
    **documented(
        "Add a note to a draft; the last one is not repeated",
        *(201, schemas.Notes, "not_found", "deleted", "not_a_draft"),
        *("bad_json", "too_long", "not_json", "invalid"),
    ),
)
def write_note(request: HttpRequest, slug: str, id: Whole, sent: schemas.NewNote) -> HttpResponse:
    _, row = find(slug, id)
    require_present(row)
    form = NoteForm({"text": sent.text})
    if not form.is_valid():
        raise Refusal("invalid", fields={name: list(e) for name, e in form.errors.items()})
    try:
        note, is_repeated = add_note(row, None, WRITER, form.cleaned_data["text"], sent.returned)
    except NoDraft:
        raise Refusal("not_a_draft") from None
    if not is_repeated:
        request_mail(note, request)
    return answer_notes(row, 201)


def answer_notes(row: BlogUpdate, status: int = 200) -> HttpResponse:
    fields = ("writer", "text", "returned", "created")
    notes = [{name: json_value(getattr(note, name)) for name in fields} for note in row.notes.all()]
    return json_response({"type": "notes", "notes": notes}, status)


@api.post(
    "/liveblogs/{slug}/images/",
    url_name="images",
    **documented(
        "Keep a picture, to be named in an update",
        *(201, schemas.Image, *PICTURE),
        requestBody=UPLOAD,
    ),
)
def keep_image(request: HttpRequest, slug: str) -> HttpResponse:
    """For a later update of any blog; the same picture again is the same file."""
    LiveBlog.objects.get(slug=slug)
    return json_response(uploads.store_upload(request), 201)


@api.post(
    "/liveblogs/{slug}/recordings/",
    url_name="recordings",
    **documented(
        "Begin the upload of a video, an audio or a captions file",
        *(201, schemas.Upload, *RECORDING_SIZE),
        requestBody=SIZE,
    ),
)
def begin_recording(request: HttpRequest, slug: str) -> HttpResponse:
    """Nothing of the file is sent yet."""
    LiveBlog.objects.get(slug=slug)
    return json_response(*recording_uploads.begin_upload(request))


@api.get(
    "/liveblogs/{slug}/recordings/{upload}/",
    url_name="recording",
    **documented("How far an upload is", 200, schemas.Upload | schemas.Recording, "unknown_upload"),
)
def show_recording(request: HttpRequest, slug: str, upload: str) -> HttpResponse:
    """To continue after a lost connection."""
    LiveBlog.objects.get(slug=slug)
    return json_response(*recording_uploads.show_upload(request, upload))


@api.put(
    "/liveblogs/{slug}/recordings/{upload}/",
    url_name="recording",
    **documented(
        "Add a part of at most 8 MiB; the last one completes the file",
        *(200, schemas.Upload, *RECORDING_PART),
        created=schemas.Recording,
        requestBody=PART,
        parameters=[OFFSET],
    ),
)
def add_recording(request: HttpRequest, slug: str, upload: str) -> HttpResponse:
    """The complete file loses its metadata, such as the place where it was recorded."""
    LiveBlog.objects.get(slug=slug)
    return json_response(*recording_uploads.add_part(request, upload))


def acknowledge(blog: LiveBlog, done: Acknowledgement, status: int = 200) -> HttpResponse:
    address = reverse("liveblog:api:update", args=[blog.slug, done.id])
    headers = {"Location": address} if status == 201 else {}
    return json_response(done.frame(), status, ETag=tag(done.version), **headers)


def same(done: Acknowledgement, *actions: str, pk: int | None = None) -> Acknowledgement:
    """The recorded write if it may be this one. Raises Refusal."""
    if done.action not in actions or pk not in (None, done.id):
        raise Refusal("key_reused")
    return done


def checked_key(sent: str) -> str:
    """The idempotency key, or a new one where none was sent. Raises Refusal."""
    form = KeyForm({"key": sent})
    if not form.is_valid():
        raise Refusal("invalid", fields={"Idempotency-Key": form.errors["key"]})
    return form.cleaned_data["key"]


def matched(if_match: str, row: BlogUpdate) -> int:
    """The row's version if the header names it. Raises Refusal."""
    seen = [int(version) for version in re.findall(r'"(\d{1,19})"', if_match)]
    if not names(if_match, row.version) and not any(map(row.accepts, seen)):
        refuse_version("precondition_failed", row)
    return row.version


def names(if_match: str, version: int) -> bool:
    """Whether the header names the version."""
    # Compression on the way (here or by a proxy) weakens the tag; it names the same version.
    named = [name.strip().removeprefix("W/") for name in if_match.split(",")]
    return tag(version) in named or named == ["*"]


def refuse_version(code: str, current: BlogUpdate) -> NoReturn:
    raise Refusal(code, current=editors_frame(current))


def form_of(row: BlogUpdate, sent: schemas.Asked, key: str, version: int | None) -> UpdateForm:
    """The editor's form, filled in with what was sent on top of what is there."""
    fields = sent.model_dump(exclude_unset=True)
    there = {name: getattr(row, name) for name in CONTENT}
    moment = fields.get("publish_at", row.publish_at and row.publish_at.isoformat())
    draft = fields.get("draft", row.draft)
    if fields.get("draft") is False and "publish_at" not in fields:
        moment = None  # now
    action = UpdateForm.DRAFT if draft and not moment else UpdateForm.PUBLISH
    more = {"publish_at": moment or "", "action": action, "key": key, "version": version}
    changed = {name: value for name, value in fields.items() if name in there}
    return UpdateForm(there | changed | more, instance=row)


def valid(form: UpdateForm) -> UpdateForm:
    if not form.is_valid():
        names = {"action": "draft"}
        fields = {names.get(name, name): list(found) for name, found in form.errors.items()}
        raise Refusal("invalid", fields=fields)
    return form
