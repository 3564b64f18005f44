"""The reader's page on bad lines: it says what it knows, and ends with what was posted."""

import json

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import PHONE, connection, contents, open_live, post, updates, was_reloaded

POLLING = "Live (slight delay)"


class Line:
    """What is between the page and the server: it may refuse sockets, and alter frames."""

    def __init__(self, page):
        self.blocked = False
        self.alter = lambda text: [text]
        self.sockets = []
        page.route_web_socket("**/channel/**", self.connect)

    def connect(self, socket):
        if self.blocked:
            socket.close(code=1006)
            return
        self.sockets.append(socket)
        server = socket.connect_to_server()
        server.on_message(lambda text: [socket.send(each) for each in self.alter(text)])

    def block(self):
        """Refuse new sockets, and end those there are."""
        self.blocked = True
        while self.sockets:
            self.sockets.pop().close(code=1001)


@pytest.fixture
def line(page):
    return Line(page)


def test_where_sockets_are_blocked_posts_arrive_all_the_same(stack, blog, page, line):
    open_live(page, stack, blog)
    line.block()
    expect(connection(page)).to_have_text(POLLING)
    post(stack, blog, "By polling")
    expect(contents(page)).to_have_text(["By polling"])
    line.blocked = False
    expect(connection(page)).to_have_text("Live")
    post(stack, blog, "By the socket")
    expect(contents(page)).to_have_text(["By the socket", "By polling"])
    assert not was_reloaded(page)


def test_a_page_that_never_had_a_socket_follows(stack, blog, page):
    page.add_init_script("window.WebSocket = class { constructor() { throw new Error() } }")
    page.goto(f"http://{stack.address}/liveblog/{blog}/")
    expect(connection(page)).to_have_text(POLLING)
    for text in ("First", "Second"):
        post(stack, blog, text)
        expect(contents(page).first).to_have_text(text)


def test_a_page_that_was_offline_catches_up(stack, blog, page, line, errors):
    open_live(page, stack, blog)
    page.context.set_offline(True)
    line.block()
    expect(connection(page)).to_have_text("Reconnecting…")
    post(stack, blog, "Meanwhile")
    line.blocked = False
    page.context.set_offline(False)
    expect(contents(page)).to_have_text(["Meanwhile"])
    expect(connection(page)).to_have_text("Live")
    assert not was_reloaded(page)
    assert all("ERR_INTERNET_DISCONNECTED" in error for error in errors)
    errors.clear()


def test_the_page_says_how_many_read(stack, blog, page, line):
    readers = page.locator("[data-readers]")
    line.alter = lambda text: without_pulses(text, 12)
    open_live(page, stack, blog)
    expect(readers).to_have_text("12 readers")
    line.alter = lambda text: without_pulses(text, 1)
    post(stack, blog, "Anything")
    expect(readers).to_have_text("1 reader")
    line.block()
    expect(readers).to_be_hidden()


def without_pulses(text, readers):
    """The frame, without the server's own pulses, and with one that counts so many readers."""
    frame = json.loads(text)
    pulse = {"type": "pulse", "revision": frame["revision"], "readers": readers}
    return [] if frame["type"] == "pulse" else [text, json.dumps(pulse)]


def scrolled_page(page, stack, blog):
    """Open a page of twenty posts, scrolled into the list, above which one new post waits."""
    stack.shell(
        "from liveblog.models import BlogUpdate, LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={blog!r});"
        "[BlogUpdate.objects.create(blog=blog, body=f'Post {n}') for n in range(20)]"
    )
    open_live(page, stack, blog)
    page.evaluate("scrollTo({ top: 800, behavior: 'instant' })")
    post(stack, blog, "New above")
    expect(page.locator("[data-jump]")).to_have_text("1 new update")


def test_a_press_counts_although_a_post_arrives_in_it(stack, blog, page):
    scrolled_page(page, stack, blog)
    jump = page.locator("[data-jump]")
    jump.hover()
    page.mouse.down()
    post(stack, blog, "Newer above")
    expect(jump).to_have_text("2 new updates")
    page.mouse.up()
    expect(page.get_by_text("Newer above")).to_be_in_viewport()


def test_controls_of_the_bar_take_the_focus_where_the_reader_is(stack, blog, page):
    page.emulate_media(reduced_motion="reduce")  # whatever scrolls does so at once
    scrolled_page(page, stack, blog)
    before = page.evaluate("scrollY")
    controls = page.locator("[data-bar]").locator("a, button").all()
    assert controls
    for control in controls:
        control.focus()
        assert page.evaluate("scrollY") == before


@pytest.mark.parametrize("context_options", [PHONE], ids=["phone"])
def test_only_new_posts_above_are_counted(stack, blog, page):
    stack.shell(
        "from liveblog.models import BlogUpdate, LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={blog!r});"
        "[BlogUpdate.objects.create(blog=blog, body=f'Post {n}') for n in range(20)];"
        "BlogUpdate.objects.create(blog=blog, body='Tall\\n\\n' * 40, pinned=True)"
    )
    open_live(page, stack, blog)
    jump = page.locator("[data-jump]")
    post(stack, blog, "Below what is seen")
    expect(page.get_by_text("Below what is seen")).to_be_attached()
    expect(page.get_by_text("Below what is seen")).not_to_be_in_viewport()
    expect(jump).to_be_hidden()
    updates(page).filter(has_text="Post 3").scroll_into_view_if_needed()
    post(stack, blog, "Above what is seen")
    # The earlier one is above by now as well, and has not been seen.
    expect(jump).to_have_text("2 new updates")
    bar, button = page.locator("[data-bar]").bounding_box(), jump.bounding_box()
    assert bar["y"] <= button["y"]
    assert button["y"] + button["height"] <= bar["y"] + bar["height"], "it covers no post"
    jump.click()
    expect(page.get_by_text("Above what is seen")).to_be_in_viewport()
    expect(jump).to_be_hidden()
