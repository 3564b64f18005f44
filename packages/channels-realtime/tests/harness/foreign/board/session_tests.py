"""The board's own tests, as the documentation of Channels 1.x writes them.

`manage.py test board.session_tests` runs them; pytest does not collect them.
"""

from channels.test import ChannelTestCase, WSClient
from django.contrib.auth.models import User


class Sessions(ChannelTestCase):
    def test_a_class_keeps_a_channel_session(self):
        client = WSClient(ordered=True)
        client.send_and_consume("websocket.connect", path="/counter/")
        for digit, total in ((1, 1), (2, 12), (3, 123)):
            client.send_and_consume("websocket.receive", path="/counter/", text={"digit": digit})
            self.assertEqual(client.receive(), {"sum": total})
        client.send_and_consume("websocket.disconnect", path="/counter/")

    def test_functions_keep_a_channel_session(self):
        client = WSClient(ordered=True)
        client.send_and_consume("websocket.connect", path="/numbered/")
        client.send_and_consume("websocket.receive", path="/numbered/", text="1")
        self.assertEqual(client.receive(json=False), "connect,1")

    def test_two_clients_have_each_their_own_session(self):
        for digit in (4, 5):
            client = WSClient(ordered=True)
            client.send_and_consume("websocket.connect", path="/counter/")
            client.send_and_consume("websocket.receive", path="/counter/", text={"digit": digit})
            self.assertEqual(client.receive(), {"sum": digit})

    def test_a_user_is_logged_in(self):
        client = WSClient()
        client.force_login(User.objects.create_user("ada"))
        client.send_and_consume("websocket.connect", path="/room/hall/")
        client.send_and_consume("websocket.receive", path="/room/hall/", text="hello")
        self.assertEqual(client.receive(json=False), "ada: hello")
