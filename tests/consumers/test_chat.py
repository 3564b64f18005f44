"""A chat room, as functions and as a class."""

import subprocess

import pytest

from consumers.chat import LONGEST_USERNAME
from conversations.chat.history import history_frame
from conversations.chat.room import LONGEST_MESSAGE, new_line, send
from conversations.rate_limits import CHAT, GUESTS
from tests.consumers.test_handshakes import close_code

STYLES = ["chat", "chat-class"]
NOTHING = "0"  # what a client without lines asks after


@pytest.fixture(params=STYLES)
def style(request):
    return request.param


def test_a_line_reaches_the_room_and_its_sender_whichever_style_they_use(connect, room):
    readers = [connect(f"/channel/{style}/{room}/", user="anna") for style in STYLES]
    other = connect(f"/channel/chat/{room}2/")
    for sender in readers:
        sender.send({"message": "  Good *morning* <b>  "})
        frames = [reader.frame() for reader in readers]
        assert frames[0] == frames[1]
        assert frames[0].keys() == {"message", "user", "id", "sent"}
        assert (frames[0]["message"], frames[0]["user"]) == ("Good *morning* <b>", "anna")
    other.send({"message": "elsewhere"})
    assert other.frame()["message"] == "elsewhere"


def test_lines_keep_their_order_and_ids_differ(connect, room, style):
    reader = connect(f"/channel/{style}/{room}/")
    lines = [f"line {number}" for number in range(CHAT.most)]
    for line in lines:
        reader.send({"message": line})
    frames = [reader.frame() for _ in lines]
    assert [frame["message"] for frame in frames] == lines
    assert len({frame["id"] for frame in frames}) == len(lines)


def test_guests_have_names_of_their_own_and_keep_them_while_connected(connect, room):
    one, two = connect(f"/channel/chat/{room}/"), connect(f"/channel/chat/{room}/")
    names = []
    for sender in (one, two, one):
        sender.send({"message": "who am I?"})
        names.append(two.frame()["user"])
    assert all(name.startswith("Guest ") for name in names)
    assert names[0] == names[2] != names[1]


def test_a_room_s_name_may_be_of_any_script(connect, style):
    one, two = connect(f"/channel/{style}/编辑室/"), connect(f"/channel/{style}/编辑室/")
    one.send({"message": "你好"})
    assert two.frame()["message"] == "你好"


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"},
        {"Accept-Language": "en", "Cookie": "django_language=zh-hans"},
    ],
)
def test_a_refusal_is_in_the_language_of_the_socket_s_handshake(connect, room, style, headers):
    chinese = connect(f"/channel/{style}/{room}/", additional_headers=headers)
    english = connect(f"/channel/{style}/{room}/")
    for _ in range(3):  # they take turns in the same workers
        chinese.send({"message": ""})
        assert chinese.frame()["message"] == "消息是空的。"
        english.send({"message": ""})
        assert english.frame()["message"] == "The message is empty."


def test_too_long_and_empty_lines_are_refused_and_not_sent_on(connect, room, style):
    one, two = (connect(f"/channel/{style}/{room}/", user=name) for name in ("berta", "ben"))
    for text, code in [("x" * (LONGEST_MESSAGE + 1), "too_long"), (" \n", "empty")]:
        one.send({"message": text})
        assert one.frame()["code"] == code
    one.send({"message": "x" * LONGEST_MESSAGE})
    assert two.frame()["message"] == "x" * LONGEST_MESSAGE


def test_too_many_lines_get_a_sentence_and_a_flood_is_closed_with_4429(
    connect, room, style, hold_windows
):
    one, two = connect(f"/channel/{style}/{room}/"), connect(f"/channel/{style}/{room}/")
    one.send({"message": "buy"})
    frames = [one.frame()]
    hold_windows()
    for _ in range(CHAT.flood):
        one.send({"message": "buy"})
    frames += [one.frame() for _ in range(CHAT.flood)]
    sentences = frames[CHAT.most :]
    assert {frame["code"] for frame in sentences} == {"too_fast"}
    assert close_code(one) == 4429
    for _ in range(CHAT.most):
        assert two.frame()["message"] == "buy"
    two.send({"message": "quiet again"})
    assert two.frame()["message"] == "quiet again"


