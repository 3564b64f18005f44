"""A Channels 1.x project that knows nothing of this one runs on the transport, in every style."""

import json
import sqlite3
import threading
from contextlib import ExitStack

import pytest
from channels_realtime.layer import RedisChannelLayer
from harness.environment import redis_server
from harness.project import DAPHNE, Board
from harness.waiting import PATIENCE, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


@pytest.fixture(scope="module")
def project():
    with Board(redis_server.url) as project:
        project.worker()
        yield project


@pytest.fixture(scope="module", params=["ours", "daphne"])
def interface(request, project):
    """The project behind our interface server, and behind Daphne as it comes."""
    if request.param == "ours":
        return project.interface().wait_for_worker()
    return project.interface(server=DAPHNE).wait_for_worker()


@pytest.fixture
def client(interface):
    """Connects WebSockets that end with the test."""
    with ExitStack() as sockets:

        def open_socket(path, **options):
            options |= {"proxy": None, "open_timeout": PATIENCE, "close_timeout": PATIENCE}
            return sockets.enter_context(connect(interface.url + path, **options))

        yield open_socket


def frame(websocket):
    return websocket.recv(PATIENCE)


def ask(websocket, question):
    websocket.send(json.dumps(question))
    return json.loads(frame(websocket))


def cookie_of(interface, name):
    """The cookie header of somebody who has logged in."""
    response = interface.request("GET", f"/login/{name}/")
    assert response.body == f"Welcome, {name}".encode()
    return {"Cookie": response.getheader("Set-Cookie").partition(";")[0]}


def test_a_plain_view_answers(interface):
    assert interface.request("GET", "/ready/").body == b"ready"
    assert interface.request("GET", "/nothing/").status == 404


def test_a_view_sees_the_headers(interface):
    response = interface.request("GET", "/headers/", headers={"X-Colour": "green"})
    assert json.loads(response.body)["X-Colour"] == "green"


def test_a_request_is_answered_in_several_messages(interface):
    response = interface.request("POST", "/parts/", b"three")
    assert (response.status, response.body) == (200, b"one,two,three")


def test_a_long_poll_is_answered_through_a_group(interface):
    answers = []
    poll = threading.Thread(
        target=lambda: answers.append(interface.request("GET", "/news/")), daemon=True
    )
    poll.start()

    def answered():
        assert interface.request("POST", "/news/publish/", b"extra, extra").status == 204
        poll.join(0.1)
        return answers

    wait_until(answered, "the news")
    assert (answers[0].status, answers[0].body) == (200, b"extra, extra")


def test_a_view_leaves_the_response_to_a_consumer(interface):
    response = interface.request("GET", "/later/")
    assert (response.status, response.body) == (200, b"later")


def test_a_class_based_consumer_echoes(client):
    websocket = client("/echo/")
    for message in ("text", "Grüße 🚀", b"\x00\xff"):
        websocket.send(message)
        assert frame(websocket) == message


def test_a_json_consumer_knows_the_user_of_the_http_session(interface, client):
    websocket = client("/whoami/", additional_headers=cookie_of(interface, "ada"))
    assert ask(websocket, {"ask": 1}) == {"user": "ada", "asked": 1}
    assert ask(websocket, {"ask": 2}) == {"user": "ada", "asked": 2}


def test_a_json_consumer_knows_that_nobody_is_logged_in(client):
    assert ask(client("/whoami/"), {"ask": 1}) == {"user": "", "asked": 1}


def test_two_sockets_have_each_their_own_session(interface, client):
    ada = client("/whoami/", additional_headers=cookie_of(interface, "ada"))
    bob = client("/whoami/", additional_headers=cookie_of(interface, "bob"))
    assert ask(ada, {"ask": 1})["user"] == "ada"
    assert ask(bob, {"ask": 1})["user"] == "bob"


@pytest.fixture(scope="module")
def crowded():
    """Another copy with so many workers that messages of one socket overtake each other."""
    with Board(redis_server.url) as project:
        for _ in range(3):
            project.worker()
        yield project.interface().wait_for_worker()


