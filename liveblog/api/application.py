"""The API object: tokens, bodies, refusals, addresses, and how its operations are documented."""

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import redis
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from ninja.security import HttpBearer

from conversations.api_tokens import TooManyGuesses, token_of
from conversations.json_text import encode
from conversations.rate_limits import Limit
from database.outages import OUTAGES, reason_of
from liveblog.api import schemas
from liveblog.api.errors import KINDS, Refusal
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading.views import json_response

logger = logging.getLogger(__name__)

LONGEST = 300_000  # bytes of a body: 20,000 characters, each escaped as 12, and the rest
REQUESTS = Limit("api", most=100, seconds=10, flood=1000)  # a ticker that posts ten times a second
# pydantic's error types, and the sentences that clients get
SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field.",
    "string_type": "This must be text.",
    "bool_type": "This must be true or false.",
    "int_type": "This must be a whole number.",
}


class Token(HttpBearer):
    """Lets clients with one of API_TOKENS in, and each only so often. Raises Refusal."""

    def __call__(self, request: HttpRequest) -> str:
        if not settings.API_TOKENS:
            raise Refusal("no_tokens")
        try:
            token = token_of(request)
        except TooManyGuesses as error:
            raise Refusal("too_many_guesses", {"Retry-After": str(error.wait)}) from None
        if token is None:
            raise Refusal("bad_token", {"WWW-Authenticate": "Bearer"})
        return self.authenticate(request, token)

    def authenticate(self, request: HttpRequest, token: str) -> str:
        if REQUESTS.count(token) > REQUESTS.most:
            raise Refusal("too_fast", {"Retry-After": str(REQUESTS.wait(token))})
        return token


class JsonObject(Parser):
    """Reads bodies. Raises Refusal."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise Refusal("not_json")
        text = request.body
        if len(text) > LONGEST:
            raise Refusal("too_long")
        try:
            sent = json.loads(text)
            encode(sent).encode()  # no half of a surrogate pair: no database stores it
        except (ValueError, RecursionError):
            raise Refusal("bad_json") from None
        if not isinstance(sent, dict):
            raise Refusal("bad_json")
        return sent


api = NinjaAPI(
    title="Live blog",
    version="1",
    docs_url=None,
    urls_namespace="liveblog:api",
    auth=Token(),
    parser=JsonObject(),
)


# Refusals


def refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    return json_response(refusal.frame, refusal.status, **refusal.headers)


def refuse_parameters(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A path, a query or a body that does not fit its schema."""
    fields: dict[str, list[str]] = {}
    for found in error.errors:
        source, *names = found["loc"]
        if source == "path":
            return refuse(request, Refusal("not_found"))
        if source == "query":
            return refuse(request, Refusal("bad_revision"))
        # Behind the source stands the name of the function's argument.
        fields[str(names[1])] = [SENTENCES.get(found["type"], "This field cannot be used.")]
    return refuse(request, Refusal("invalid", fields=fields))


def refuse_body(request: HttpRequest, error: HttpError) -> HttpResponse:
    """ninja wraps what the parser raises."""
    cause = error.__cause__
    return refuse(request, cause if isinstance(cause, Refusal) else Refusal("bad_json"))


def refuse_long_body(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    """More than Django reads at all."""
    return refuse(request, Refusal("too_long"))


def refuse_missing_blog(request: HttpRequest, error: Exception) -> HttpResponse:
    return refuse(request, Refusal("unknown_blog"))


def refuse_missing_update(request: HttpRequest, error: Exception) -> HttpResponse:
    return refuse(request, Refusal("not_found"))


def refuse_during_outage(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("%s %s failed: %s", request.method, request.path, reason_of(error))
    return refuse(request, Refusal("unavailable", {"Retry-After": "1"}))


E = TypeVar("E", bound=Exception)


def on(kind: type[E], handler: Callable[[HttpRequest, E], HttpResponse]) -> None:
    # By ninja's annotation a handler also takes the exception's class, which ninja never passes.
    api.add_exception_handler(kind, handler)  # type: ignore[arg-type]


on(Refusal, refuse)
on(HttpError, refuse_body)
on(RequestDataTooBig, refuse_long_body)
on(ValidationError, refuse_parameters)
on(LiveBlog.DoesNotExist, refuse_missing_blog)
on(BlogUpdate.DoesNotExist, refuse_missing_update)
on(redis.RedisError, refuse_during_outage)
for outage in OUTAGES:
    on(outage, refuse_during_outage)


# The document: what an operation answers, and the refusals of each status


ALL = (
    *("bad_token", "too_many_guesses", "no_tokens", "unknown_blog", "bad_method", "too_fast"),
    "unavailable",
)
BODY = ("bad_json", "too_long", "not_json", "invalid", "key_reused")
VERSION = ("conflict", "precondition_failed")
PICTURE = (
    *("no_picture", "picture_too_large", "not_a_picture", "damaged_picture"),
    *("too_many_pixels", "picture_too_heavy", "not_stored"),
)
RECORDING_SIZE = ("bad_number", "recording_too_large", "not_a_recording", "no_space", "not_stored")
RECORDING_PART = (
    *("bad_number", "unknown_upload", "wrong_offset", "upload_busy", "too_long", "not_stored"),
    *("not_a_recording", "unknown_codec", "other_tracks", "damaged_recording"),
    *("captions_too_large", "not_captions"),
)
SIZE = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "properties": {"size": {"type": "integer", "description": "bytes of the file"}},
                "required": ["size"],
            }
        }
    },
}
PART = {
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
OFFSET = {
    "name": "offset",
    "in": "query",
    "required": True,
    "description": "where the part begins in the file, in bytes",
    "schema": {"type": "integer"},
}
UPLOAD = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"image": {"type": "string", "format": "binary"}},
                "required": ["image"],
            }
        }
    },
}


def documented(
    summary: str,
    status: int,
    answer: Any,
    *codes: str,
    created: type | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """Options of an operation. `codes`: its refusals beside those of ALL.

    `created`: the answer with status 201, where another is usual.
    """
    conditions: dict[int, list[str]] = {}
    for code in (*ALL, *codes):
        kind = KINDS[code]
        conditions.setdefault(kind.status, []).append(f"`{code}`: {kind.when}")
    descriptions = {found: {"description": "; ".join(c)} for found, c in conditions.items()}
    return {
        "summary": summary,
        "response": {status: answer}
        | ({201: created} if created else {})
        | dict.fromkeys(conditions, schemas.Error),
        "openapi_extra": {"responses": descriptions} | extra,
    }


# Addresses


def framed(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view with another method refused as everything else is, and no answer cached."""

    @never_cache
    @wraps(view)
    def inner(request: HttpRequest, **parameters: str) -> HttpResponse:
        response = view(request, **parameters)
        if response.status_code != 405:
            return response
        allowed = ", ".join(sorted(response["Allow"].split(", "), key=METHODS.index))
        return refuse(request, Refusal("bad_method", {"Allow": allowed}))

    return inner


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def urls() -> tuple[list[URLPattern], str, str]:
    """For Django's path(). The document itself may be cached, and needs no token."""
    patterns, app_name, namespace = api.urls
    made = [
        path(str(pattern.pattern), framed(pattern.callback), name=pattern.name)
        for pattern in patterns
        if isinstance(pattern, URLPattern) and pattern.name not in ("api-root", "openapi-json")
    ]
    return made, app_name, namespace
