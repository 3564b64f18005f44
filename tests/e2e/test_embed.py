"""The live blog in a page of another site, by one script tag, in a real browser behind nginx."""

import contextlib
import http.server
import re

import pytest
from harness.waiting import wait_until
from playwright.sync_api import expect

from tests.e2e.browsing import open_browser
from tests.e2e.conftest import FOREIGN_PORT
from tests.serving import serving

# The site is 127.0.0.1; these are another site for a browser, and of the two one may embed.
ALLOWED, REFUSED = f"http://localhost:{FOREIGN_PORT}", f"http://127.0.0.1:{FOREIGN_PORT}"
TALL = '<p style="height: 3000px">More of the page</p>'


@pytest.fixture(scope="module")
def foreign():
    """Another site: {path: (headers, body)} of its pages."""
    pages = {}

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            headers, body = pages.get(self.path, ({}, ""))
            self.send_response(200 if self.path in pages else 204)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", FOREIGN_PORT), Site)):
        yield pages


@pytest.fixture(scope="module")
def browser():
    with open_browser("--test-third-party-cookie-phaseout") as browser:
        yield browser


@pytest.fixture
def page(browser):
    with contextlib.closing(browser.new_context(locale="en-GB")) as context:
        yield context.new_page()


def tag(nginx, blog, attributes=""):
    address = f"http://{nginx.address}/liveblog/{blog}/embed.js"
    return f'<script src="{address}" async {attributes}></script>'


def html(body, lang="en"):
    return f'<!doctype html><html lang="{lang}"><title>News</title><h1>News</h1>{body}'


def live(page, number=0):
    """The inside of the frame, when it is live."""
    frame = page.frame_locator("iframe").nth(number)
    expect(frame.locator("[data-status=live]")).to_be_attached()
    return frame


def wait_for_height(page, condition):
    page.wait_for_function(
        f"() => {{ const {{ height }} = document.querySelector('iframe').getBoundingClientRect();"
        f"return {condition} }}"
    )


def wait_for_whole(page):
    """Until nothing in the frame is cut off, and nothing scrolls twice."""
    page.frames[1].wait_for_function("document.documentElement.scrollHeight === innerHeight")


def height(page):
    return page.locator("iframe").evaluate("frame => frame.getBoundingClientRect().height")


def test_a_page_with_a_strict_policy_shows_the_blog_and_grows_with_a_post(
    stack, nginx, blog, foreign, page
):
    site = f"http://{nginx.address}"
    policy = f"default-src 'none'; script-src {site}; frame-src {site}"
    foreign["/"] = ({"Content-Security-Policy": policy}, html(tag(nginx, blog), "zh-CN"))
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(ALLOWED)
    frame = live(page)
    expect(page.locator("iframe")).to_have_attribute("title", "To the Moon")
    expect(page.get_by_role("link", name="To the Moon")).to_be_hidden()
    expect(frame.locator("html")).to_have_attribute("lang", "zh-hans")  # as the page around
    expect(frame.locator("[data-status=live]")).to_have_text("实时")

    wait_for_height(page, "height > 0")
    before = height(page)
    stack.post(blog, "The Eagle has landed. " * 50)
    expect(frame.get_by_text("The Eagle has landed.")).to_be_visible()
    wait_for_height(page, f"height > {before} + 100")
    wait_for_whole(page)
    assert page.context.cookies() == []
    assert said == []


def test_the_frame_of_a_card_works_within_the_frame(stack, nginx, blog, foreign, page):
    video = "https://vimeo.com/76979871"
    unfetched = "from django.conf import settings; settings.LINK_CARDS = False"
    with_models(stack, blog, f"{unfetched}; blog.updates.create(body='{video}')")
    answer = {"content_type": "text/html", "body": "<p>The player"}
    page.route(re.compile("^https:"), lambda route: route.fulfill(**answer))
    foreign["/"] = ({}, html(tag(nginx, blog)))
    page.goto(ALLOWED)
    card = live(page).locator(".link-card")
    expect(card.locator(".link-card-says")).to_contain_text("from Vimeo")
    card.get_by_role("link").click()
    expect(card.frame_locator("iframe").locator("p")).to_have_text("The player")


def test_a_page_that_may_not_embed_it_shows_a_link_instead(nginx, blog, foreign, page):
    foreign["/"] = ({}, html(tag(nginx, blog)))
    page.goto(REFUSED)
    expect(page.locator("iframe")).to_be_hidden()
    link = page.get_by_role("link", name="To the Moon")
    expect(link).to_be_visible()
    expect(link).to_have_attribute("href", f"http://{nginx.address}/liveblog/{blog}/")


