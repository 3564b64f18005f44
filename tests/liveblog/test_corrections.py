"""A correction is a note of its own, wherever its update is read."""

import json
import re
from html import unescape
from xml.etree import ElementTree

import pytest

from liveblog.models import BlogUpdate, LiveBlog
from liveblog.reading.export import as_html
from liveblog.reading.transfer import document, find_or_create_blog, load_batch, parse_document
from liveblog.stream.frames import update_frame
from tests.liveblog.test_editor import ask
from tests.liveblog.test_roles import member
from tests.liveblog.test_views import text_of

pytestmark = pytest.mark.django_db
READER = "/liveblog/demo/"
EDITOR = f"{READER}edit/"
NOTE = "It was <two>, not three.\nWe are sorry."


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def update(blog):
    return BlogUpdate.objects.create(blog=blog, body="Two people", headline="Head")


@pytest.fixture
def corrected(update):
    update.correction = NOTE
    update.save()
    return update


def plain(html):
    return unescape(re.sub(r"<[^>]*>", "", html))


def test_readers_see_it_below_the_update(corrected, client):
    for address in (READER, f"{READER}{corrected.pk}/", f"{READER}embed/"):
        page = text_of(client.get(address))
        note = re.findall(r'<p class="correction">(.*?)</p>', page, re.S)[0]
        assert plain(note) == f"Correction: {NOTE}" and "hidden" not in note
    structured = re.search(r"ld\+json\">(.*?)</script>", text_of(client.get(READER)))[1]
    (posting,) = json.loads(structured)["liveBlogUpdate"]
    assert posting["correction"] == {"@type": "CorrectionComment", "text": NOTE}
    assert "Correction: It was <two>, not three." in plain(as_html(corrected.blog))


def test_a_feed_has_it_and_becomes_newer_in_one_language_for_all(corrected, client):
    answers = {client.get(f"{READER}feed/?lang={code}").content for code in ("en", "zh-hans")}
    (answer,) = {re.sub(b'<link href="[^"]*" rel="self"', b"", answer) for answer in answers}
    atom = "{http://www.w3.org/2005/Atom}"
    entry = ElementTree.fromstring(client.get(f"{READER}feed/").content).find(f"{atom}entry")
    content = entry.findtext(f"{atom}content")
    assert content.endswith(
        "<p><strong>Correction:</strong> It was &lt;two&gt;, not three.<br>We are sorry.</p>"
    )
    assert entry.findtext(f"{atom}updated") > entry.findtext(f"{atom}published")
    assert b"Correction" in answer


def test_an_editor_adds_it_and_a_form_without_the_field_keeps_it(update):
    editor = member("editor")
    data = {"headline": "Head", "body": "Two people"}
    address = f"{EDITOR}?update={update.pk}"
    assert ask(editor, data | {"correction": NOTE, "version": 1}, address)[1]["revision"] == 2
    assert ask(editor, data | {"body": "Two", "version": 2}, address)[1]["revision"] == 3
    update.refresh_from_db()
    assert update.correction == NOTE and update_frame(update)["correction"] == NOTE
    assert ask(editor, data | {"correction": "x" * 1_001, "version": 3}, address)[0] == 422
    ask(editor, data | {"body": "Two", "correction": "", "version": 3}, address)
    history = text_of(editor.get(f"{EDITOR}{update.pk}/history/"))
    assert "<del>It was" in history and "<ins>It was" in history
    assert 'name="correction"' in text_of(editor.get(address))


def test_a_deleted_update_gives_none_away_and_an_export_contains_it(corrected):
    exported = document(corrected.blog)
    assert exported["updates"][0]["correction"] == NOTE
    exported["blog"]["slug"] = "copy"
    parsed = parse_document(exported)
    copied, _ = find_or_create_blog(parsed)
    load_batch(parsed, copied, 0)
    assert copied.updates.get().correction == NOTE
    del exported["updates"][0]["correction"]  # the export of an older release
    assert parse_document(exported).updates[0]["correction"] == ""
    corrected.delete()
    assert update_frame(corrected)["correction"] == ""
