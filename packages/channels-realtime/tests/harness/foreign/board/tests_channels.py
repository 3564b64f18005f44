"""The tests that such a project has of its own, in the classes of channels.test."""

import multiprocessing
import os
from urllib.request import urlopen

from channels import Channel, Group
from channels.test import ChannelLiveServerTestCase, TransactionChannelTestCase, WSClient
from channels_realtime.streams import Stream
from django.test import modify_settings, override_settings
from websockets.sync.client import connect

from board.models import Notice

if method := os.environ.get("BOARD_START_METHOD"):
    multiprocessing.set_start_method(method)

PATIENCE = 30  # s


class Transactions(TransactionChannelTestCase):
    """Two of each, because Django prepares the first one of a class in another way."""

    def check_that_messages_stay_in_memory(self):
        assert self.get_next_message("notice.add") is None
        Channel("notice.add").send({"text": "left to the next test"}, immediately=True)
        Group("notices").add("board.somebody")
        Group("notices").send({"text": "to all"}, immediately=True)
        message = self.get_next_message("board.somebody", require=True)
        assert message.content == {"text": "to all"}

    def test_messages_stay_in_memory(self):
        self.check_that_messages_stay_in_memory()

    def test_messages_stay_in_memory_of_one_test(self):
        self.check_that_messages_stay_in_memory()

    def test_a_consumer_writes_to_the_database(self):
        client = WSClient()
        client.send_and_consume("notice.add", {"text": "hello"}, check_accept=False)
        assert [notice.text for notice in Notice.objects.all()] == ["hello"]

    def test_the_database_is_empty_again(self):
        assert not Notice.objects.exists()


class Streams(TransactionChannelTestCase):
    """Their histories are those of one test, as its messages are."""

    def check_that_the_history_is_this_test_s(self):
        stream = Stream("notices")
        assert stream.history() == ([], "", 0, False)
        stream.add("board.somebody")
        position = stream.send({"text": '{"notice": 1}'})
        message = self.get_next_message("board.somebody", require=True)
        assert message.content == {"text": f'{{"notice": 1,"position":"{position}"}}'}
        [entry] = stream.history(since=(position.epoch, 0)).entries
        assert entry == (1, message.content)

    def test_a_history_is_in_memory(self):
        self.check_that_the_history_is_this_test_s()

    def test_a_history_is_that_of_one_test(self):
        self.check_that_the_history_is_this_test_s()


def read(address):
    with urlopen(address, timeout=PATIENCE) as response:
        return response.read().decode()


class Live(ChannelLiveServerTestCase):
    def test_the_server_sees_the_database_of_the_test(self):
        Notice.objects.create(text="written by the test")
        assert "written by the test" in read(f"{self.live_server_url}/notices/")
        read(f"{self.live_server_url}/notices/add/by%20the%20server/")
        assert Notice.objects.filter(text="by the server").exists()

    def test_sockets_of_a_group_hear_each_other(self):
        assert not Notice.objects.exists()
        room = f"{self.live_server_ws_url}/room/hall/"
        with connect(room, proxy=None) as ada, connect(room, proxy=None) as bob:
            ada.send("hello")
            assert ada.recv(PATIENCE) == bob.recv(PATIENCE) == "somebody: hello"


@override_settings(ROOT_URLCONF="board.other_urls")
@modify_settings(ALLOWED_HOSTS={"append": "example.org"})
class LiveWithSettings(ChannelLiveServerTestCase):
    worker_threads = 2

    def test_the_server_has_the_settings_of_the_test(self):
        assert read(f"{self.live_server_url}/hosts/").endswith("example.org")
