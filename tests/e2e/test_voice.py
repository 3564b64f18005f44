"""Voice rooms in two and three browsers' pages, with Chromium's fake microphone."""

import pytest
from harness.waiting import PATIENCE
from playwright.sync_api import expect

from tests.e2e.browsing import open_browser, watch

FAKE_MICROPHONE = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",  # where the machine has no other network
]
# Lets a test ask the page's connections for their statistics.
KEEP_CONNECTIONS = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) { super(...options); window.connections.push(this); }
};
"""
# A notice goes when it is no longer true, which may be at once.
KEEP_NOTICES = """
window.notices = [];
const place = document.querySelector("[data-notice]");
new MutationObserver(() => notices.push(place.textContent)).observe(place, { childList: true });
"""
PACKETS = """async () => {
  const open = window.connections.filter((one) => one.connectionState === "connected");
  const counts = await Promise.all(open.map(async (one) => {
    const reports = [...(await one.getStats()).values()];
    return reports.find((report) => report.type === "inbound-rtp")?.packetsReceived ?? 0;
  }));
  return counts.length === EXPECTED && counts.every((count) => count > 0);
}"""


@pytest.fixture(scope="module")
def browser():
    with open_browser(*FAKE_MICROPHONE) as browser:
        yield browser


@pytest.fixture
def enter(browser, stack, request):
    """enter() -> the page of one more person, who has joined the test's room."""
    room = f"r{abs(hash(request.node.nodeid)):x}"
    contexts, errors = [], []

    def enter(script="", joined=True):
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        watch(page, errors)
        page.add_init_script(KEEP_CONNECTIONS + script)
        page.goto(f"http://{stack.address}/voice/{room}/")
        page.get_by_role("button", name="Join").click()
        if joined:
            expect(page.locator("[data-status]")).to_have_text("Live")
        return page

    yield enter
    for context in contexts:
        context.close()
    assert errors == []


def hears(page, others):
    """Wait until sound frames have come from so many others."""
    expect(page.locator(".member[data-state=connected]")).to_have_count(others)
    page.wait_for_function(PACKETS.replace("EXPECTED", str(others)), timeout=PATIENCE * 1000)


def notice(page):
    return page.locator("[data-notice]")


def test_two_hear_each_other_and_then_three(enter):
    one, two = enter(), enter()
    for page in (one, two):
        hears(page, 1)
    three = enter()
    for page in (one, two, three):
        hears(page, 2)
    for page in (one, two):
        page.evaluate(KEEP_NOTICES)
    three.get_by_role("button", name="Leave").click()
    for page in (one, two):
        page.wait_for_function("notices.some((text) => text.includes('left.'))")
        hears(page, 1)
    two.close()
    expect(one.locator(".member")).to_have_count(1)
    three.get_by_role("button", name="Join").click()
    for page in (one, three):
        hears(page, 1)


def test_the_microphone_can_be_muted(enter):
    page = enter()
    page.get_by_role("button", name="Mute microphone").click()
    expect(page.get_by_role("button", name="Mute microphone", pressed=True)).to_be_visible()


def test_a_network_that_changes_is_said_and_connected_again(enter):
    one, two = enter(), enter()
    hears(one, 1)
    hears(two, 1)
    for page in (one, two):
        page.evaluate("dispatchEvent(new Event('offline'))")
        expect(notice(page)).to_contain_text("You are offline")
    one.evaluate(KEEP_NOTICES)
    restarted = "connections[0].localDescription.sdp.match(/ice-ufrag:(.*)/)[1]"
    before = one.evaluate(restarted)
    one.evaluate("dispatchEvent(new Event('online'))")
    one.wait_for_function("notices.some((text) => text.includes('Your network has changed'))")
    one.wait_for_function(f"{restarted} !== {before!r}")
    for page in (one, two):
        hears(page, 1)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("NotAllowedError", "Microphone access was denied."),
        ("NotFoundError", "No microphone was found."),
        ("NotReadableError", "The microphone is in use by another program."),
        ("AbortError", "The microphone cannot be used."),
    ],
)
def test_without_a_microphone_the_page_says_why_and_nobody_joins(enter, error, sentence):
    script = f"""navigator.mediaDevices.getUserMedia = async () => {{
        throw new DOMException("", "{error}");
    }};"""
    page = enter(script, joined=False)
    expect(notice(page)).to_contain_text(sentence)
    expect(page.get_by_role("button", name="Join")).to_be_enabled()
    expect(page.locator(".member")).to_have_count(0)