def test_guests_of_one_address_share_a_limit_that_reconnecting_does_not_evade(
    stack, connect, room, style
):
    def guest():
        return connect(f"/channel/{style}/{room}/", source_address=("127.0.0.2", 0))

    def lines_left(number):
        key = "key('rate', 'chat-guests', '127.0.0.2')"
        start = "from conversations.redis_store import key, redis\n"
        stack.shell(f"{start}redis().set({key}, {GUESTS.most - number})")

    lines_left(2)
    for _ in range(2):
        first = guest()  # each without a cookie, and so with a name of its own
        first.send({"message": "buy"})
        assert first.frame()["message"] == "buy"
    last = guest()
    last.send({"message": "buy"})
    assert last.frame()["code"] == "too_fast"
    user = connect(f"/channel/{style}/{room}/", user="anna", source_address=("127.0.0.2", 0))
    user.send({"message": "not a guest"})
    assert user.frame()["message"] == "not a guest"
    elsewhere = connect(f"/channel/{style}/{room}/", source_address=("127.0.0.3", 0))
    elsewhere.send({"message": "another address"})
    assert elsewhere.frame()["message"] == "another address"


def test_staff_delete_a_line_and_mute_and_unmute_a_name(connect, room, style):
    path = f"/channel/{style}/{room}/"
    staff, guest, reader = connect(path, user="editor"), connect(path), connect(path)
    guest.send({"message": "spam"})
    line = staff.frame()
    staff.send({"delete": line["id"]})
    assert [reader.frame()["message"], reader.frame()] == [
        "spam",
        {"type": "delete", "id": line["id"]},
    ]
    assert staff.frame()["type"] == "delete"
    staff.send({"mute": line["user"]})
    assert staff.frame() == {"type": "mute", "user": line["user"]}
    guest.frame(), guest.frame()
    guest.send({"message": "more spam"})
    assert guest.frame()["code"] == "muted"
    staff.send({"unmute": line["user"]})
    assert staff.frame()["type"] == "unmute"
    guest.send({"message": "sorry"})
    assert reader.frame()["message"] == staff.frame()["message"] == "sorry"


def test_only_staff_may_moderate(connect, room):
    reader = connect(f"/channel/chat/{room}/", user="ben")
    for verb in ("delete", "mute", "unmute"):
        reader.send({verb: "anything"})
        assert reader.frame()["code"] == "not_allowed"


def test_malformed_commands_of_staff_are_refused(connect, room):
    staff = connect(f"/channel/chat/{room}/", user="editor")
    for value in (7, "", None, "x" * (LONGEST_USERNAME + 1)):
        staff.send({"mute": value})
        assert staff.frame()["code"] == "bad_message"
    staff.send({"mute": "one", "delete": "two"})
    assert staff.frame()["code"] == "bad_message"


def test_an_announcement_comes_from_a_command_and_from_python(stack, connect, room):
    reader = connect(f"/channel/chat/{room}/")
    done = stack.manage("announce", room, "Doors open at eight")
    assert done.returncode == 0, done.stderr
    stack.shell(f"from consumers.chat import announce; announce({room!r}, 'And close at ten')")
    frames = [reader.frame(), reader.frame()]
    assert [frame["message"] for frame in frames] == ["Doors open at eight", "And close at ten"]
    assert all(frame["announcement"] and frame["user"] == "" for frame in frames)


