"""A draft goes back to its author with a note, and both see the conversation."""

import pytest
from django.core import mail

from consumers.mails import review_note
from liveblog.models import BlogUpdate, LiveBlog
from liveblog.review import mail as review_mail
from tests.liveblog.test_editor import ask
from tests.liveblog.test_roles import member
from tests.liveblog.test_views import text_of

pytestmark = pytest.mark.django_db
EDITOR = "/liveblog/demo/edit/"


@pytest.fixture
def blog():
    return LiveBlog.objects.create(slug="demo", title="Demo")


@pytest.fixture
def author(blog):
    return member("contributor", "cleo", email="cleo@example.org")


@pytest.fixture
def editor(blog):
    return member("editor", "ed", email="ed@example.org")


@pytest.fixture
def draft(author, blog):
    ask(author, {"headline": "Head", "body": "Text", "action": "draft"})
    return blog.updates.get()


@pytest.fixture
def mails(monkeypatch):
    """What the worker would get; calling it delivers them."""
    queued = []

    class Channel:
        def __init__(self, name):
            assert name == "liveblog.review-mail"

        def send(self, content, immediately):
            queued.append(content)

    monkeypatch.setattr(review_mail, "Channel", Channel)

    def deliver():
        while queued:
            review_note(queued.pop(0))
        return [(message.to, message.subject) for message in mail.outbox]

    return deliver


def page_of(draft):
    return f"{EDITOR}{draft.pk}/review/"


def write(client, draft, text, action="note"):
    return client.post(page_of(draft), {"text": text, "action": action})


def test_it_goes_back_and_comes_again(author, editor, draft, mails):
    version = draft.version
    assert write(editor, draft, "Who says so?", "return").status_code == 302
    assert mails() == [(["cleo@example.org"], "Returned: Head")]
    message = mail.outbox[0].body
    assert "Who says so?" in message and f"http://testserver{page_of(draft)}" in message
    draft.refresh_from_db()
    assert (draft.review, draft.draft, draft.version) == (False, True, version)
    for client in (author, editor):
        page = text_of(client.get(page_of(draft)))
        assert "Who says so?" in page and ">Returned</h2>" in page
        drafts = text_of(client.get(f"{EDITOR}?tab=drafts"))
        assert page_of(draft) in drafts and ">Returned<" in drafts
    assert write(author, draft, "The mayor").status_code == 302
    assert mails()[1:] == [(["ed@example.org"], "Note: Head")]
    # The answer is the last note, so page and list show a draft as any other.
    assert ">Draft</h2>" in text_of(author.get(page_of(draft)))
    assert ">Returned<" not in text_of(author.get(f"{EDITOR}?tab=drafts"))
    data = {"body": "Text, says the mayor", "action": "draft", "version": version}
    assert ask(author, data, f"{EDITOR}?update={draft.pk}")[0] == 200
    draft.refresh_from_db()
    assert draft.review
    assert "Awaiting review" in text_of(editor.get(page_of(draft)))


def test_a_note_that_is_sent_twice_is_kept_once(editor, draft, mails):
    for _ in range(2):
        write(editor, draft, "Why?", "return")
    assert draft.notes.count() == 1 and len(mails()) == 1
    assert editor.post(page_of(draft), {"text": " "}).status_code == 422
    assert write(editor, draft, "x" * 1_001).status_code == 422


def test_who_may_not_publish_returns_nothing_and_readers_see_nothing(author, client, draft, mails):
    assert write(author, draft, "Please", "return").status_code == 403
    assert client.get(page_of(draft)).status_code == 302
    assert member("contributor", "other").get(page_of(draft)).status_code == 200
    draft.notes.create(writer="Ed", text="secret")
    draft.draft = False
    draft.save()
    assert "secret" not in text_of(client.get("/liveblog/demo/"))
    assert "secret" not in text_of(client.get(f"/liveblog/demo/{draft.pk}/"))
    assert author.get(page_of(draft)).status_code == 403  # only editors change what is published


def test_what_was_published_meanwhile_takes_no_note(editor, draft, mails):
    draft.draft = False
    draft.save()
    response = write(editor, draft, "Too late", "return")
    assert response.status_code == 409 and "Too late" in text_of(response)
    assert not draft.notes.exists() and mails() == []


def test_nobody_gets_a_mail_who_may_not_edit_the_draft_any_more(author, editor, draft, mails):
    author.user.groups.clear()
    write(editor, draft, "Gone?", "return")
    assert mails() == []
    assert BlogUpdate.objects.get(pk=draft.pk).notes.count() == 1


def test_programs_read_and_write_notes(draft, client, mails, settings):
    settings.API_TOKENS = ["token of the review"]
    headers = {"Authorization": f"Bearer {settings.API_TOKENS[0]}"}
    address = f"/api/liveblogs/demo/updates/{draft.pk}/notes/"
    note = {"text": "Too long", "returned": True}
    answer = client.post(address, note, "application/json", headers=headers)
    assert answer.status_code == 201
    assert answer.json() == client.get(address, headers=headers).json()
    (found,) = answer.json()["notes"]
    assert found.pop("created") and found == note | {"writer": "API"}
    assert mails() == [(["cleo@example.org"], "Returned: Head")]
    draft.refresh_from_db()
    draft.draft = False
    draft.save()
    refused = client.post(address, note, "application/json", headers=headers)
    assert refused.json()["code"] == "not_a_draft"
