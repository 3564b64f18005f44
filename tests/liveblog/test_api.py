"""The token API. Every answer of these tests is held against the OpenAPI description as well."""

import json
import re
from datetime import timedelta
from inspect import getsource

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from conversations.api_tokens import GUESSES
from conversations.redis_store import layer
from liveblog.api import application, views
from liveblog.api.application import LONGEST, REQUESTS
from liveblog.api.errors import KINDS
from liveblog.api.openapi import document
from liveblog.api.schemas import MAX_LISTED
from liveblog.editing import idempotency
from liveblog.fields import CONTENT, PUBLICATION
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.pictures import images, uploads
from liveblog.recordings import content, formats, incoming, mp4, sound, webm
from liveblog.recordings import uploads as recording_uploads
from tests.liveblog.pictures import bomb, encoded, picture, upload
from tests.liveblog.recordings import told_on_mp3, told_on_mp4

pytestmark = pytest.mark.django_db
ADDRESS = "/api/liveblogs/demo/updates/"
DESCRIPTION = document()
RECORDING_MODULES = (content, formats, incoming, mp4, recording_uploads, sound, webm)
SCHEMAS = DESCRIPTION["components"]["schemas"]
TYPES = {"string": str, "boolean": bool, "integer": int, "null": type(None), "object": dict}
TYPES |= {"array": list}