@pytest.mark.parametrize(
    "arguments", [("a b", "text"), ("lobby", ""), ("lobby", "x" * 1001), ("lobby", b"\xff")]
)
def test_an_announcement_that_cannot_be_made_says_why(stack, arguments):
    done: subprocess.CompletedProcess = stack.manage("announce", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: Not announced: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_room_is_closed_with_a_code_and_other_rooms_stay(stack, connect, room):
    inside = [connect(f"/channel/{style}/{room}/") for style in STYLES]
    outside = connect(f"/channel/chat/{room}2/")
    stack.shell(f"from consumers.chat import force_disconnect as f; f({room!r})")
    for reader in inside:
        assert reader.frame()["code"] == "closed"
        assert close_code(reader) == 4403
    again = connect(f"/channel/chat/{room}/")
    stack.shell(f"from consumers.chat import force_disconnect as f; f({room!r}, 1012)")
    assert close_code(again) == 1012
    outside.send({"message": "still here"})
    assert outside.frame()["message"] == "still here"


# History


def history(client):
    """The next frame, which is a history; its texts in place of its frames."""
    frame = client.frame()
    assert frame.pop("type") == "history"
    return frame | {"frames": [line.get("message") for line in frame["frames"]]}


def say(client, *texts):
    """Send lines and wait for them; their frames."""
    frames = []
    for text in texts:
        client.send({"message": text})
        frames.append(client.frame())
    return frames


def test_who_does_not_ask_gets_no_history(connect, room, style):
    say(connect(f"/channel/{style}/{room}/"), "before")
    plain = connect(f"/channel/{style}/{room}/")
    [line] = say(plain, "first frame")
    assert line["message"] == "first frame"
    assert line.keys() == {"message", "user", "id", "sent"}


def test_who_enters_gets_the_last_50_lines(connect, room, style):
    path = f"/channel/{style}/{room}/"
    for number in range(6):
        guest = connect(path)  # each guest may send 20 lines in 10 s
        lines = say(guest, *(f"line {10 * number + place}" for place in range(10)))
    found = history(connect(f"{path}?after={NOTHING}"))
    assert found["frames"] == [f"line {number}" for number in range(10, 60)]
    assert (found["recovered"], found["position"]) == (False, lines[-1]["id"])
    empty = history(connect(f"/channel/{style}/{room}2/?after={NOTHING}"))
    assert empty == {"recovered": False, "position": None, "frames": []}


def test_who_comes_back_gets_the_lines_that_were_missed(connect, room, style):
    path = f"/channel/{style}/{room}/"
    staff, away = connect(path, user="editor"), connect(f"{path}?after={NOTHING}")
    assert history(away)["frames"] == []
    one, two = say(staff, "one", "two")
    assert [away.frame(), away.frame()] == [one, two]  # as they were sent
    away.socket.close()
    say(staff, "three", "four")
    staff.send({"delete": one["id"]})
    staff.frame()
    back = connect(f"{path}?after={two['id']}")
    frame = back.frame()
    assert frame["recovered"]
    assert [line.get("message") for line in frame["frames"]] == ["three", "four", None]
    assert frame["frames"][-1] == {"type": "delete", "id": one["id"]}
    # Asking over the socket, also with what is no position.
    back.send({"after": frame["position"]})
    assert history(back)["frames"] == []
    back.send({"after": "nonsense"})
    again = history(back)
    assert again["frames"] == ["two", "three", "four", None]
    assert not again["recovered"]
    back.send({"after": 7})
    assert back.frame()["code"] == "bad_message"


def test_a_deleted_line_and_those_of_a_muted_name_are_not_in_the_history(connect, room, style):
    path = f"/channel/{style}/{room}/"
    staff, guest = connect(path, user="editor"), connect(path)
    for text in ("spam", "more spam", "a word"):
        [line] = say(guest, text)
        assert staff.frame() == line
    staff.send({"delete": line["id"]})
    assert [staff.frame()["type"], guest.frame()["type"]] == ["delete", "delete"]
    say(staff, "hello")
    assert history(connect(f"{path}?after={NOTHING}"))["frames"] == [
        "spam",
        "more spam",
        None,
        "hello",
    ]
    staff.send({"mute": line["user"]})
    assert staff.frame()["type"] == "mute"
    assert history(connect(f"{path}?after={NOTHING}"))["frames"] == [None, "hello"]
    staff.send({"unmute": line["user"]})
    assert staff.frame()["type"] == "unmute"
    assert history(connect(f"{path}?after={NOTHING}"))["frames"][0] == "spam"


def test_an_announcement_is_part_of_the_history(stack, connect, room):
    stack.shell(f"from consumers.chat import announce; announce({room!r}, 'Doors open')")
    frame = connect(f"/channel/chat/{room}/?after={NOTHING}").frame()
    [line] = frame["frames"]
    assert (line["message"], line["announcement"]) == ("Doors open", True)


def test_a_session_key_in_the_address_is_ignored_beside_the_question(connect, sessions, room):
    reader = connect(f"/channel/chat/{room}/?session_key={sessions['editor']}&after={NOTHING}")
    assert history(reader)["frames"] == []
    [line] = say(reader, "who am I?")
    assert line["user"].startswith("Guest ")


@pytest.mark.django_db
def test_a_site_that_keeps_no_lines_shows_none(settings, room):
    first = send(room, new_line("kept", "anna"))
    assert [line["message"] for line in history_frame(room, NOTHING)["frames"]] == ["kept"]
    settings.CHAT_HISTORY = 0
    assert history_frame(room, NOTHING)["frames"] == []
    second = send(room, new_line("not kept", "anna"))
    missed = history_frame(room, first["id"])
    assert (missed["recovered"], missed["frames"]) == (False, [])
    assert history_frame(room, second["id"])["recovered"]
