"""Posts are compressed on their way to a browser (permessage-deflate)."""

import json

from harness.services import wait_until
from playwright.sync_api import expect

from tests.e2e.browsing import contents, open_live, post
from tests.e2e.stack import ROOT
from tests.e2e.test_metrics import samples

DEMO = ROOT / "liveblog" / "demo" / "apollo11.json"


def test_a_browser_gets_long_posts_in_two_thirds_of_their_bytes(stack, blog, page):
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
    bodies = [step.get("body", "") for step in json.loads(DEMO.read_text())]
    long = [body for body in bodies if 600 < len(body) < 1200][:3]
    for number, body in enumerate(long, 1):
        post(stack, blog, body)
        expect(contents(page)).to_have_count(number)
    wait_until(lambda: traffic("saved") - saved > 500, "the counters in /metrics")
    saved, sent = traffic("saved") - saved, traffic("sent") - sent
    assert sent < 0.67 * (sent + saved)