def test_functions_keep_their_order(crowded):
    with connect(f"{crowded.url}/numbered/", proxy=None, open_timeout=PATIENCE) as websocket:
        for number in range(12):
            websocket.send(str(number))
        seen = "connect"
        for number in range(12):
            seen += f",{number}"
            assert frame(websocket) == seen


def test_a_class_keeps_its_order(crowded):
    with connect(f"{crowded.url}/counter/", proxy=None, open_timeout=PATIENCE) as websocket:
        for digit in range(1, 9):
            websocket.send(json.dumps({"digit": digit}))
        sums = [json.loads(frame(websocket))["sum"] for _ in range(8)]
    assert sums == [1, 12, 123, 1234, 12345, 123456, 1234567, 12345678]


def test_a_room_hears_what_its_members_say_and_that_they_leave(interface, client):
    ada = client("/room/hall/", additional_headers=cookie_of(interface, "ada"))
    anonymous = client("/room/hall/")
    ada.send("hello")
    assert [frame(ada), frame(anonymous)] == ["ada: hello"] * 2
    anonymous.send("hi")
    assert [frame(ada), frame(anonymous)] == ["somebody: hi"] * 2
    ada.close()
    assert frame(anonymous) == "ada left"


def test_a_room_does_not_hear_another_one(client):
    kitchen, cellar = client("/room/kitchen/"), client("/room/cellar/")
    kitchen.send("hot")
    cellar.send("cold")
    assert frame(kitchen) == "somebody: hot"
    assert frame(cellar) == "somebody: cold"


def test_a_message_to_a_group_accepts_its_new_member(client):
    first = client("/greeting/")
    assert frame(first) == "somebody joined"
    client("/greeting/")
    assert frame(first) == "somebody joined"


def test_a_consumer_refuses_a_handshake(client):
    with pytest.raises(InvalidStatus) as refusal:
        client("/refuse/")
    assert refusal.value.response.status_code == 403


def test_a_consumer_closes_with_its_own_code(client):
    websocket = client("/close/")
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            assert frame(websocket) == ""
    assert closed.value.rcvd.code == 4321


def test_a_consumer_closes_by_an_exception(client):
    websocket = client("/closing/")
    websocket.send("close, please")
    with pytest.raises(ConnectionClosed) as closed:
        frame(websocket)
    assert closed.value.rcvd.code == 4321


def test_a_process_that_a_consumer_has_forked_may_send(client):
    websocket = client("/job/")
    for number in "123":
        websocket.send(number)
        assert [frame(websocket), frame(websocket)] == [f"{number}, forked", number]


def test_bound_data_goes_both_ways(interface, client):
    websocket = client("/board/")

    def change(action, **payload):
        websocket.send(json.dumps({"stream": "notices", "payload": {"action": action} | payload}))

    def heard():
        answer = json.loads(frame(websocket))
        assert answer["stream"] == "notices"
        assert answer["payload"]["model"] == "board.notice"
        return [answer["payload"][key] for key in ("action", "pk", "data")]

    change("create", data={"text": "from the client"})
    action, pk, data = heard()
    assert (action, data) == ("create", {"text": "from the client"})
    change("update", pk=pk, data={"text": "changed"})
    assert heard() == ["update", pk, {"text": "changed"}]
    assert "changed" in json.loads(interface.request("GET", "/notices/").body)["notices"]
    added = json.loads(interface.request("GET", "/notices/add/by%20a%20view/").body)
    assert heard() == ["create", added["pk"], {"text": "by a view"}]
    change("delete", pk=pk)
    assert heard() == ["delete", pk, {"text": "changed"}]
    assert "changed" not in json.loads(interface.request("GET", "/notices/").body)["notices"]


def test_both_interface_servers_share_a_group(project):
    """One room, one socket behind each: what one says, the other hears."""
    options = {"proxy": None, "open_timeout": PATIENCE}
    ours, daphne = project.interface(), project.interface(server=DAPHNE)
    for interface in (ours, daphne):
        interface.wait_for_worker()
    with (
        connect(f"{ours.url}/room/both/", **options) as one,
        connect(f"{daphne.url}/room/both/", **options) as other,
    ):
        other.send("from daphne")
        assert [frame(one), frame(other)] == ["somebody: from daphne"] * 2
        one.send("from ours")
        assert [frame(one), frame(other)] == ["somebody: from ours"] * 2


