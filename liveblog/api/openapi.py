"""`/api/openapi.json`: the token API as OpenAPI 3.1, made from what the code itself goes by."""

import json

from django.http import HttpResponse

from conversations.read_only import read_only
from liveblog.api import views
from liveblog.api.errors import KINDS
from liveblog.fields import LONGEST_BODY, LONGEST_KEY
from liveblog.models import BlogUpdate
from liveblog.reading.views import briefly_public

TEXT, FLAG, WHOLE = {"type": "string"}, {"type": "boolean"}, {"type": "integer"}
TIME = {"type": "string", "format": "date-time"}
TIME_OR_NULL = {"type": ["string", "null"], "format": "date-time"}
WHOLE_OR_NULL = {"type": ["integer", "null"]}

# What each operation may be refused with, beside what all may.
ALL = ("bad_token", "no_tokens", "unknown_blog", "bad_method", "too_fast", "unavailable")
BODY = ("bad_json", "too_long", "not_json", "invalid", "key_reused")
PICTURE = ("no_picture", "picture_too_large", "not_a_picture", "damaged_picture")
PICTURE += ("too_many_pixels", "picture_too_heavy", "not_stored")
VERSION = ("conflict", "precondition_failed")


def fields(*, asked):
    longest = {name: BlogUpdate._meta.get_field(name).max_length for name in views.TEXTS}
    longest["body"] = LONGEST_BODY
    found = {name: TEXT | {"maxLength": longest[name]} for name in views.TEXTS}
    found |= dict.fromkeys((*views.FLAGS, "draft"), FLAG) | {"publish_at": TIME_OR_NULL}
    return found | ({"version": WHOLE} if asked else {})


def schema(properties, required=None):
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties) if required is None else required,
        "additionalProperties": False,
    }


def schemas():
    shown = {
        "type": {"const": "update"},
        "id": WHOLE,
        "revision": WHOLE_OR_NULL,
        "action": {"enum": ["created", "changed", "deleted"]},
        "content": TEXT | {"description": "safe HTML; empty when deleted"},
        **dict.fromkeys(("headline", "author"), TEXT),
        **dict.fromkeys(views.FLAGS, FLAG),
        "created": TIME,
        "edited": TIME_OR_NULL,
    }
    hidden = {"body": TEXT, "version": WHOLE, "draft": FLAG, "publish_at": TIME_OR_NULL}
    listed = {"type": "array", "maxItems": views.LIST, "items": reference("Update")}
    ack = {
        "type": {"const": "ack"},
        "id": WHOLE,
        "revision": WHOLE_OR_NULL,
        "version": WHOLE,
        "key": TEXT,
        "action": {"enum": ["created", "changed", "deleted", "drafted", "scheduled", "unchanged"]},
    }
    error = {
        "type": {"const": "error"},
        "code": {"enum": list(KINDS)},
        "message": TEXT,
        "fields": {"type": "object"},
        "current": reference("EditorsUpdate"),
    }
    image = {
        "type": {"const": "image"},
        "address": TEXT | {"description": "for the Markdown of updates: ![what it shows](address)"},
        "url": TEXT | {"format": "uri"},
        "width": WHOLE,
        "height": WHOLE,
        "moved": FLAG | {"description": "it was an animation; its first frame is kept"},
    }
    after = WHOLE | {"description": "ask for what is after this next"}
    return {
        "Update": schema(shown),
        "EditorsUpdate": schema(shown | hidden),
        "Updates": schema(
            {"type": {"const": "updates"}, "updates": listed, "after": after, "more": FLAG}
        ),
        "NewUpdate": schema(
            {n: kind for n, kind in fields(asked=True).items() if n != "version"}, ["body"]
        ),
        "Change": schema(fields(asked=True), []),
        "Acknowledgement": schema(ack),
        "Image": schema(image),
        "NewImage": schema({"image": TEXT | {"format": "binary"}}),
        "Error": schema(error, ["type", "code", "message"]),
    }


def reference(name):
    return {"$ref": f"#/components/schemas/{name}"}


def content(name, kind="application/json"):
    return {kind: {"schema": reference(name)}}


def header(name, description, **kind):
    return {"name": name, "in": "header", "description": description, "schema": TEXT | kind}


KEY = header(
    "Idempotency-Key",
    "names the write: sent again with the same key it is answered as the first time",
    maxLength=LONGEST_KEY,
)
IF_MATCH = header("If-Match", "the ETag of the update as the writer saw it, or *")


def operation(summary, status, answer, codes, parameters=(), body=None):
    responses = {str(status): {"description": "done", "content": content(answer)}}
    for code in (*ALL, *codes):
        kind = KINDS[code]
        found = responses.setdefault(
            str(kind.status), {"description": "", "content": content("Error")}
        )
        found["description"] = f"{found['description']}; `{code}`: {kind.when}".removeprefix("; ")
    made = {"summary": summary, "parameters": list(parameters), "responses": responses}
    if body:
        made["requestBody"] = {"required": True, "content": content(body)}
    return made


def description() -> dict:
    slug = {"name": "slug", "in": "path", "required": True, "schema": TEXT}
    pk = {"name": "id", "in": "path", "required": True, "schema": WHOLE}
    after = {
        "name": "after",
        "in": "query",
        "description": "a revision; without it all is listed",
        "schema": WHOLE | {"minimum": 0, "default": 0},
    }
    listing = operation(
        "What changed after a revision, tombstones included",
        *(200, "Updates", ["bad_revision"], [after]),
    )
    create = operation(
        "Publish an update, keep it as a draft, or schedule it",
        *(201, "Acknowledgement", BODY, [KEY], "NewUpdate"),
    )
    show = operation("One update, or draft", 200, "EditorsUpdate", ["not_found", "deleted"])
    change = operation(
        "Change fields of an update; what is not sent stays",
        *(200, "Acknowledgement", ["not_found", "deleted", "no_version", *VERSION, *BODY]),
        *([KEY, IF_MATCH], "Change"),
    )
    delete = operation(
        "Delete an update",
        *(200, "Acknowledgement", ["not_found", "precondition_failed", "invalid", "key_reused"]),
        [KEY, IF_MATCH],
    )
    upload = operation("Keep a picture, to be named in an update", 201, "Image", PICTURE)
    upload["requestBody"] = {
        "required": True,
        "content": content("NewImage", "multipart/form-data"),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Live blog", "version": "1"},
        "security": [{"token": []}],
        "paths": {
            "/api/liveblogs/{slug}/updates/": {
                "parameters": [slug],
                "get": listing,
                "post": create,
            },
            "/api/liveblogs/{slug}/updates/{id}/": {
                "parameters": [slug, pk],
                "get": show,
                "patch": change,
                "delete": delete,
            },
            "/api/liveblogs/{slug}/images/": {"parameters": [slug], "post": upload},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(),
        },
    }


@read_only
@briefly_public
def openapi(request):
    return HttpResponse(json.dumps(description(), indent=1), content_type="application/json")
