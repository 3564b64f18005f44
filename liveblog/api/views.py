"""The token API: a live blog's updates for programs. liveblog/api/openapi.py describes it.

Whoever has one of API_TOKENS may do what an editor may. Every write carries a key, in the header
`Idempotency-Key`, or gets a new one: the same key again is answered as the first time and changes
nothing. A change names the version it saw, as `If-Match: "<version>"` (the ETag of an update; 412
where it has another by now) or as `version` in the body (409). Each refusal is an `error` frame.
"""

import json
import logging
from functools import wraps

import redis
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from conversations.api_tokens import token_of
from conversations.json_text import encode
from conversations.rate_limits import Limit
from database.outages import OUTAGES, reason_of
from liveblog.api.errors import Refusal
from liveblog.editing import idempotency
from liveblog.editing.forms import KeyForm, UpdateForm
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.pictures import uploads
from liveblog.reading.views import json_answer
from liveblog.stream.frames import editors_frame, update_frame
from liveblog.stream.revisions import whole_number

logger = logging.getLogger(__name__)

LIST = 100  # updates in one answer
LONGEST = 300_000  # bytes of a body: 20,000 characters, each escaped as 12, and the rest
REQUESTS = Limit("api", most=100, seconds=10, flood=1000)  # a ticker that posts ten times a second

TEXTS, FLAGS = ("headline", "body", "author"), ("key_event", "pinned")
KINDS = dict.fromkeys(TEXTS, str) | dict.fromkeys((*FLAGS, "draft"), bool)
KINDS |= {"publish_at": str | None, "version": int}
NAME = "API"  # as the history calls a program


def api(*methods):
    """The view for these methods, with token, rate limit and refusals as JSON."""

    def decorate(view):
        @csrf_exempt  # a token is no cookie: no other site can make a browser send it
        @never_cache
        @wraps(view)
        def answering(request, slug, **kwargs):
            try:
                if request.method not in methods:
                    raise Refusal("bad_method", {"Allow": ", ".join(methods)})
                admit(request)
                blog = LiveBlog.objects.filter(slug=slug).first()
                if blog is None:
                    raise Refusal("unknown_blog")
                return view(request, blog, **kwargs)
            except Refusal as raised:
                refusal = raised
            except LiveBlog.DoesNotExist:  # deleted meanwhile
                refusal = Refusal("unknown_blog")
            except BlogUpdate.DoesNotExist:
                refusal = Refusal("not_found")
            except (redis.RedisError, *OUTAGES) as error:
                logger.error("%s %s failed: %s", request.method, request.path, reason_of(error))
                refusal = Refusal("unavailable", {"Retry-After": "1"})
            return json_answer(refusal.frame, refusal.status, **refusal.headers)

        answering.methods = methods
        return answering

    return decorate


def admit(request):
    """Raises Refusal for who has no token, or asks too often."""
    if not settings.API_TOKENS:
        raise Refusal("no_tokens")
    token = token_of(request)
    if token is None:
        raise Refusal("bad_token", {"WWW-Authenticate": "Bearer"})
    if REQUESTS.count(token) > REQUESTS.most:
        raise Refusal("too_fast", {"Retry-After": str(REQUESTS.wait(token))})


@api("GET", "POST")
def updates(request, blog):
    return listing(request, blog) if request.method == "GET" else create(request, blog)


@api("GET", "PATCH", "DELETE")
def update(request, blog, pk):
    number = whole_number(pk)
    row = blog.updates.filter(pk=number).first() if number is not None else None
    if row is None:
        raise Refusal("not_found")
    return {"GET": show, "PATCH": change, "DELETE": delete}[request.method](request, blog, row)


@api("POST")
def images(request, blog):
    """Keep a picture for a later update of any blog; the same picture again is the same file."""
    return json_answer(uploads.take(request), 201)


def must_live(row):
    if row.deleted:
        raise Refusal("not_found" if row.draft else "deleted")  # nobody has seen a draft


# Reading


def listing(request, blog):
    """What changed after a revision, oldest change first, tombstones included; no drafts."""
    after = whole_number(request.GET.get("after", "0"))
    if after is None:
        raise Refusal("bad_revision")
    rows = list(blog.updates.filter(revision__gt=after).order_by("revision")[: LIST + 1])
    found = [update_frame(row) for row in rows[:LIST]]
    more = len(rows) > LIST
    # What commits in between comes with the next call. `after` goes on from the last one here.
    upto = found[-1]["revision"] if more else max([blog.revision, *(u["revision"] for u in found)])
    return json_answer({"type": "updates", "updates": found, "after": upto, "more": more})


def show(request, blog, row):
    must_live(row)
    return json_answer(editors_frame(row), ETag=tag(row.version))


def tag(version) -> str:
    return f'"{version}"'


# Writing


