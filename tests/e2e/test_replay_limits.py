"""A question of 15 bytes may be answered with 200 kB: replays have limits of their own."""

import json
import time

import pytest
from harness.waiting import wait_until

from liveblog.stream.frames import LONGEST_REPLAY
from liveblog.stream.replay import SOCKET
from tests.e2e.metrics import samples

A_SECOND = 40  # questions; the message rate allows 50
QUESTIONS = 5 * A_SECOND
# Words that compress no better than prose does.
FILL = """
from secrets import token_hex
from liveblog.models import BlogUpdate, LiveBlog
blog = LiveBlog.objects.get(slug={slug!r})
for number in range({number}):
    words = " ".join(token_hex(4) for _ in range(110))
    BlogUpdate.objects.create(blog=blog, body=f"{{number}} {{words}}")
"""


@pytest.fixture
def long_blog(stack, blog):
    """A blog whose whole replay is as long as an ordinary one gets, 200 updates of 1 kB."""
    stack.shell(FILL.format(slug=blog, number=LONGEST_REPLAY))
    return blog


def received(reader, seconds):
    """What comes within so many seconds: (bytes, frames)."""
    size, frames = 0, []
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            text = reader.socket.recv(timeout=left)
        except TimeoutError:
            break
        size += len(text.encode())
        frames.append(json.loads(text))
    return size, frames


def test_row_46_replays_have_a_limit_of_their_own_and_the_socket_stays(stack, long_blog):
    with stack.reader(long_blog, max_size=None) as reader:
        longest = len(json.dumps(reader.frame(), ensure_ascii=False).encode())
        assert 200_000 < longest < 300_000
        size, frames = 0, []
        for number in range(QUESTIONS):
            reader.send({"after": number % 5})
            more, news = received(reader, 1 / A_SECOND)
            size, frames = size + more, frames + news
        assert size < SOCKET.most + 2 * longest
        stack.post(long_blog, "The newest")
        while not any(frame["type"] == "update" for frame in frames):
            frames += received(reader, 0.2)[1]
        refusals = [frame for frame in frames if frame["type"] == "error"]
        assert len(refusals) > QUESTIONS / 2
        assert {frame["code"] for frame in refusals} == {"too_many_replays"}
        assert all(0 < frame["wait"] <= SOCKET.seconds for frame in refusals)
        assert all(frame["message"].endswith(".") for frame in refusals)
        with stack.reader(long_blog, after=190) as other:
            assert other.frame()["type"] == "replay"
    refused = ("realtime_dropped_total", "replay_limit", "worker")
    wait_until(lambda: samples(stack).get(refused, 0) >= len(refusals), "the drops in /metrics")


def test_row_46_a_reader_on_a_bad_line_is_never_refused(stack, long_blog):
    """It loses every answer: each socket asks three times, and is given up for another."""
    for _ in range(20):
        with stack.reader(long_blog, max_size=None) as reader:
            for _ in range(3):
                assert reader.frame()["type"] == "replay"
                reader.send({"after": 0})
            assert reader.frame()["type"] == "replay"