def fits(value, schema):
    """Whether a JSON value has the shape, as far as the description uses JSON Schema."""
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    if "anyOf" in schema:
        return any(fits(value, choice) for choice in schema["anyOf"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if type(value) not in [TYPES[kind] for kind in kinds]:
        return False
    if isinstance(value, list):
        return all(fits(item, schema["items"]) for item in value)
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        return set(schema.get("required", ())) <= value.keys() <= known.keys() and all(
            fits(item, known[name]) for name, item in value.items()
        )
    return True


def held(method, address, response):
    """The response, once the description is seen to foretell it."""
    parts = r"/(images/|summary/|(?:updates|recordings)/(?:[^/]+/)?)(?:\?|$)"
    part = re.search(parts, address)[1]
    part = re.sub(r"updates/.+/", "updates/{id}/", part)
    part = re.sub(r"recordings/.+/", "recordings/{upload}/", part)
    path = DESCRIPTION["paths"]["/api/liveblogs/{slug}/" + part]
    value = response.json()
    if response.status_code != 405:
        said = path[method.lower()]["responses"][str(response.status_code)]
        assert fits(value, said["content"]["application/json"]["schema"]), value
        if value["type"] == "error":
            assert f"`{value['code']}`" in said["description"]
    if value["type"] == "error":
        assert KINDS[value["code"]].status == response.status_code
        assert value["message"].endswith(".")
    assert "no-store" in response["Cache-Control"]
    return response


@pytest.fixture
def token(settings, request):
    settings.API_TOKENS = ["another", f"token of {request.node.name}"]
    return settings.API_TOKENS[1]


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def call(token):
    """call(method, address, body, **headers): the response."""
    client = Client(enforce_csrf_checks=True)

    def call(method, address=ADDRESS, body=None, content_type="application/json", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {"Authorization": f"Bearer {token}"} | headers
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        more = {} if body is None else {"data": data, "content_type": content_type}
        return held(method, address, client.generic(method, address, headers=headers, **more))

    return call


def one(pk):
    return f"{ADDRESS}{pk}/"


def outcome(response):
    value = response.json()
    return response.status_code, value.get("code") or value["action"]


# Writing


def test_a_post_is_published_and_its_address_answers(call, blog):
    response = call("POST", body={"body": "**Go**", "headline": "H", "key_event": True})
    assert outcome(response) == (201, "created")
    found = call("GET", response["Location"])
    assert found["ETag"] == response["ETag"] == '"1"'
    update = found.json()
    assert (update["content"], update["body"]) == ("<p><strong>Go</strong></p>", "**Go**")
    assert (update["headline"], update["key_event"], update["pinned"]) == ("H", True, False)


def test_a_change_touches_only_what_is_sent(call, blog):
    update = BlogUpdate.objects.create(blog=blog, body="Before", author="Jo", pinned=True)
    response = call("PATCH", one(update.pk), {"body": "After"}, If_Match='"1"')
    assert outcome(response) == (200, "changed") and response["ETag"] == '"2"'
    update.refresh_from_db()
    assert (update.body, update.author, update.pinned) == ("After", "Jo", True)
    assert outcome(call("PATCH", one(update.pk), {"version": 2})) == (200, "unchanged")


def test_drafts_and_schedules_are_kept_until_they_are_published(call, blog):
    pk = call("POST", body={"body": "Soon", "draft": True}).json()["id"]
    change = {"body": "Sooner", "version": -1}
    assert outcome(call("PATCH", one(pk), change)) == (200, "drafted")
    later = (timezone.now() + timedelta(days=1)).isoformat()
    assert outcome(call("PATCH", one(pk), {"publish_at": later, "version": -2}))[1] == "scheduled"
    assert outcome(call("PATCH", one(pk), {"body": "Text", "version": -3}))[1] == "scheduled"
    assert call("GET").json()["updates"] == []
    found = call("GET", one(pk)).json()
    assert (found["draft"], found["revision"], found["version"]) == (True, None, -4)
    assert outcome(call("PATCH", one(pk), {"draft": False, "version": -4}))[1] == "created"
    assert [update["id"] for update in call("GET").json()["updates"]] == [pk]
    back = call("PATCH", one(pk), {"draft": True, "version": 1})
    assert outcome(back) == (422, "invalid") and list(back.json()["fields"]) == ["draft"]


def test_a_deleted_update_is_410_and_stays_deleted(call, blog):
    pk = call("POST", body={"body": "Oops"}).json()["id"]
    assert outcome(call("DELETE", one(pk), If_Match='"1"')) == (200, "deleted")
    assert outcome(call("GET", one(pk))) == (410, "deleted")
    assert outcome(call("PATCH", one(pk), {"body": "x", "version": 2})) == (410, "deleted")
    assert outcome(call("DELETE", one(pk), If_Match='"1"')) == (200, "unchanged")
    draft = call("POST", body={"body": "Oops", "draft": True}).json()["id"]
    assert outcome(call("DELETE", one(draft), Idempotency_Key="d")) == (200, "deleted")
    assert outcome(call("DELETE", one(draft), Idempotency_Key="d")) == (200, "deleted")
    assert outcome(call("GET", one(draft))) == (404, "not_found")


def test_the_same_key_is_answered_the_same_and_done_once(call, blog):
    def twice(*args, **headers):
        first, second = call(*args, **headers), call(*args, **headers)
        assert first.json() == second.json() and first["ETag"] == second["ETag"]
        return first.json()["id"]

    pk = twice("POST", ADDRESS, {"body": "Once"}, Idempotency_Key="a")
    twice("PATCH", one(pk), {"body": "Twice"}, Idempotency_Key="b", If_Match='"1"')
    twice("DELETE", one(pk), Idempotency_Key="c", If_Match='"2"')
    blog.refresh_from_db()
    assert blog.revision == 3 and blog.updates.count() == 1


def test_a_key_of_another_write_is_refused(call, blog):
    pk = call("POST", body={"body": "One"}, Idempotency_Key="a").json()["id"]
    other = call("POST", body={"body": "Two"}).json()["id"]
    assert outcome(call("DELETE", one(pk), Idempotency_Key="a")) == (422, "key_reused")
    change = {"body": "x", "version": 2}
    refused = call("PATCH", one(other), change, Idempotency_Key="a")
    assert outcome(refused) == (422, "key_reused")
    for key in ("two words", "x" * 65):
        assert outcome(call("DELETE", one(pk), Idempotency_Key=key)) == (422, "invalid")


def test_another_version_is_409_or_412_and_nothing_is_overwritten(call, blog):
    update = BlogUpdate.objects.create(blog=blog, body="Before")
    update.body = "Theirs"
    update.save()
    by_body = call("PATCH", one(update.pk), {"body": "Mine", "version": 1})
    by_header = call("PATCH", one(update.pk), {"body": "Mine"}, If_Match='"1", "7"')
    assert outcome(by_body) == (409, "conflict")
    assert outcome(by_header) == (412, "precondition_failed")
    for refused in (by_body, by_header):
        assert refused.json()["current"]["body"] == "Theirs"
        assert refused.json()["current"]["version"] == 2
    assert outcome(call("DELETE", one(update.pk), If_Match='"1"')) == (412, "precondition_failed")
    assert outcome(call("PATCH", one(update.pk), {"body": "Mine"})) == (428, "no_version")
    update.refresh_from_db()
    assert update.body == "Theirs" and not update.deleted
    assert outcome(call("PATCH", one(update.pk), {"body": "Mine"}, If_Match="*"))[0] == 200
    assert outcome(call("DELETE", one(update.pk)))[0] == 200


def test_a_tag_that_compression_has_weakened_names_the_version_too(call, blog):
    update = BlogUpdate.objects.create(blog=blog, body="Before")
    weakened = "W/" + call("GET", one(update.pk))["ETag"]
    changed = call("PATCH", one(update.pk), {"body": "After"}, If_Match=weakened)
    assert outcome(changed)[0] == 200


def test_who_commits_between_look_and_write_is_not_overwritten(call, blog, monkeypatch):
    def late(blog, key, pk, version, **fields):
        monkeypatch.undo()
        BlogUpdate.objects.get(pk=pk).save()
        return idempotency.change(blog, key, pk, version, **fields)

    update = BlogUpdate.objects.create(blog=blog, body="Before")
    monkeypatch.setattr(idempotency, "change", late)
    change = call("PATCH", one(update.pk), {"body": "Mine"}, If_Match='"1"')
    assert outcome(change) == (412, "precondition_failed")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"body"}),
        ({"body": " "}, {"body"}),
        ({"body": "x" * 20_001}, {"body"}),
        ({"body": "a\0b"}, {"body"}),
        ({"body": "x", "headline": "x" * 201}, {"headline"}),
        ({"body": 1, "pinned": "yes", "x": 1}, {"body", "pinned", "x"}),
        ({"body": "x", "publish_at": "soon"}, {"publish_at"}),
        ({"body": "x", "publish_at": 5}, {"publish_at"}),
        ({"body": "x", "publish_at": "0001-01-01T00:00:00+14:00"}, {"publish_at"}),
        ({"body": "x", "version": 1}, {"version"}),
    ],
)
def test_wrong_fields_are_422_and_each_is_explained(call, blog, fields, wrong):
    response = call("POST", body=fields)
    assert outcome(response) == (422, "invalid")
    assert response.json()["fields"].keys() == wrong
    assert not BlogUpdate.objects.exists()


