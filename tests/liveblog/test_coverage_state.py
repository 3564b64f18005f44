"""Editors start, end and describe the coverage; who is second overwrites nothing."""

import pytest

from liveblog.models import LiveBlog
from tests.liveblog.test_editor import ask
from tests.liveblog.test_roles import member
from tests.liveblog.test_views import Tags, client_who_may, text_of

pytestmark = pytest.mark.django_db
EDITOR = "/liveblog/demo/edit/"
ABOUT = f"{EDITOR}about/"


@pytest.fixture
def blog():
    return LiveBlog.objects.create(
        slug="demo", title="Demo", description="One\nTwo", state="upcoming"
    )


@pytest.fixture
def editor(blog):
    return member("editor")


def seen(client, address=ABOUT):
    """The fields of the form as a browser would send them back."""
    form = client.get(address).context["about"]
    blog = form.instance
    text = {"title": blog.title, "description": blog.description.replace("\n", "\r\n")}
    chat = {"chat": "on"} if blog.chat else {}
    return (
        text
        | chat
        | {f"initial-{name}": value for name, value in text.items()}
        | {"initial-chat": str(blog.chat)}
    )


def test_it_starts_ends_and_is_reopened(editor, blog):
    for move, state, revision in (("start", "live", 1), ("end", "ended", 2), ("reopen", "live", 3)):
        status, frame = ask(editor, {"move": move}, ABOUT)
        assert (status, frame["type"], frame["state"]) == (200, "blog", state)
        blog.refresh_from_db()
        assert (blog.state, blog.revision) == (state, revision)
        assert bool(blog.ended) == (state == "ended")


def test_twice_is_once(editor, blog):
    for _ in range(2):
        assert ask(editor, {"move": "start"}, ABOUT)[1]["state"] == "live"
    blog.refresh_from_db()
    assert blog.revision == 1


@pytest.mark.parametrize(("state", "move"), [("upcoming", "end"), ("ended", "start")])
def test_what_somebody_else_has_changed_meanwhile_is_a_conflict(editor, blog, state, move):
    if state == "ended":
        blog.state = state
        blog.save()
    # Reopening and starting both lead to "live"; from where, the button has said.
    status, error = ask(editor, {"move": move}, ABOUT)
    assert (status, error["code"], error["current"]["state"]) == (409, "conflict", state)
    blog.refresh_from_db()
    assert blog.state == state


def test_a_move_that_there_is_not_changes_nothing(editor, blog):
    assert ask(editor, {"move": "burn"}, ABOUT)[0] == 422
    assert editor.post(ABOUT, {"move": "burn"}).status_code == 302
    blog.refresh_from_db()
    assert blog.revision == 0


def test_without_a_script_it_leads_back_to_the_page_with_a_sentence(editor, blog):
    response = editor.post(ABOUT, {"move": "start"}, follow=True)
    assert response.redirect_chain == [(ABOUT, 302)]
    assert "Coverage has started." in text_of(response)
    buttons = [tag["value"] for tag in Tags(editor.get(ABOUT)).all("button", name="move")]
    assert buttons == ["end"]


def test_title_description_and_chat_are_changed(editor, blog):
    data = seen(editor) | {"title": "New", "chat": "on"}
    assert ask(editor, data, ABOUT)[1]["title"] == "New"
    blog.refresh_from_db()
    assert (blog.title, blog.chat, blog.description, blog.revision) == ("New", True, "One\nTwo", 1)
    assert ask(editor, seen(editor), ABOUT)[0] == 200
    blog.refresh_from_db()
    assert blog.revision == 1


def test_two_editors_who_change_different_fields_both_win(editor, blog):
    data = seen(editor) | {"title": "Mine"}
    blog.description = "Theirs"
    blog.save()
    assert ask(editor, data, ABOUT)[0] == 200
    blog.refresh_from_db()
    assert (blog.title, blog.description) == ("Mine", "Theirs")


def test_the_same_field_is_not_overwritten_before_a_second_look(editor, blog):
    data = seen(editor) | {"title": "Mine"}
    blog.title = "Theirs"
    blog.save()
    status, error = ask(editor, data, ABOUT)
    assert (status, error["code"], error["current"]["title"]) == (409, "conflict", "Theirs")
    response = editor.post(ABOUT, data)
    assert response.status_code == 409
    page = text_of(response)
    assert "Theirs" in page and 'value="Mine"' in page and "someone else has changed this" in page
    blog.refresh_from_db()
    assert blog.title == "Theirs"
    form = response.context["about"]
    again = {name: form.data[name] for name in form.data if name != "csrfmiddlewaretoken"}
    assert editor.post(ABOUT, again).status_code == 302
    blog.refresh_from_db()
    assert blog.title == "Mine"


@pytest.mark.parametrize("title", ["", " ", "x" * 201, "a\0b"])
def test_a_wrong_title_is_explained_and_nothing_typed_is_lost(editor, blog, title):
    data = seen(editor) | {"title": title, "description": "Typed"}
    status, error = ask(editor, data, ABOUT)
    assert (status, error["code"], list(error["fields"])) == (422, "invalid", ["title"])
    response = editor.post(ABOUT, data)
    assert response.status_code == 422 and "Typed" in text_of(response)
    blog.refresh_from_db()
    assert blog.revision == 0


def test_it_is_for_editors(client, blog):
    assert client.post(ABOUT, {"move": "start"}).status_code == 302
    for other in (member("contributor"), client_who_may("add", "change", "delete")):
        assert ask(other, {"move": "start"}, ABOUT)[0] == 403
        assert other.get(ABOUT).status_code == 403
    blog.refresh_from_db()
    assert blog.state == "upcoming"
    assert member("editor").get(ABOUT).status_code == 200
