"""Redis loses the sessions of open sockets: every page comes back by itself."""

import json

import pytest

from tests.consumers.conftest import MAKE_USERS
from tests.consumers.test_desk import IDLE, MAKE
from tests.consumers.test_handshakes import close_code

COME_BACK = 1013

# path -> what a page of it sends
WORDS = {
    "/channel/desk/{room}/": IDLE,
    "/channel/users/isinsufficient/": {"ask": "balance"},
    "/channel/initials/": {"message": "hello"},
    "/channel/ops/": {"ask": "sample"},
    "/channel/chat/{room}/": {"message": "hello"},
    "/channel/chat-class/{room}/": {"message": "hello"},
    "/channel/heartbeat/{room}/": {"message": "hello"},
    "/channel/voice/{room}/": {"to": "somebody", "candidate": {}},
}
LOSE_SESSIONS = """
from conversations.redis_store import layer, redis
keys = list(redis().scan_iter(f"{layer().prefix}:sessions:*"))
assert keys, "there is no session"
redis().delete(*keys)
"""
EDITOR = MAKE + "User.objects.get(username='editor').groups.add(Group.objects.get(name='editor'))\n"


@pytest.fixture
def editors_room(stack, room, sessions):
    stack.shell(EDITOR.format(slug=room))
    return room


@pytest.mark.parametrize("path", WORDS)
def test_row_42_a_socket_whose_session_was_lost_is_told_to_come_back(
    stack, connect, editors_room, path
):
    words = WORDS[path]
    path = path.format(room=editors_room)
    reader = connect(path, user="editor")
    reader.send(words)
    reader.frame()  # the socket was let in, and heard
    stack.shell(LOSE_SESSIONS)
    reader.send(words)
    assert close_code(reader) == COME_BACK
    again = connect(path, user="editor")
    again.send(words)
    assert again.frame().get("code") not in {"not_logged_in", "not_allowed", "session_lost"}


@pytest.mark.parametrize(
    "path", ["/channel/users/isinsufficient/", "/channel/initials/", "/channel/ops/"]
)
def test_row_42_a_user_who_was_logged_out_gets_the_final_code_at_the_next_handshake(
    stack, connect, path
):
    name = "dora" + "".join(filter(str.isalpha, path))
    key = json.loads(stack.shell(f"NAMES = [{name!r}]" + MAKE_USERS))[name]
    user = f"from django.contrib.auth.models import User; u = User.objects.get(username={name!r});"
    stack.shell(user + "u.is_staff = True; u.save()")
    cookie = {"additional_headers": {"Cookie": f"sessionid={key}"}}
    reader = connect(path, **cookie)
    reader.send(WORDS[path])
    reader.frame()
    stack.shell(user + "u.set_password('another'); u.save()")
    reader.send(WORDS[path])
    assert close_code(reader) == COME_BACK
    assert close_code(connect(path, **cookie)) == 4401
