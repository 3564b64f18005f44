"""Ten takeovers in a row, with broadcasts and messages from clients all the time."""

import json

from channels_realtime.metrics.counters import processes
from harness.waiting import meanwhile, wait_until

from takeover.crowd import Crowd

READERS, ASKERS = 150, 50
TAKEOVERS = 10
LATEST = 20  # s; those of a process that was not taken over are forgotten after 60


def test_ten_takeovers_lose_nothing_and_close_nothing(serving, stack):
    posted = 0

    def post(ended):
        nonlocal posted
        while not ended.wait(0.05):
            stack.layer.send_group("crowd", {"text": str(posted)})
            posted += 1

    def published_by(pid):
        """What the process has published of itself; None where nothing is stored."""
        found = processes(stack.layer)
        return next((found[name] for name in found if name.endswith(f":{pid}")), None)

    with Crowd(serving.interface.url, READERS, ASKERS) as crowd:
        members = set(stack.layer.group_channels("crowd"))
        assert len(members) == READERS
        with meanwhile(post):
            for _ in range(TAKEOVERS):
                old = serving.interface.pid
                serving.replace()
                before = min(crowd.answered)
                wait_until(lambda: min(crowd.answered) > before, "an answer to every asker")  # noqa: B023
                # With the first heartbeat of the new one, which it may not have sent yet.
                wait_until(lambda: not published_by(old), "the end of the old counters", LATEST)  # noqa: B023
        expected = [str(number) for number in range(posted)]
        wait_until(lambda: all(len(r) >= posted for r in crowd.received), "every broadcast")
        assert all(texts == expected for texts in crowd.received)
        assert crowd.closed == 0
        assert set(stack.layer.group_channels("crowd")) == members
        published = wait_until(lambda: published_by(serving.interface.pid), "the counters")
        assert published["values"]["websockets_opened"] == READERS + ASKERS
        assert published["values"]["sockets"] == READERS + ASKERS
        assert not published["drops"], json.dumps(published["drops"])
    wait_until(lambda: not stack.layer.group_channels("crowd"), "the group to be empty")
