""" "What we know": written by editors, read by everybody, overwritten by nobody."""

import json
import re
from html import unescape

import pytest

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading.transfer import document, find_or_create_blog, parse_document
from liveblog.stream.frames import blog_frame, replay_frame
from tests.liveblog.test_roles import member
from tests.liveblog.test_views import Tags, text_of

pytestmark = pytest.mark.django_db
READER = "/liveblog/demo/"
FORM = f"{READER}edit/summary/"
API = "/api/liveblogs/demo/summary/"


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def editor(blog):
    return member("editor")


def seen(client):
    """The fields of the form as a browser would send them back."""
    form = client.get(FORM).context["form"]
    return {"summary": form["summary"].value(), "version": form["version"].value()}


def write(client, text):
    return client.post(FORM, seen(client) | {"summary": text})


def test_what_an_editor_writes_is_above_the_stream_and_in_the_embedded_page(editor, client):
    assert Tags(client.get(READER)).all("section", data_blog="summary", hidden=None)
    assert write(editor, "- **Two** dead\r\n- Bridge closed").status_code == 302
    for address in (READER, f"{READER}embed/"):
        page = text_of(client.get(address))
        assert page.index("<strong>Two</strong> dead") < page.index("data-stream")
        assert not Tags(client.get(address)).all("section", data_blog="summary", hidden=None)
    structured = re.search(r"ld\+json\">(.*?)</script>", text_of(client.get(READER)))[1]
    assert json.loads(structured)["abstract"] == "Two dead Bridge closed"
    assert 'content="Two dead Bridge closed"' in unescape(text_of(client.get(READER)))


def test_it_is_markdown_without_scripts_and_of_bounded_length(editor, blog, client):
    write(editor, "<script>alert(1)</script>\n\n**fine**")
    shown = blog_frame(LiveBlog.objects.get())["summary"]
    assert "fine" in shown and "script" not in shown
    response = write(editor, "x" * 5_001)
    assert response.status_code == 422 and "x" * 5_001 in text_of(response)
    blog.refresh_from_db()
    assert blog.revision == 1


def test_a_change_takes_one_revision_and_the_same_text_none(editor, blog):
    for _ in range(2):
        write(editor, "Known")
    blog.refresh_from_db()
    assert (blog.revision, blog.summary_revision, blog.summary) == (1, 1, "Known")
    blog.title = "New"
    blog.save()
    assert (blog.revision, blog.summary_revision) == (2, 1)


def test_who_is_second_overwrites_nothing_before_a_second_look(editor, blog):
    other = member("editor", "ole")
    data = seen(editor) | {"summary": "Mine"}
    write(other, "Theirs")
    response = editor.post(FORM, data)
    assert response.status_code == 409
    page = text_of(response)
    assert "Theirs" in page and "Mine" in page and "someone else has changed this" in page
    blog.refresh_from_db()
    assert blog.summary == "Theirs"
    again = {name: response.context["form"][name].value() for name in ("summary", "version")}
    assert editor.post(FORM, again).status_code == 302
    blog.refresh_from_db()
    assert blog.summary == "Mine"


def test_the_history_has_every_text_with_its_editor_and_restores_one(editor, blog):
    write(editor, "First text")
    write(member("editor", "ole"), "Second text")
    page = editor.get(FORM)
    entries = page.context["entries"]
    assert [(e.row.text, e.row.editor, e.is_current) for e in entries] == [
        ("Second text", "ole", True),
        ("First text", "editor", False),
    ]
    assert "<del>First</del>" in text_of(page) and "<ins>Second</ins>" in text_of(page)
    (link,) = re.findall(r'href="(\?text=\d+)"', text_of(page))
    form = editor.get(FORM + link).context["form"]
    data = {name: form[name].value() for name in ("summary", "version")}
    assert data["summary"] == "First text"
    editor.post(FORM, data)
    blog.refresh_from_db()
    assert blog.summary == "First text"
    assert editor.get(f"{FORM}?text=0").status_code == 404


def test_it_is_for_editors(client, blog):
    assert client.get(FORM).status_code == 302
    contributor = member("contributor")
    assert contributor.get(FORM).status_code == 403
    assert contributor.post(FORM, {"summary": "x", "version": 0}).status_code == 403


def test_a_replay_has_it_only_for_readers_who_may_not_have_it(editor, blog):
    BlogUpdate.objects.create(blog=blog, body="One")
    write(editor, "Known")
    BlogUpdate.objects.create(blog=blog, body="Two")
    blog.refresh_from_db()
    for after in (0, 1, 99):
        assert replay_frame(blog, after)["summary"] == "<p>Known</p>"
    for after in (2, 3):
        assert "summary" not in replay_frame(blog, after)


def test_programs_read_and_replace_it(client, blog, settings):
    settings.API_TOKENS = ["token of the summary"]
    headers = {"Authorization": f"Bearer {settings.API_TOKENS[0]}"}

    def put(**more):
        extra = {"If-Match": more.pop("if_match")} if "if_match" in more else {}
        answer = client.put(API, more, "application/json", headers=headers | extra)
        return answer.status_code, answer.json()

    assert client.get(API, headers=headers).json() == {
        "type": "summary",
        "summary": "",
        "content": "",
        "version": 0,
    }
    done = {"type": "summary", "summary": "**A**", "content": "<p><strong>A</strong></p>"}
    for _ in range(2):  # a client that got no answer sends it again
        assert put(summary="**A**", version=0) == (200, done | {"version": 1})
    status, refused = put(summary="B", version=0)
    assert (status, refused["code"]) == (409, "conflict")
    assert refused["current"] == done | {"version": 1}
    assert put(summary="B", if_match='"0"')[1]["code"] == "precondition_failed"
    assert put(summary="B")[1]["code"] == "no_version"
    assert put(summary="x" * 5_001, version=1)[1]["fields"].keys() == {"summary"}
    assert put(summary="B", if_match='W/"1"')[0] == 200
    assert client.get(API, headers=headers)["ETag"] == '"2"'
    assert blog.summaries.first().editor == "API"


def test_an_export_contains_it_and_an_older_export_can_be_imported(editor, blog):
    write(editor, "Known")
    exported = document(LiveBlog.objects.get())
    assert exported["blog"]["summary"] == "Known"
    exported["blog"]["slug"] = "copy"
    copied, _ = find_or_create_blog(parse_document(exported))
    assert copied.summary == "Known" and copied.summaries.get().text == "Known"
    exported["blog"]["slug"] = "old"
    del exported["blog"]["summary"]
    assert find_or_create_blog(parse_document(exported)).blog.summary == ""
