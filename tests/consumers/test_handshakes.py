"""How every conversation answers handshakes and messages that it must refuse."""

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.consumers.conftest import BAD_JSON

ROOMS = ["chat", "chat-class", "heartbeat", "voice"]
USERS = ["users/isinsufficient", "initials"]
PATHS = [f"/channel/{kind}/lobby/" for kind in ROOMS]
PATHS += [f"/channel/{kind}/" for kind in (*USERS, "test", "by-hand")]
GREETINGS = {"heartbeat": 1, "voice": 2}  # frames that come unasked


def close_code(reader):
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            reader.frame()
    return closed.value.rcvd.code


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_origin_is_refused_at_the_handshake(stack, connect, path):
    with pytest.raises(InvalidStatus) as refusal:
        connect(path, user="anna", origin="https://evil.example")
    assert refusal.value.response.status_code == 403


@pytest.mark.parametrize("path", PATHS)
def test_the_site_s_origin_and_an_unknown_query_are_accepted(stack, connect, path):
    reader = connect(path + "?%ff=\xff", user="anna", origin=f"http://{stack.address}")
    greetings = next((n for kind, n in GREETINGS.items() if kind in path), 0)
    for _ in range(greetings):
        assert reader.frame().get("type") != "error"
    for text in BAD_JSON:
        reader.send(text)
        frame = reader.frame()
        assert (frame["type"], frame["message"][-1]) == ("error", "."), text
    for value in (None, [], "text", {}, {"other": 1}, {"message": None}, {"to": 1, "offer": {}}):
        if path in ("/channel/test/", "/channel/by-hand/"):
            reader.send({"value": value})
            assert reader.frame() == {"value": value}
        elif "heartbeat" not in path or "message" not in (value or {}):
            reader.send(value)
            frame = reader.frame()
            assert (frame["type"], frame["code"]) == ("error", "bad_message"), value


@pytest.mark.parametrize("kind", ROOMS)
@pytest.mark.parametrize("name", ["a b", "...", "x" * 65, "a%2Cb", "%00", "é%0A"])
def test_a_room_whose_name_is_not_allowed_is_refused_with_a_sentence_and_4404(connect, kind, name):
    reader = connect(f"/channel/{kind}/{name.replace(' ', '%20')}/")
    frame = reader.frame()
    assert (frame["type"], frame["code"]) == ("error", "bad_room")
    assert close_code(reader) == 4404


@pytest.mark.parametrize("kind", USERS)
@pytest.mark.parametrize("headers", [{}, {"Cookie": "sessionid=forged; guest=forged"}])
def test_anonymous_users_are_refused_with_4401(connect, kind, headers):
    reader = connect(f"/channel/{kind}/", additional_headers=headers)
    assert reader.frame()["code"] == "not_logged_in"
    assert close_code(reader) == 4401


def test_a_session_key_in_the_query_is_ignored(connect, sessions):
    reader = connect(f"/channel/initials/?session_key={sessions['anna']}")
    assert close_code(reader) == 4401
