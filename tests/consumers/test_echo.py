"""The smallest conversation, and the same by hand."""

import pytest
import redis
from harness.waiting import wait_until


@pytest.mark.parametrize("path", ["/channel/test/", "/channel/by-hand/"])
def test_a_message_reaches_all_sockets(connect, path):
    one, two, gone = connect(path), connect(path), connect(path)
    gone.socket.close()
    one.send({"text": "é", "n": [1, 2.5, None]})
    assert one.frame() == two.frame() == {"text": "é", "n": [1, 2.5, None]}
    two.send("[]")
    assert one.frame() == two.frame() == []


def test_by_hand_readers_leave_their_set_when_they_disconnect(connect, locked_redis):
    with redis.Redis.from_url(locked_redis.url) as client:
        first, second = connect("/channel/by-hand/"), connect("/channel/by-hand/")
        [name] = client.keys("*:by-hand:*")
        assert client.scard(name) >= 2 and client.ttl(name) > 0
        first.socket.close()
        second.socket.close()
        wait_until(lambda: client.scard(name) == 0, "an empty set")
