"""Posts are compressed on their way to a browser (permessage-deflate)."""

import json

from harness.waiting import wait_until
from playwright.sync_api import expect

from tests.e2e.browsing import contents, open_live, post
from tests.e2e.metrics import increase
from tests.e2e.stack import ROOT

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

    sent, saved = (increase(stack, f"realtime_bytes_{name}_total") for name in ("sent", "saved"))
    bodies = [step["body"] for step in json.loads(DEMO.read_text()) if step.get("body")]
    for number in range(1, 6):
        post(stack, blog, "\n\n".join(bodies[4 * number : 4 * number + 4]))
        expect(contents(page)).to_have_count(number)
    wait_until(lambda: saved() > 1500, "the counters in /metrics")
    assert sent() < 0.58 * (sent() + saved())
