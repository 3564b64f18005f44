"""Presence on an editor's page, over real sockets."""

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from consumers.desk import ANNOUNCEMENTS
from tests.consumers.conftest import BAD_JSON, MAKE_USERS
from tests.consumers.test_handshakes import close_code

MAKE = """
from django.contrib.auth.models import Group, User
from liveblog.models import BlogUpdate, LiveBlog
LiveBlog.objects.get_or_create(slug={slug!r}, defaults={{"title": "Demo"}})
for name, group in [("anna", "editor"), ("ben", "contributor")]:
    user = User.objects.get(username=name)
    user.groups.add(Group.objects.get(name=group))
user = User.objects.get(username="anna")
user.first_name, user.last_name = "Anna", "Lind"
user.save()
"""
IDLE = {"update": None, "typing": False}


@pytest.fixture
def path(stack, room, sessions):
    stack.shell(MAKE.format(slug=room))
    return f"/channel/desk/{room}/"


def arrive(connect, path, user, **options):
    """A page's socket, and what it was welcomed with."""
    reader = connect(path, user=user, **options)
    welcome, ask = reader.frame(), reader.frame()
    assert (welcome["type"], ask) == ("welcome", {"type": "ask"})
    return reader, welcome


def test_pages_receive_each_other_s_activity_with_the_login_s_name(connect, path):
    anna, me = arrive(connect, path, "anna")
    ben, other = arrive(connect, path, "ben")
    assert anna.frame() == {"type": "ask"}
    assert me["page"] != other["page"] and me["user"] != other["user"]
    anna.send({"update": "new", "typing": True, "name": "The Queen", "page": "forged"})
    heard = [anna.frame(), ben.frame()]
    assert (
        heard
        == [
            {"type": "here", "page": me["page"], "user": me["user"], "name": "Anna Lind"}
            | {"update": "new", "typing": True}
        ]
        * 2
    )
    ben.send({"update": 7, "typing": False})
    frame = anna.frame()
    assert (frame["name"], frame["update"], frame["typing"]) == ("ben", 7, False)
    ben.socket.close()
    while (frame := anna.frame())["type"] != "gone":
        pass
    assert frame["page"] == other["page"]


def test_activity_is_not_sent_to_the_pages_of_another_blog(stack, connect, path, room):
    stack.shell(MAKE.format(slug=f"{room}2"))
    anna, _ = arrive(connect, path, "anna")
    elsewhere, _ = arrive(connect, f"/channel/desk/{room}2/", "ben")
    elsewhere.send(IDLE)
    assert elsewhere.frame()["type"] == "here"
    anna.send(IDLE)
    assert anna.frame()["name"] == "Anna Lind"


def test_a_user_who_may_not_write_is_refused(connect, path):
    for user, code, close in ((None, "not_logged_in", 4401), ("berta", "not_allowed", 4403)):
        reader = connect(path, user=user)
        frame = reader.frame()
        assert (frame["type"], frame["code"], frame["message"][-1]) == ("error", code, ".")
        assert close_code(reader) == close
    reader = connect("/channel/desk/nothing-here/", user="anna")
    assert reader.frame()["code"] == "unknown_blog"
    assert close_code(reader) == 4404
    with pytest.raises(InvalidStatus) as refusal:
        connect(path, user="anna", origin="https://evil.example")
    assert refusal.value.response.status_code == 403


def test_a_user_who_loses_the_permission_is_refused_at_the_next_message(stack, connect, path):
    ben, _ = arrive(connect, path, "ben")
    try:
        stack.shell(
            "from django.contrib.auth.models import User;"
            "User.objects.get(username='ben').groups.clear()"
        )
        ben.send(IDLE)
        assert close_code(ben) == 4403
    finally:
        stack.shell(MAKE.format(slug=path.split("/")[3]))


