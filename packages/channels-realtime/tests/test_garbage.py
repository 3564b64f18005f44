"""Another program at Redis's port costs nothing but the connection."""

import socket
import threading
import time

import pytest
import redis
from channels_realtime.layer import RedisChannelLayer
from channels_realtime.layer.connection import Connection
from channels_realtime.layer.shard import FAILURES


@pytest.fixture
def answering():
    """answering(reply): a channel layer whose Redis is a server that answers all with `reply`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        replies = []

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(replies[-1])

        threading.Thread(target=serve, daemon=True).start()

        def answering(reply):
            replies.append(reply)
            return RedisChannelLayer(hosts=[f"redis://127.0.0.1:{server.getsockname()[1]}/0"])

        yield answering
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("reply", [b"*1000000000\r\n", b"$2000000000\r\n", b"+PONG\r\n" * 500])
def test_a_reply_that_claims_to_be_huge_keeps_no_process_busy(answering, reply):
    connection = Connection(answering(reply).ring[0])
    before = time.process_time()
    with pytest.raises((redis.RedisError, *FAILURES)):
        connection.dial()
    del connection
    assert time.process_time() - before < 1  # s of CPU; hiredis takes five for the first of these
