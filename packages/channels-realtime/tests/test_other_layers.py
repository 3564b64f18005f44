"""A project that stops after some steps of the adoption: each part works with the stock ones.

Where a part needs our channel layer, it says so in one sentence.
"""

import json

import pytest
import redis
from channels import channel_layers
from channels.asgi import ChannelLayerWrapper
from channels.message import Message, pending_message_store
from channels.sessions import enforce_ordering
from channels_realtime.metrics import readiness
from django.test import override_settings
from harness.environment import redis_server
from harness.project import DAPHNE, Board
from harness.waiting import PATIENCE, wait_until
from websockets.sync.client import connect

STOCK = "asgi_redis.RedisChannelLayer"
IN_MEMORY = "asgiref.inmemory.ChannelLayer"
SESSIONS = "channels_realtime.sessions"


def assert_keeps_order(url):
    """A socket whose consumers use a channel session and enforce_ordering."""
    with connect(f"{url}/numbered/", proxy=None, open_timeout=PATIENCE) as websocket:
        for number in range(6):
            websocket.send(str(number))
        seen = "connect"
        for number in range(6):
            seen += f",{number}"
            assert websocket.recv(PATIENCE) == seen


def assert_counts(url):
    """The same as a class."""
    with connect(f"{url}/counter/", proxy=None, open_timeout=PATIENCE) as websocket:
        for digit in range(1, 5):
            websocket.send(json.dumps({"digit": digit}))
        assert [json.loads(websocket.recv(PATIENCE))["sum"] for _ in range(4)] == [1, 12, 123, 1234]


def assert_keeps_values(url):
    """A session has what Django's JSONSerializer makes of its values."""
    with connect(f"{url}/kept/", proxy=None, open_timeout=PATIENCE) as websocket:
        websocket.send("")
        expected = {"big": 2**70, "map": {"1": "one"}, "pair": [1, 2]}
        assert websocket.recv(PATIENCE) == repr(expected)


def test_the_tests_of_consumers_with_a_channel_session_pass_with_our_sessions():
    with Board(redis_server.url, BOARD_SESSIONS=SESSIONS) as project:
        tests = project.start("manage.py", "test", "board.session_tests")
        assert tests.wait() == 0, tests.output()
        assert "Ran 4 tests" in tests.output()


@pytest.mark.parametrize(
    "environ",
    [{"BOARD_BRIDGES_ALONE": "1"}, {"BOARD_SESSIONS": SESSIONS}],
    ids=["bridges alone", "our worker and sessions"],
)
def test_the_stock_layer_serves_ordered_sockets(environ):
    with Board(redis_server.url, BOARD_LAYER=STOCK, **environ) as project:
        project.worker()
        interface = project.interface(server=DAPHNE).wait_for_worker()
        assert_keeps_order(interface.url)
        assert_counts(interface.url)
        assert "Traceback" not in project.output()


def test_ordering_on_the_stock_layer_leaves_a_full_channel_to_the_retries_of_channels(stock_layer):
    @enforce_ordering
    def receive(message):
        message.reply_channel.send({"text": "1"})

    stock_layer.capacity = 1
    stock_layer.send("narrow!socket", {"text": "0"})
    layer = ChannelLayerWrapper(stock_layer, "default", [])
    content = {"order": 0, "reply_channel": "narrow!socket"}
    pending_message_store.prepare()
    with override_settings(CHANNEL_SESSION_ENGINE="django.contrib.sessions.backends.cache"):
        receive(Message(content, "websocket.receive", layer))  # raises nothing
    assert stock_layer.receive(["narrow!"]) == ("narrow!socket", {"text": "0"})
    pending_message_store.send_and_flush()
    assert stock_layer.receive(["narrow!"]) == ("narrow!socket", {"text": "1"})


def test_the_development_server_serves_the_in_memory_layer_with_our_sessions():
    with Board(redis_server.url, BOARD_LAYER=IN_MEMORY, BOARD_SESSIONS=SESSIONS) as project:
        server = project.runserver()
        assert_keeps_order(server.url)
        assert_counts(server.url)
        assert_keeps_values(server.url)


def test_the_development_server_deletes_the_session_of_a_socket_that_closes():
    with Board(redis_server.url, BOARD_SESSIONS=SESSIONS) as project:
        server = project.runserver()
        client = redis.Redis.from_url(redis_server.url)

        def sessions():
            return sum(map(client.hlen, client.scan_iter(f"{project.prefix}:sessions:*")))

        with connect(f"{server.url}/numbered/", proxy=None, open_timeout=PATIENCE) as websocket:
            websocket.send("1")
            assert websocket.recv(PATIENCE) == "connect,1"
            assert sessions() == 1
        wait_until(lambda: sessions() == 0, "the end of the session")
        assert_keeps_values(server.url)


def test_what_needs_our_layer_says_so_in_one_sentence():
    with Board(redis_server.url) as project:
        in_memory, stock = ({"BOARD_LAYER": layer} for layer in (IN_MEMORY, STOCK))
        limits = ("--max-messages", "9")
        refused = {
            project.start_interface(**in_memory): "asgiref.inmemory.ChannelLayer",
            project.start_interface(**stock): "asgi_redis.core.RedisChannelLayer",
            project.start("manage.py", "status", **stock): "asgi_redis.core.RedisChannelLayer",
            project.start(
                "manage.py", "runworker", *limits, **stock
            ): "asgi_redis.core.RedisChannelLayer",
        }
        worker = project.start("manage.py", "runworker", **in_memory)
        for process, layer in refused.items():
            assert process.wait() == 2, process.output()  # supervisors do not try again
            expected = f"needs the channel layer of channels_realtime, not {layer}:"
            assert expected in process.output()
        assert worker.wait() != 0
        assert "You cannot span multiple processes with the in-memory layer" in worker.output()
        assert "Traceback" not in project.output()


def readiness_of(layer):
    """As in the README."""
    return readiness.run_checks(
        {
            "redis": lambda: readiness.check_redis(layer),
            "workers": lambda: readiness.check_processes(layer, "worker", "host"),
            "queues": lambda: readiness.check_queues(layer),
        }
    )


def test_readiness_says_in_one_sentence_that_it_needs_our_layer(stock_layer):
    answer = readiness_of(ChannelLayerWrapper(stock_layer, "default", []))
    assert answer["status"] == "failing"
    (sentence,) = answer["problems"]
    assert "not asgi_redis.core.RedisChannelLayer: set BACKEND to" in sentence


def test_readiness_takes_the_layer_as_channels_gives_it():
    answer = readiness_of(channel_layers["default"])
    assert answer["problems"] == ["No worker has reported for 15 s."]
    assert {name: each["status"] for name, each in answer["checks"].items()} == {
        "redis": "ok",
        "workers": "failing",
        "queues": "ok",
    }