@pytest.mark.parametrize(
    ("label", "number", "environ"),
    [
        ("tests_channels", 9, {}),
        ("tests_channels.Live", 2, {"BOARD_LAYER": "asgi_redis.RedisChannelLayer"}),
        ("tests_channels.LiveWithSettings", 1, {"BOARD_START_METHOD": "spawn"}),
        ("tests_names", 82, {}),
    ],
    ids=["ours", "stock", "spawned", "all names on three layers"],
)
def test_the_tests_of_the_project_pass(project, label, number, environ):
    run = project.start("manage.py", "test", f"board.{label}", **environ)
    assert run.wait() == 0, run.output()
    assert f"Ran {number} test" in run.output()


def test_a_pool_of_workers_serves_views_of_a_project_without_routes():
    with Board(redis_server.url) as project:
        project.environ["BOARD_ROUTING"] = "board.routing.nothing"
        pool = project.start("manage.py", "runworker", "--only-channels", "http.request")
        pool.wait_for_output("Listening on")
        project.interface().wait_for_worker()


def test_a_layer_of_the_project_gets_every_message_of_its_consumers():
    """Also the session of a socket, which is stored before the socket is accepted."""
    layer = {
        "BOARD_LAYER": "board.layers.SigningLayer",
        "BOARD_SESSIONS": "channels_realtime.sessions",
    }
    options = {"proxy": None, "open_timeout": PATIENCE}
    with Board(redis_server.url, **layer) as project:
        project.worker()
        interface = project.interface().wait_for_worker()
        with connect(f"{interface.url}/numbered/", **options) as websocket:
            websocket.send("1")
            assert frame(websocket) == "connect,1 (sent)"
        with connect(f"{interface.url}/room/hall/", **options) as websocket:
            websocket.send("hello")
            assert frame(websocket) == "somebody: hello (to all)"


def test_delayed_messages_of_an_older_django_are_sent(project):
    """Also those that wait in the table of an older Django, where the app's label was another."""
    check = project.start("manage.py", "makemigrations", "--check", "--dry-run")
    with sqlite3.connect(project.folder / "db.sqlite3", timeout=PATIENCE) as database:
        # As Django 1.11 makes the table for the app channels.delay.
        database.execute(
            'CREATE TABLE "channels.delay_delayedmessage" ("id" integer NOT NULL PRIMARY KEY'
            ' AUTOINCREMENT, "due_date" datetime NOT NULL, "channel_name" varchar(512) NOT NULL,'
            ' "content" text NOT NULL)'
        )
        database.execute(
            'INSERT INTO "channels.delay_delayedmessage" VALUES (1, "2020-02-02 20:20:20",'
            """ "notice.add", '{"text": "from the old table"}')"""
        )
    layer = RedisChannelLayer(hosts=[redis_server.url], prefix=project.prefix)
    content = {"text": "delayed today"}
    layer.send("asgi.delay", {"channel": "notice.add", "content": content, "delay": 10})
    project.start("manage.py", "rundelay", "--sleep", "0.1")

    def rows(query):
        with sqlite3.connect(project.folder / "db.sqlite3", timeout=PATIENCE) as database:
            return {text for (text,) in database.execute(query)}

    expected = {"from the old table", "delayed today"}
    wait_until(lambda: expected <= rows("SELECT text FROM board_notice"), "both notices")
    assert not rows('SELECT id FROM "channels.delay_delayedmessage"')
    assert check.wait() == 0, check.output()


def test_the_transport_imports_nothing_of_the_live_blog(project):
    done = project.start(
        "-c",
        "import sys, board.asgi;"
        "import channels_realtime.interface.command_line, channels_realtime.interface.server;"
        "ours = {'proj', 'liveblog', 'consumers', 'accounts', 'routing'} & set(sys.modules);"
        "sys.exit(f'imports {ours}' if ours else 0)",
    )
    assert done.wait() == 0, done.output()
