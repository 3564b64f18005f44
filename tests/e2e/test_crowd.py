"""Hundreds of readers who run the page's script, and miss the same thing at the same moment."""

import time

import pytest
from harness.waiting import wait_until

from tests.chaos.clients.crowd import Crowd
from tests.e2e.test_bad_lines import FIRST

READERS = 400
CURRENT_WITHIN = 5  # s, for up to 2,000 readers of an interface server
LATE_PULSE = """
from channels import Group
from conversations.json_text import encode
from liveblog.stream.frames import pulse_frame
from liveblog.models import LiveBlog
blog = LiveBlog.objects.get(slug={slug!r})
frame = pulse_frame(blog.revision - 1, {readers}, 2.0)
Group(blog.group_name).send({{"text": encode(frame)}}, immediately=True)
"""
LOST_BROADCAST = """
from liveblog.stream import broadcast
from liveblog.models import BlogUpdate, LiveBlog
send, broadcast.send = broadcast.send, lambda *_, **__: None
try:
    BlogUpdate.objects.create(blog=LiveBlog.objects.get(slug={slug!r}), body="Not broadcast")
finally:
    broadcast.send = send
print(LiveBlog.objects.get(slug={slug!r}).revision)
"""


@pytest.fixture
def crowd(stack, blog):
    """Readers who are live and have been told by the pulse how many they are."""
    stack.shell(FIRST.format(slug=blog, number=3))
    with Crowd() as crowd:
        path = f"/liveblog/{blog}/"
        crowd.tell("start", lane="", port=stack.port, path=path, count=READERS)
        wait_until(lambda: states(crowd, "readers") == {READERS}, "the number of readers")
        yield crowd


def states(crowd, name):
    return {state[name] for state in crowd.tell("states", lane="")}


def test_row_35_a_late_pulse_makes_nobody_ask(stack, blog, crowd):
    before = crowd.tell("counters")
    stack.shell(LATE_PULSE.format(slug=blog, readers=READERS))
    pulses = before["pulses"] + 3 * READERS  # the late one, and two in time
    wait_until(lambda: crowd.tell("counters")["pulses"] >= pulses, "more pulses")
    after = crowd.tell("counters")
    assert after["replays"] == before["replays"]
    assert after["closes"] == before["closes"] and after["connects"] == READERS


def test_row_35_a_lost_broadcast_closes_no_socket_and_all_are_current_within_5_s(
    stack, blog, crowd
):
    before = crowd.tell("counters")
    revision = int(stack.shell(LOST_BROADCAST.format(slug=blog)))
    started = time.monotonic()
    wait_until(lambda: states(crowd, "head") == {revision}, "the post on every page")
    seconds = time.monotonic() - started
    assert seconds < CURRENT_WITHIN
    after = crowd.tell("counters")
    assert after["replays"] - before["replays"] == READERS, "each asked once"
    assert after["closes"] == before["closes"] and after["connects"] == READERS
    assert states(crowd, "status") == {"live"}
    print(f"{READERS} readers were current after {seconds:.1f} s")