def test_a_role_in_the_team_opens_that_blog_s_desk_until_it_is_taken_away(
    stack, connect, path, room
):
    stack.shell(MAKE.format(slug=f"{room}2"))
    team = (
        "from django.contrib.auth.models import User;"
        "from liveblog.models import LiveBlog, Membership;"
        "berta = User.objects.get(username='berta');"
    )
    stack.shell(
        f"{team} blog = LiveBlog.objects.get(slug={room!r});"
        "Membership.objects.create(blog=blog, user=berta, role='contributor')"
    )
    berta, _ = arrive(connect, path, "berta")
    elsewhere = connect(f"/channel/desk/{room}2/", user="berta")
    assert elsewhere.frame()["code"] == "not_allowed" and close_code(elsewhere) == 4403
    stack.shell(f"{team} Membership.objects.filter(user=berta).delete()")
    berta.send(IDLE)
    assert close_code(berta) == 4403


def test_who_is_logged_out_is_told_to_connect_again_and_then_to_log_in(stack, connect, path):
    key = json.loads(stack.shell("NAMES = ['dora']" + MAKE_USERS))["dora"]
    dora = "from django.contrib.auth.models import User; dora = User.objects.get(username='dora');"
    stack.shell(dora + "dora.is_staff = True; dora.save()")
    cookie = {"additional_headers": {"Cookie": f"sessionid={key}"}}
    reader, _ = arrive(connect, path, None, **cookie)
    stack.shell(dora + "dora.set_password('another'); dora.save()")
    reader.send(IDLE)
    assert close_code(reader) == 1013
    assert close_code(connect(path, **cookie)) == 4401


def test_malformed_activity_is_refused_and_not_sent_on(connect, path):
    anna, _ = arrive(connect, path, "anna")
    ben, _ = arrive(connect, path, "ben")
    assert anna.frame() == {"type": "ask"}
    wrong = [None, [], "new", {}, {"update": 1}, {"typing": True}, IDLE | {"typing": 1}]
    wrong += [IDLE | {"update": value} for value in ("", "7", -1, 1.5, True, [7], 2**70, "<b>")]
    for text in [*BAD_JSON, *map(json.dumps, wrong)]:
        anna.send(text)
        frame = anna.frame()
        assert (frame["type"], frame["message"][-1]) == ("error", "."), text
    ben.send(IDLE)
    assert anna.frame()["name"] == ben.frame()["name"] == "ben"


def test_too_many_messages_are_refused_and_a_flood_is_closed_with_4429(connect, path, hold_windows):
    anna, _ = arrive(connect, path, "anna")
    anna.send(IDLE)
    kinds = [anna.frame()["type"]]
    hold_windows()
    for _ in range(ANNOUNCEMENTS.flood):
        anna.send(IDLE)
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            frame = anna.frame()
            kinds.append(frame.get("code", frame["type"]))
    assert closed.value.rcvd.code == 4429
    assert set(kinds) == {"here", "too_fast"} and kinds.count("here") <= ANNOUNCEMENTS.most


def test_a_changed_draft_is_announced_to_editors_without_its_text(stack, connect, path):
    anna, _ = arrive(connect, path, "anna")
    slug = path.split("/")[3]
    stack.shell(
        "from liveblog.models import BlogUpdate, LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={slug!r});"
        "row = BlogUpdate.objects.create(blog=blog, body='Secret', draft=True);"
        "row.body = 'Secrets'; row.save();"
        "row.draft = False; row.save();"
        "row.body = 'Public'; row.save();"
        "other = BlogUpdate.objects.create(blog=blog, body='Secret', draft=True); other.delete();"
        "BlogUpdate.objects.create(blog=blog, body='At once')"
    )
    frames = [anna.frame() for _ in range(5)]
    assert {frame["type"] for frame in frames} == {"draft"}
    assert [frame["gone"] for frame in frames] == [False, False, True, False, True]
    assert all(frame.keys() == {"type", "id", "gone"} for frame in frames)
    anna.send(IDLE)
    assert anna.frame()["type"] == "here"
