"""Posts are compressed on their way to a browser (permessage-deflate)."""

import json

from harness.waiting import wait_until
from playwright.sync_api import expect

from tests.e2e.browsing import contents, open_live, post
from tests.e2e.stack import ROOT
from tests.e2e.test_metrics import samples

DEMO = ROOT / "liveblog" / "demo" / "apollo11.json"


def test_a_browser_gets_long_posts_in_little_more_than_half_of_their_bytes(stack, blog, page):
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    handshakes = []
    session.on("Network.webSocketHandshakeResponseReceived", lambda event: handshakes.append(event))
    open_live(page, stack, blog)
    [handshake] = handshakes
    accepted = handshake["response"]["headers"]["Sec-WebSocket-Extensions"]
    assert accepted.startswith("permessage-deflate")

    def traffic(name):
        return samples(stack).get((f"realtime_bytes_{name}_total", "interface"), 0)

    sent, saved = traffic("sent"), traffic("saved")
    bodies = [step["body"] for step in json.loads(DEMO.read_text()) if step.get("body")]
    for number in range(1, 6):
        post(stack, blog, "\n\n".join(bodies[4 * number : 4 * number + 4]))
        expect(contents(page)).to_have_count(number)
    wait_until(lambda: traffic("saved") - saved > 1500, "the counters in /metrics")
    saved, sent = traffic("saved") - saved, traffic("sent") - sent
    assert sent < 0.58 * (sent + saved)
