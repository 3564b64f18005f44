"""With CHANNEL_KEYS, no message can be read in Redis."""

import redis
from harness.process import stopped
from harness.waiting import wait_until

SECRET = "the eagle has landed"
LINES = 10


def found_in(client, text):
    """The keys whose dump holds the text."""
    return [key for key in client.scan_iter() if text.encode() in (client.dump(key) or b"")]


def test_no_plaintext_lies_in_redis_while_messages_wait(stack, connect, room, locked_redis):
    with redis.Redis.from_url(locked_redis.url) as client:
        client.config_set("rdbcompression", "no")  # or a dump could hide it
        client.rpush("control", f"a list that says {SECRET}")
        assert found_in(client, SECRET) == [b"control"]
        client.delete("control")
        one = connect(f"/channel/chat/{room}/", user="berta")
        voice = connect(f"/channel/voice/{room}/", user="berta")
        assert voice.frame()["type"] == "welcome"
        with stopped(*stack.pids("runworker")):
            # What waits for its answer in a stopped worker's BLPOP is gone from Redis: send more.
            for _ in range(LINES):
                one.send({"message": SECRET})
            wait_until(
                lambda: client.keys("*websocket.receive"), "a message that waits for a worker"
            )
            assert found_in(client, SECRET) == found_in(client, "berta") == []
        assert [one.frame()["message"] for _ in range(LINES)] == [SECRET] * LINES
        with stopped(*stack.pids("channels_realtime.interface")):
            # Here as well: the first one answers the BLPOP of the stopped server.
            stack.shell(
                "from conversations.chat.room import announce\n"
                f"for _ in range({LINES}): announce({room!r}, {SECRET!r})"
            )
            lists = [key for key in client.scan_iter(_type="list") if client.llen(key)]
            assert lists, "nothing waits for the interface server"
            assert found_in(client, SECRET) == found_in(client, "berta") == []
        assert [one.frame()["message"] for _ in range(LINES)] == [SECRET] * LINES