@pytest.mark.parametrize("body", [b" ", b"{", b"\xff", b"[]", b"null", b'{"body": "\\ud800"}'])
def test_a_body_that_is_no_json_object_is_400(call, blog, body):
    assert outcome(call("POST", body=body)) == (400, "bad_json")


def test_a_body_of_another_type_is_415_and_a_long_one_413(call, blog):
    assert outcome(call("POST", body={"body": "x"}, content_type="text/plain"))[0] == 415
    for size in (LONGEST, 3 << 20):
        assert outcome(call("POST", body={"body": "x" * size})) == (413, "too_long")
    longest = "\U0001f600" * 20_000  # escaped, as json.dumps does
    assert outcome(call("POST", body={"body": longest})) == (201, "created")


# Reading


def test_the_list_goes_on_from_any_revision_without_a_gap(call, blog):
    rows = [BlogUpdate.objects.create(blog=blog, body="x") for _ in range(MAX_LISTED + 2)]
    rows[0].delete()
    BlogUpdate.objects.create(blog=blog, body="Hidden", draft=True)
    found, after, more = [], 0, True
    while more:
        page = call("GET", f"{ADDRESS}?after={after}").json()
        found += page["updates"]
        after, more = page["after"], page["more"]
    assert [update["id"] for update in found] == [row.pk for row in rows[1:]] + [rows[0].pk]
    assert found[-1]["action"] == "deleted" and found[-1]["content"] == ""
    assert after == MAX_LISTED + 3
    assert call("GET", f"{ADDRESS}?after={after}").json()["updates"] == []


@pytest.mark.parametrize("after", ["x", "-1", "", "9" * 30])
def test_a_wrong_revision_is_400(call, blog, after):
    assert outcome(call("GET", f"{ADDRESS}?after={after}")) == (400, "bad_revision")


# Permissions


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic another", "Bearer \xff"])
def test_without_a_valid_token_it_is_401_and_nothing_happens(call, blog, given):
    response = call("POST", body={"body": "x"}, Authorization=given)
    assert outcome(response) == (401, "bad_token")
    assert response["WWW-Authenticate"] == "Bearer"
    assert not BlogUpdate.objects.exists()


def test_where_there_are_no_tokens_it_is_403(call, blog, settings):
    settings.API_TOKENS = []
    assert outcome(call("GET")) == (403, "no_tokens")


