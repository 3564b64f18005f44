"""The smallest conversation, and the same by hand."""

import dataclasses

import pytest
import redis
from harness.waiting import wait_until

from conversations import rate_limits
from conversations.rate_limits import EXAMPLES, LONGEST_EXAMPLE, check_example
from conversations.refusals import Refusal


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


@pytest.mark.parametrize("path", ["test/", "by-hand/", "heartbeat/limits/", "initials/"])
def test_row_59_a_long_message_is_refused_and_not_passed_on(connect, path):
    one, two = (connect(f"/channel/{path}", user="anna") for _ in range(2))

    def goes_on(text):
        return lambda frame: frame.get("type") == "error" or text in str(frame)

    one.send({"message": "é" * (LONGEST_EXAMPLE // 2)})
    refusal = one.next(goes_on("éé"))
    assert refusal["code"] == "too_long"
    assert refusal["message"] == "Too long: the limit of this example is 4096 bytes."
    one.send({"message": "short"})
    assert "é" not in str(two.next(goes_on("message")))


def test_row_59_an_example_passes_on_so_many_bytes_a_second(monkeypatch, room):
    monkeypatch.setattr(rate_limits, "EXAMPLES", dataclasses.replace(EXAMPLES, seconds=60))
    text = "x" * LONGEST_EXAMPLE
    for _ in range(EXAMPLES.most // LONGEST_EXAMPLE):
        check_example(room, text)
    with pytest.raises(Refusal) as refusal:
        check_example(room, "x")
    assert refusal.value.code == "too_fast" and refusal.value.close_code is None
    assert "65536 bytes per second" in refusal.value.sentence
    check_example(f"another than {room}", text)