def with_models(stack, blog, code):
    """Run the code with the blog."""
    stack.shell(
        f"from liveblog.models import *; blog = LiveBlog.objects.get(slug={blog!r}); {code}"
    )


@pytest.fixture
def read(stack, nginx, blog, foreign, page):
    """What is read in a page around, far below the top of the stream: the fourth of 12 posts."""
    code = "[BlogUpdate.objects.create(blog=blog, body=f'Update {n}. ' + 'More. ' * 200)"
    with_models(stack, blog, f"{code} for n in range(12)]")
    foreign["/"] = ({}, html(tag(nginx, blog) + TALL))
    page.goto(ALLOWED)
    frame = live(page)
    wait_for_whole(page)
    read = frame.get_by_text("Update 3.")
    page.evaluate("top => scrollBy(0, top - 5)", read.bounding_box()["y"])
    expect(read).to_be_in_viewport()
    expect(frame.locator("[data-bar]")).not_to_be_in_viewport()
    return read


def test_what_comes_in_above_waits_and_moves_nothing_that_is_read(stack, blog, page, read):
    frame, place = page.frame_locator("iframe"), read.bounding_box()
    stack.post(blog, "The Eagle has landed")
    button = page.get_by_role("button", name="1 new update")
    expect(button).to_be_in_viewport()
    stack.post(blog, "One small step")
    expect(page.get_by_role("button", name="2 new updates")).to_be_in_viewport()
    assert read.bounding_box() == place
    page.get_by_role("button").click()
    expect(frame.get_by_text("One small step")).to_be_in_viewport()
    expect(frame.get_by_text("The Eagle has landed")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


def test_what_changes_above_moves_nothing_that_is_read(stack, blog, page, read):
    frame = page.frame_locator("iframe")

    def top_of(text):
        return frame.get_by_text(text).bounding_box()["y"]

    def change(number, code, seen, stays):
        place = top_of(stays)
        find = f"row = blog.updates.get(body__startswith='Update {number}.')"
        with_models(stack, blog, f"{find}; {code}")
        seen()
        # The page around hears of it and follows, a moment after the text has changed.
        wait_until(lambda: abs(top_of(stays) - place) <= 1, f"{stays} in its place")

    def first_is(text):
        expect(frame.locator("[data-list] > :first-child")).to_contain_text(text)

    gone, longer = frame.get_by_text("Update 9."), frame.get_by_text("Corrected.")
    read = "Update 3."
    change(9, "row.delete()", lambda: expect(gone).to_have_count(0), read)
    longer_body = "row.body = 'Corrected. ' * 700; row.save()"
    change(8, longer_body, lambda: expect(longer).to_be_attached(), read)
    pin = "row.pinned = True; row.save()"
    change(0, pin, lambda: first_is("Update 0."), read)
    # What is read itself goes to the top: nobody is carried away with it.
    change(3, pin, lambda: first_is("Update 3."), "Update 2.")


def test_several_tags_each_have_their_own_frame(stack, nginx, blog, foreign, page):
    stack.post(blog, "A long one. " * 400)
    bounded = tag(nginx, blog, 'data-max-height="300" data-theme="dark"')
    other = tag(nginx, "demo", 'data-theme="light" data-lang="zh"')
    foreign["/"] = ({}, html(bounded + other))
    page.goto(ALLOWED)
    first, second = live(page), live(page, 1)
    wait_for_height(page, "height === 300")
    assert first.locator("html").evaluate("html => html.scrollHeight > innerHeight")
    expect(first.locator("html")).to_have_attribute("lang", "en")
    expect(second.locator("html")).to_have_attribute("lang", "zh-hans")
    grounds = [
        each.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
        for each in (first, second)
    ]
    assert grounds == ["rgb(20, 23, 26)", "rgb(247, 245, 240)"]


def test_links_lead_out_of_the_frame(nginx, blog, foreign, page):
    foreign["/"] = ({}, html(tag(nginx, blog)))
    page.goto(ALLOWED)
    frame = live(page)
    with page.expect_popup() as popup:
        frame.get_by_role("link", name="Open full page").click()
    expect(popup.value).to_have_url(f"http://{nginx.address}/liveblog/{blog}/")
    assert popup.value.evaluate("window.opener") is None
    live(page)  # it has stayed
