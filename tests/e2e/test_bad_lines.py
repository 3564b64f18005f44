"""Readers whose line is slow, and readers whose server was restored: real pages in Chromium."""

import time

import pytest
from harness.waiting import PATIENCE, wait_until
from playwright.sync_api import expect

from liveblog.stream.frames import LONGEST_REPLAY
from tests.e2e.browsing import connection, contents, updates, was_reloaded
from tests.e2e.slow_line import SlowLine
from tests.e2e.test_replay_limits import FILL

FIRST = """
from liveblog.models import BlogUpdate, LiveBlog
blog = LiveBlog.objects.get(slug={slug!r})
for number in range({number}):
    BlogUpdate.objects.create(blog=blog, body=f"Old {{number}}")
"""
RESTORE = """
from django.db import connection
from liveblog.models import BlogUpdate, LiveBlog
BlogUpdate.objects.filter(blog__slug={slug!r}, revision__gt={revision})._raw_delete("default")
with connection.cursor() as cursor:  # the model would take another revision
    table = LiveBlog._meta.db_table
    cursor.execute(f"UPDATE {{table}} SET revision = {revision} WHERE slug = {slug!r}")
"""


def is_whole(stack, blog, page):
    newest = stack.shell(
        "from liveblog.models import BlogUpdate;"
        f"rows = BlogUpdate.objects.filter(blog__slug={blog!r}).order_by('-created', '-pk');"
        "print('|'.join(body.split()[0] for body in rows.values_list('body', flat=True)))"
    )
    shown = [text.split()[0] for text in contents(page).all_inner_texts()]
    return "|".join(shown) == newest.strip()


@pytest.fixture
def watched_sockets(page):
    """The WebSockets that the page has opened."""
    sockets = []
    page.on("websocket", lambda opened: sockets.append(opened))
    return sockets


# 256 and 64 kbit/s in bytes a second, and the bytes that may be carried for a replay of 250 kB: on
# the slower line, a part is asked for again before its first copy has arrived.
@pytest.mark.parametrize(
    "rate, most",
    [(32_000, 320_000), pytest.param(8_000, 420_000, marks=pytest.mark.nightly)],
)
def test_row_36_a_long_replay_arrives_on_a_slow_line(stack, blog, page, errors, rate, most):
    with SlowLine(stack.port) as line:
        page.goto(f"http://127.0.0.1:{line.port}/liveblog/{blog}/")
        expect(connection(page)).to_have_text("Live")
        page.evaluate("window.sameDocument = true")
        line.cut()
        stack.shell(FILL.format(slug=blog, number=LONGEST_REPLAY))
        expect(connection(page)).to_have_attribute("data-status", "reconnecting")
        errors.clear()  # Chromium says of every refused connection that it was
        line.mend(rate)
        started = time.monotonic()
        expect(updates(page)).to_have_count(LONGEST_REPLAY, timeout=3 * PATIENCE * 1000)
        expect(connection(page)).to_have_text("Live")
        print(f"{time.monotonic() - started:.1f} s, {line.carried} bytes")
        assert is_whole(stack, blog, page)
        assert not was_reloaded(page)
        assert line.carried < most, "little was carried twice"
        page.goto("about:blank")  # or the page would try to connect to the line that has ended
    errors.clear()


@pytest.mark.parametrize("query", ["", "?before={middle}", "?order=oldest"])
def test_row_48_a_page_settles_after_a_restored_database(stack, blog, page, watched_sockets, query):
    stack.shell(FIRST.format(slug=blog, number=60))
    middle = stack.shell(
        "from liveblog.models import BlogUpdate;"
        f"print(BlogUpdate.objects.get(blog__slug={blog!r}, revision=40).pk)"
    ).strip()
    live = "Older updates" if query else "Live"  # the newest are on another page
    page.goto(f"http://{stack.address}/liveblog/{blog}/{query.format(middle=middle)}")
    expect(connection(page)).to_have_text(live)
    stack.shell(RESTORE.format(slug=blog, revision=50))
    # It asks what has happened on one more socket.
    wait_until(lambda: page.wait_for_timeout(200) or len(watched_sockets) > 1, "a new socket")
    if query:
        expect(page.locator("[data-outdated]")).to_be_visible()
    else:
        expect(contents(page).first).to_have_text("Old 49")
    expect(connection(page)).to_have_text(live)
    asked = []
    watched_sockets[-1].on("framesent", lambda frame: asked.append(frame))
    opened = len(watched_sockets)
    page.wait_for_timeout(15_000)  # five times as long as it took between two reconnects
    assert (len(watched_sockets), asked) == (opened, [])