def test_what_is_not_there_is_404(call, blog):
    other = LiveBlog.objects.create(slug="other", title="Other")
    theirs = BlogUpdate.objects.create(blog=other, body="Theirs")
    assert outcome(call("GET", "/api/liveblogs/nothing/updates/")) == (404, "unknown_blog")
    for pk in (theirs.pk, theirs.pk + 1, "x", "9" * 30):
        for method in ("GET", "DELETE"):
            assert outcome(call(method, one(pk))) == (404, "not_found")


def test_another_method_is_405(call, blog):
    for address, allowed in ((ADDRESS, "GET, POST"), (one(1), "GET, PATCH, DELETE")):
        response = call("PUT", address, {"body": "x"})
        assert outcome(response) == (405, "bad_method") and response["Allow"] == allowed


def test_too_many_are_429_and_say_when_to_come_again(call, blog, token):
    assert call("GET").status_code == 200
    # At once: request by request they may take a busy machine longer than the window.
    REQUESTS.count(token, REQUESTS.most - 1)
    response = call("GET")
    assert outcome(response) == (429, "too_fast")
    assert 0 < int(response["Retry-After"]) <= REQUESTS.seconds
    other = call("GET", Authorization="Bearer another")
    assert other.status_code == 200


@pytest.fixture
def attempt(token, blog):
    """attempt(token, address): the response to a GET with that token from that address."""

    def attempt(token, address):
        headers = {"Authorization": f"Bearer {token}"}
        return held("GET", ADDRESS, Client().get(ADDRESS, headers=headers, REMOTE_ADDR=address))

    return attempt


def test_wrong_tokens_are_limited_per_address_and_counted(attempt, token, monkeypatch):
    counted = []
    monkeypatch.setattr(layer(), "count", counted.append)
    attempts = [attempt(f"guess {number}", "203.0.113.1") for number in range(GUESSES.most + 1)]
    assert {outcome(response) for response in attempts[:-1]} == {(401, "bad_token")}
    assert outcome(attempts[-1]) == (429, "too_many_guesses")
    assert 0 < int(attempts[-1]["Retry-After"]) <= GUESSES.seconds
    assert counted == ["token_failures"] * len(attempts)
    # Going on is of no use: the right one is not accepted either. Elsewhere it is.
    assert outcome(attempt(token, "203.0.113.1")) == (429, "too_many_guesses")
    assert attempt(token, "203.0.113.2").status_code == 200


def test_a_program_goes_on_beside_wrong_tokens_of_its_address(attempt, token):
    assert attempt(token, "203.0.113.3").status_code == 200
    for number in range(GUESSES.most + 1):
        attempt(f"guess {number}", "203.0.113.3")
    assert attempt(token, "203.0.113.3").status_code == 200
    assert attempt("another", "203.0.113.3").status_code == 429


def test_wrong_tokens_from_one_ipv6_network_count_together(attempt, token):
    for number in range(GUESSES.most):
        attempt("guess", f"2001:db8:0:1::{number:x}")
    assert attempt(token, "2001:db8:0:1:ffff::1").status_code == 429
    assert attempt(token, "2001:db8:0:2::1").status_code == 200


def test_a_request_without_a_token_is_no_guess(token, attempt):
    for _ in range(GUESSES.most + 1):
        response = Client().get(ADDRESS, REMOTE_ADDR="203.0.113.4")
    assert response.status_code == 401
    assert attempt(token, "203.0.113.4").status_code == 200


def test_a_database_that_is_away_is_503(call, blog, monkeypatch):
    def away(*args, **fields):
        raise OperationalError("database is locked")

    monkeypatch.setattr(idempotency, "create", away)
    response = call("POST", body={"body": "x"})
    assert outcome(response) == (503, "unavailable") and response["Retry-After"] == "1"


# Pictures


@pytest.fixture
def send(client, token, settings, tmp_path):
    """Send a form to the address of pictures; the answer is held against the description."""
    settings.MEDIA_ROOT = tmp_path / "media"
    address, headers = "/api/liveblogs/demo/images/", {"Authorization": f"Bearer {token}"}
    return lambda form: held("POST", address, client.post(address, form, headers=headers))