def create(request, blog):
    key, asked = key_of(request), body_of(request)
    if done := idempotency.recorded(blog, key):
        return acknowledge(blog, same(done, "created", "drafted", "scheduled"), 201)
    if "version" in asked:
        raise Refusal("invalid", fields={"version": ["A new update has none."]})
    form = valid(form_of(BlogUpdate(blog=blog), asked, key, None))
    return acknowledge(blog, idempotency.create(blog, key, writer=NAME, **form.values()), 201)


def change(request, blog, row):
    key, asked = key_of(request), body_of(request)
    if done := idempotency.recorded(blog, key):
        return acknowledge(
            blog, same(done, "changed", "created", "drafted", "scheduled", "unchanged", pk=row.pk)
        )
    must_live(row)
    version, code = version_of(request, asked, row)
    if version is None:
        raise Refusal("no_version")
    if row.version != version:
        raise Refusal(code, current=editors_frame(row))
    form = valid(form_of(row, asked, key, version))
    try:
        done = idempotency.change(blog, key, row.pk, version, writer=NAME, **form.values())
        return acknowledge(blog, done)
    except idempotency.Conflict as found:
        raise Refusal(code, current=editors_frame(found.current)) from found


def delete(request, blog, row):
    key = key_of(request)
    if done := idempotency.recorded(blog, key):
        return acknowledge(blog, same(done, "deleted", "unchanged", pk=row.pk))
    # What is gone already stays so, whatever the writer saw.
    version, code = (None, None) if row.deleted else version_of(request, {}, row)
    try:
        return acknowledge(blog, idempotency.delete(blog, key, row.pk, version, writer=NAME))
    except idempotency.Conflict as found:
        raise Refusal(code, current=editors_frame(found.current)) from found


def acknowledge(blog, done, status=200):
    address = reverse("liveblog:api_update", args=[blog.slug, done.id])
    headers = {"Location": address} if status == 201 else {}
    return json_answer(done.frame(), status, ETag=tag(done.version), **headers)


def same(done, *actions, pk=None):
    """The recorded write if it may be this one. Raises Refusal."""
    if done.action not in actions or pk not in (None, done.id):
        raise Refusal("key_reused")
    return done


def key_of(request) -> str:
    form = KeyForm({"key": request.headers.get("Idempotency-Key", "")})
    if not form.is_valid():
        raise Refusal("invalid", fields={"Idempotency-Key": form.errors["key"]})
    return form.cleaned_data["key"]


def version_of(request, asked, row):
    """(the version that the writer saw or None, the code of the refusal if it is another)."""
    header = request.headers.get("If-Match")
    if header is None:
        return asked.get("version"), "conflict"
    # What is compressed on its way (here or by a proxy) has its tag weakened; it names the same.
    named = [named.strip().removeprefix("W/") for named in header.split(",")]
    if tag(row.version) in named or named == ["*"]:
        return row.version, "precondition_failed"
    raise Refusal("precondition_failed", current=editors_frame(row))


def body_of(request) -> dict:
    """The fields that were sent. Raises Refusal."""
    if request.content_type != "application/json":
        raise Refusal("not_json")
    try:
        text = request.body
    except RequestDataTooBig:
        raise Refusal("too_long") from None
    if len(text) > LONGEST:
        raise Refusal("too_long")
    try:
        asked = json.loads(text)
        encode(asked).encode()  # no half of a surrogate pair: no database stores it
    except (ValueError, RecursionError):
        raise Refusal("bad_json") from None
    if not isinstance(asked, dict):
        raise Refusal("bad_json")
    wrong = {name: [reason] for name, value in asked.items() if (reason := misfit(name, value))}
    if wrong:
        raise Refusal("invalid", fields=wrong)
    return asked


def misfit(name, value) -> str | None:
    if name not in KINDS:
        return "There is no such field."
    kind = KINDS[name]
    if isinstance(value, bool) != (kind is bool) or not isinstance(value, kind):
        names = {str: "text", bool: "true or false", int: "a whole number"}
        return f"This must be {names.get(kind, 'a time in ISO 8601, or null')}."
    return None


def form_of(row, asked, key, version) -> UpdateForm:
    """The editor's form, filled in with what was asked on top of what is there."""
    there = {name: getattr(row, name) for name in (*TEXTS, *FLAGS)}
    moment = asked.get("publish_at", row.publish_at and row.publish_at.isoformat())
    draft = asked.get("draft", row.draft)
    if asked.get("draft") is False and "publish_at" not in asked:
        moment = None  # now
    action = UpdateForm.DRAFT if draft and not moment else UpdateForm.PUBLISH
    sent = {name: value for name, value in asked.items() if name in there}
    more = {"publish_at": moment or "", "action": action, "key": key, "version": version}
    return UpdateForm(there | sent | more, instance=row)


def valid(form):
    if not form.is_valid():
        names = {"action": "draft"}
        fields = {names.get(name, name): list(found) for name, found in form.errors.items()}
        raise Refusal("invalid", fields=fields)
    return form
