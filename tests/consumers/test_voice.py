"""Voice rooms: signals reach the member they name. The sound itself: tests/e2e/test_voice.py."""

from types import SimpleNamespace

import pytest

from conversations.rate_limits import SIGNALS_OF_ADDRESS
from conversations.redis_store import layer
from conversations.voice.members import MOST, Room, RoomFull
from tests.consumers.test_handshakes import close_code


@pytest.fixture
def enter(connect, room):
    """enter(user) -> (its socket, its id, who was there), after its own `joined`."""

    def enter(user=None):
        reader = connect(f"/channel/voice/{room}/", user=user)
        welcome, joined = reader.frame(), reader.frame()
        assert (welcome["type"], joined["type"]) == ("welcome", "joined")
        assert welcome["id"] == joined["id"]
        return SimpleNamespace(
            socket=reader,
            frame=reader.frame,
            send=reader.send,
            id=welcome["id"],
            members=welcome["members"],
            user=joined["user"],
        )

    return enter


def test_members_are_notified_of_joins_and_leaves(enter):
    anna = enter("anna")
    guest = enter()
    assert anna.members == []
    assert guest.members == [{"id": anna.id, "user": "anna"}]
    assert anna.frame() == {"type": "joined", "id": guest.id, "user": guest.user}
    guest.socket.socket.close()
    assert anna.frame() == {"type": "left", "id": guest.id}


def test_a_signal_reaches_the_member_it_names_alone_and_in_order(enter):
    one, two, three = enter(), enter(), enter()
    one.frame(), one.frame(), two.frame()  # those who came
    one.send({"to": two.id, "offer": {"sdp": "first"}})
    for number in range(30):
        one.send({"to": two.id, "candidate": {"number": number}})
    assert two.frame() == {"type": "offer", "from": one.id, "offer": {"sdp": "first"}}
    assert [two.frame()["candidate"]["number"] for _ in range(30)] == list(range(30))
    two.send({"to": three.id, "answer": {}})
    assert three.frame() == {"type": "answer", "from": two.id, "answer": {}}
    three.send({"to": one.id, "candidate": {}})
    assert one.frame()["from"] == three.id


def test_malformed_signals_are_refused_and_not_relayed(enter, connect):
    one, two = enter(), enter()
    one.frame()
    stranger = connect("/channel/voice/elsewhere/")
    elsewhere = stranger.frame()["id"]
    for member in ("nobody", elsewhere, one.id, "x" * 5000, ""):
        one.send({"to": member, "offer": {}})
        assert one.frame()["code"] == "no_member"
    for signal in (
        *({"to": two.id}, {"to": two.id, "offer": "text"}, {"to": [two.id], "offer": {}}),
        *({"to": two.id, "offer": {}, "answer": {}}, {"offer": {}}, {"to": two.id, "other": {}}),
    ):
        one.send(signal)
        assert one.frame()["code"] == "bad_message"
    one.send({"to": two.id, "offer": {"after": "all that"}})
    assert two.frame()["offer"] == {"after": "all that"}


def test_members_of_one_address_share_a_limit_that_reconnecting_does_not_evade(
    stack, connect, room
):
    def enter():
        return connect(f"/channel/voice/{room}/", source_address=("127.0.0.4", 0))

    def signal(member):
        member.send({"to": "nobody", "offer": {}})
        return member.next(lambda frame: frame["type"] == "error")["code"]

    first = enter()
    assert signal(first) == "no_member"
    place = "key('rate', 'signals-address', '127.0.0.4')"
    start = "from conversations.redis_store import key, redis\n"
    stack.shell(f"{start}redis().set({place}, {SIGNALS_OF_ADDRESS.most - 1})")
    assert [signal(first), signal(enter())] == ["no_member", "too_fast"]
    other = connect(f"/channel/voice/{room}/", source_address=("127.0.0.5", 0))
    assert signal(other) == "no_member"


def test_a_full_room_refuses_with_1013_until_a_member_leaves(enter, connect, room):
    members = [enter() for _ in range(MOST)]
    ninth = connect(f"/channel/voice/{room}/")
    assert ninth.frame()["code"] == "room_full"
    assert close_code(ninth) == 1013
    members[3].socket.socket.close()
    for _ in range(MOST - 1):
        assert members[0].frame()["type"] == "joined"
    assert members[0].frame() == {"type": "left", "id": members[3].id}
    assert len(enter().members) == MOST - 1


def test_members_without_a_socket_do_not_count():
    """As a killed interface server leaves them: in the hash, but not in the group any more."""
    room = Room("abandoned")
    channels = [f"voice.test.{number}!x" for number in range(MOST + 2)]
    for channel in channels:
        layer().group_add(room.group.name, channel)
    members = [room.join(channel, "user")[0] for channel in channels[:MOST]]
    with pytest.raises(RoomFull):
        room.join(channels[MOST], "user")
    for channel in channels[:2]:
        layer().group_discard(room.group.name, channel)
    newcomer, others, stale = room.join(channels[MOST], "newcomer")
    assert sorted(stale) == sorted(member["id"] for member in members[:2])
    assert sorted(m["id"] for m in others) == sorted(m["id"] for m in members[2:])
    room.leave(newcomer["id"])
    assert room.find(newcomer["id"]) is None
    assert room.find(members[2]["id"]) == members[2]