def test_a_picture_is_kept_and_shown_by_the_update_that_names_it(send, call, client, blog):
    response = send(upload(encoded(picture())))
    found = response.json()
    assert response.status_code == 201
    assert (found["width"], found["height"], found["moved"]) == (64, 48, False)
    assert found["url"] == f"http://testserver{found['address']}"
    assert call("POST", body={"body": f"![Red]({found['address']})"}).status_code == 201
    assert f'src="{found["address"]}" alt="Red" width="64" height="48"' in (
        blog.updates.get() and client.get("/liveblog/demo/").content.decode()
    )


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 422, "no_picture"),
        ({"image": "a text"}, 422, "no_picture"),
        (upload(b"<svg/>", "a.png", "image/png"), 415, "not_a_picture"),
        (upload(encoded(picture())[:-40]), 422, "damaged_picture"),
        (upload(bomb()), 422, "too_many_pixels"),
        (upload(b"x" * 10_000_001), 413, "picture_too_large"),
    ],
)
def test_a_file_that_is_no_good_picture_is_refused(send, blog, settings, form, status, code):
    assert outcome(send(form)) == (status, code)
    assert not settings.MEDIA_ROOT.exists()


def test_a_picture_that_the_disk_does_not_take_is_503(send, blog, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("liveblog.pictures.storage.write", full)
    response = send(upload(encoded(picture())))
    assert outcome(response) == (503, "not_stored") and response["Retry-After"] == "10"


# Video and audio: tests/liveblog/test_recordings.py


@pytest.fixture
def transfer(client, token, settings, tmp_path):
    """Send a file in parts; each answer is held against the description."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_MAX_MB = 1
    start, headers = "/api/liveblogs/demo/recordings/", {"Authorization": f"Bearer {token}"}

    def send(content, part=100_000, size=None):
        form = {"size": len(content) if size is None else size}
        answer = held("POST", start, client.post(start, form, headers=headers))
        if answer.status_code != 201:
            return answer
        address = f"{start}{answer.json()['upload']}/"
        for offset in range(0, len(content), part):
            place = f"{address}?offset={offset}"
            body = content[offset : offset + part]
            kind = "application/octet-stream"
            held("GET", address, client.get(address, headers=headers))
            answer = client.put(place, body, content_type=kind, headers=headers)
            held("PUT", place, answer)
        return answer

    return send


def test_a_video_is_sent_in_parts_and_played_by_the_update_that_names_it(transfer, call, blog):
    found = transfer(told_on_mp4(), part=200)
    assert found.status_code == 201 and found.json()["kind"] == "video"
    assert found.json()["url"] == f"http://testserver{found.json()['address']}"
    assert call("POST", body={"body": f"![Boat]({found.json()['address']})"}).status_code == 201
    assert (
        '<video controls="" playsinline="" preload="metadata" width="640"'
        in blog.updates.get().content
    )
    assert transfer(told_on_mp3()).json()["kind"] == "audio"


@pytest.mark.parametrize(
    ("sent", "size", "status", "code"),
    [
        (b"", 1_000_001, 413, "recording_too_large"),
        (b"", "ten", 400, "bad_number"),
        (b"<svg/>", None, 415, "not_a_recording"),
        (told_on_mp4(video=b"hvc1"), None, 415, "unknown_codec"),
        (told_on_mp3()[:90], None, 422, "damaged_recording"),
        (b"x", 1, 415, "not_a_recording"),
    ],
)
def test_a_file_that_cannot_be_played_is_refused(transfer, blog, sent, size, status, code):
    assert outcome(transfer(sent, size=size)) == (status, code)


# The description


def test_the_description_is_public_and_names_the_addresses_and_methods_of_the_code(client, token):
    response = client.get("/api/openapi.json")
    assert response.json() == DESCRIPTION
    for path, item in DESCRIPTION["paths"].items():
        refusal = client.options(path.format(slug="demo", id=1, upload="x"))
        assert refusal.status_code == 405
        assert refusal["Allow"].split(", ") == [name.upper() for name in item]


def test_the_description_has_every_refusal_of_the_code_and_no_other():
    code = "".join(map(getsource, (application, views, uploads, images, *RECORDING_MODULES)))
    raised = set(re.findall(r'Refusal\(\s*"(\w+)"', code))
    raised |= {"conflict", "precondition_failed", "not_found", "deleted"}  # by way of a variable
    assert raised == KINDS.keys()
    said = set(re.findall(r"`(\w+)`: ", json.dumps(DESCRIPTION["paths"])))
    assert said == KINDS.keys()


def test_the_description_s_fields_are_those_that_may_be_sent():
    fields = {*CONTENT, *PUBLICATION}
    assert SCHEMAS["NewUpdate"]["properties"].keys() == fields
    assert SCHEMAS["NewUpdate"]["required"] == ["body"]
    assert SCHEMAS["Change"]["properties"].keys() == fields | {"version"}
