"""The pages in a real browser: what readers and editors see, and that they need no reload."""

import os
import re
import signal

import pytest
from harness.process import stopped
from playwright.sync_api import expect

from tests.e2e.browsing import PHONE, connection, open_live, post, updates, was_reloaded, watch


def test_a_post_appears_on_the_open_page(stack, blog, page):
    open_live(page, stack, blog)
    expect(page.get_by_text("No updates yet.")).to_be_visible()
    post(stack, blog, "Hello **world**", "--headline", "News", "--key-event", "--pinned")
    update = updates(page)
    expect(update.get_by_role("heading", name="News")).to_be_visible()
    expect(update.locator("[data-part=content] strong")).to_have_text("world")
    expect(update.get_by_text("Key event")).to_be_visible()
    expect(update.get_by_text("Pinned")).to_be_visible()
    expect(page.get_by_text("No updates yet.")).to_be_hidden()
    assert not was_reloaded(page)


def test_the_newest_post_stands_first(stack, blog, page):
    post(stack, blog, "First")
    open_live(page, stack, blog)
    post(stack, blog, "Second")
    expect(updates(page).locator("[data-part=content]")).to_have_text(["Second", "First"])


def test_an_edit_and_a_deletion_arrive(stack, blog, page):
    post(stack, blog, "Typo")
    post(stack, blog, "To be withdrawn")
    open_live(page, stack, blog)
    expect(updates(page)).to_have_count(2)
    stack.shell(
        "from liveblog.models import BlogUpdate;"
        f"rows = BlogUpdate.objects.filter(blog__slug={blog!r});"
        "row = rows.get(body='Typo'); row.body = 'Corrected'; row.save();"
        "rows.get(body='To be withdrawn').delete()"
    )
    expect(updates(page)).to_have_count(1)
    expect(updates(page)).to_contain_text("Corrected")
    expect(updates(page)).to_contain_text("Edited")
    assert not was_reloaded(page)


def test_scripts_and_event_handlers_in_a_post_do_nothing(stack, blog, page, errors):
    open_live(page, stack, blog)
    body = (
        "Text before <script>window.ran = 'script'</script>"
        '<img src="/media/nothing.png" alt="An image" onerror="window.ran = \'handler\'">'
        "<a href=\"javascript:window.ran = 'link'\">a link</a> text after"
    )
    post(stack, blog, body, "--headline", "<img src=/nothing.png onerror='window.ran = 1'>")
    for place in ("arrived over the socket", "rendered by the server"):
        if place == "rendered by the server":
            page.reload()
        expect(updates(page)).to_contain_text("Text before")
        expect(updates(page)).to_contain_text("text after")
        expect(updates(page).get_by_role("heading")).to_contain_text("onerror=")
        # The image fails to load, which is when a handler would run.
        page.wait_for_function("[...document.images].length && [...document.images][0].complete")
        updates(page).get_by_text("a link").click()
        assert page.evaluate("window.ran") is None
    assert errors and all("404" in error for error in errors)
    errors.clear()


def test_without_javascript_the_updates_are_readable(stack, blog, browser):
    post(stack, blog, "Readable **anywhere**", "--headline", "News")
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"http://{stack.address}/liveblog/{blog}/")
        expect(updates(page).get_by_role("heading", name="News")).to_be_visible()
        expect(updates(page)).to_contain_text("Readable anywhere")
        expect(connection(page)).to_be_hidden()
        # Chromium shows a <noscript> where the user, not a debugger, has turned scripts off.
        assert "Reload the page to see new updates</span></noscript>" in page.content()


def test_a_killed_interface_server_costs_the_page_nothing(stack, blog, page, errors):
    post(stack, blog, "Before")
    open_live(page, stack, blog)
    [supervisord] = stack.pids("supervisor.supervisord")
    with stopped(supervisord):  # so that it is still down when the post is made
        for pid in stack.pids("channels_realtime.interface"):
            os.kill(pid, signal.SIGKILL)
        expect(connection(page)).to_have_text("Reconnecting…")
        post(stack, blog, "Meanwhile")
    expect(connection(page)).to_have_text("Live")
    expect(updates(page).locator("[data-part=content]")).to_have_text(["Meanwhile", "Before"])
    post(stack, blog, "After")
    expect(updates(page).first).to_contain_text("After")
    assert not was_reloaded(page)
    # The browser complains of the line that is down, by socket and by updates.json, and no more.
    assert all("WebSocket" in error or "net::ERR_CONNECTION" in error for error in errors)
    errors.clear()


def test_an_editor_logs_in_and_posts_to_the_readers(stack, blog, page, browser, errors):
    stack.shell(
        "from django.contrib.auth.models import User;"
        f"User.objects.create_superuser({blog!r}, password='over the moon')"
    )
    open_live(page, stack, blog)
    with browser.new_context() as context:
        desk = context.new_page()
        watch(desk, errors)
        address = f"http://{stack.address}/liveblog/{blog}/edit/"
        desk.goto(address)
        desk.get_by_label("Username").fill(blog)
        desk.get_by_label("Password").fill("over the moon")
        desk.get_by_role("button", name="Log in").click()
        desk.wait_for_url(address)  # and for its scripts
        desk.get_by_label("Headline").fill("From the desk")
        desk.get_by_label("Text").fill("Written in the *form*")
        desk.get_by_role("button", name="Publish").click()
        expect(desk.get_by_text("Published.")).to_be_visible()
    expect(updates(page).get_by_role("heading", name="From the desk")).to_be_visible()
    expect(updates(page).locator("em")).to_have_text("form")
    expect(updates(page)).to_contain_text(blog)  # the byline
    assert not was_reloaded(page)


@pytest.mark.parametrize("context_options", [PHONE], ids=["phone"])
def test_a_phone_shows_no_sideways_scroll(stack, blog, page):
    wide = "\n\n".join(
        [
            "https://example.com/" + "long" * 60,
            "    " + "code " * 60,
            "|" + " a wide column |" * 12 + "\n|" + "---|" * 12 + "\n|" + " a cell |" * 12,
            "W" * 200,
        ]
    )
    options = ["--headline", "H" * 150, "--author", "A" * 100]
    assert stack.manage("post", blog, "-", *options, input=wide).returncode == 0
    open_live(page, stack, blog)
    expect(updates(page)).to_contain_text("a wide column")
    for path in ("", f"liveblog/{blog}/", "accounts/login/"):
        page.goto(f"http://{stack.address}/{path}")
        width = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
        assert width[0] <= PHONE["viewport"]["width"] == width[1], path or "/"


def test_an_unknown_blog_is_a_page_that_says_so(stack, page, errors):
    answer = page.goto(f"http://{stack.address}/liveblog/nothing-here/")
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"\w"))
    assert len(errors) == 1 and "404" in errors[0]
    errors.clear()


def test_the_chat_beside_the_blog_appears_when_it_is_turned_on(page, stack, blog):
    page.goto(f"http://{stack.address}/liveblog/{blog}/")
    chat = page.get_by_text("Join the chat")
    expect(chat).to_be_hidden()
    stack.shell(
        "from liveblog.models import LiveBlog;"
        f"b = LiveBlog.objects.get(slug={blog!r}); b.chat = True; b.save()"
    )
    expect(chat).to_be_visible()
    chat.click()
    room = page.frame_locator("iframe")
    expect(connection(room)).to_have_text("Live")
    room.get_by_label("Message", exact=True).fill("Hello beside the blog")
    room.get_by_role("button", name="Send").click()
    expect(room.get_by_text("Hello beside the blog")).to_be_visible()
