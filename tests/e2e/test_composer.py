"""The desk's forms as an editor meets them: stale messages, edits in place, deletions meanwhile."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import (
    PHONE,
    bodies,
    contents,
    post,
    publish,
    sending,
    text_field,
    updates,
)


def test_a_chinese_title_makes_an_address_too(stack, desk, errors):
    desk.goto(f"http://{stack.address}/admin/liveblog/liveblog/add/")
    desk.get_by_label("Title").fill("火星直播")
    desk.get_by_role("button", name="Save", exact=True).click()
    link = desk.get_by_role("link", name="火星直播").first
    expect(link).to_be_visible()
    slug = stack.shell(
        "from liveblog.models import LiveBlog; print(LiveBlog.objects.get(title='火星直播').slug)"
    ).strip()
    assert slug == "huoxingzhibo"
    desk.goto(f"http://{stack.address}/liveblog/{slug}/")
    expect(desk.get_by_role("heading", level=1)).to_have_text("火星直播")
    stack.shell(
        "from liveblog.models import LiveBlog; LiveBlog.objects.get(title='火星直播').delete()"
    )
    assert all("404" in error for error in errors)  # Django's admin has no icon
    errors.clear()


def test_a_menu_is_used_by_keyboard_and_escape_returns_the_focus(stack, blog, desk):
    post(stack, blog, "To stay")
    menu = updates(desk).locator(".menu summary")
    menu.press("Enter")
    for item in ("Pin", "Mark as key event"):
        desk.keyboard.press("ArrowDown")
        expect(updates(desk).get_by_role("button", name=item, exact=True)).to_be_focused()
    desk.keyboard.press("ArrowUp")
    desk.keyboard.press("ArrowUp")
    delete = updates(desk).get_by_role("button", name="Delete")
    expect(delete).to_be_focused()
    desk.keyboard.press("Escape")
    expect(delete).to_be_hidden()
    expect(menu).to_be_focused()
    menu.click()
    expect(delete).to_be_visible()
    text_field(desk).click()
    expect(delete).to_be_hidden()
    expect(contents(desk)).to_have_text(["To stay"])


def test_a_message_about_the_last_write_goes_when_the_next_text_begins(desk):
    text_field(desk).fill("First")
    publish(desk)
    expect(sending(desk)).to_have_text("Published.")
    text_field(desk).press_sequentially("S")
    expect(sending(desk)).to_have_text("")
    publish(desk)
    expect(sending(desk)).to_have_text("Published.")
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Not an image"}
    desk.locator("[data-file]").set_input_files(notes)
    expect(desk.get_by_text("This file is not a supported image, video or audio.")).to_be_visible()
    expect(sending(desk)).to_have_text("")


def test_an_error_goes_when_its_field_is_corrected(desk, errors):
    empty = {"type": "preview", "headline": "", "content": ""}
    desk.route("**/preview/", lambda route: route.fulfill(json=empty))  # it would say the same
    text_field(desk).fill("x" * 20_001)
    publish(desk)
    too_long = desk.get_by_text("at most 20000 characters")
    expect(too_long).to_be_visible()
    desk.get_by_label("Headline").fill("A headline")
    expect(too_long).to_be_visible()
    text_field(desk).fill("")
    expect(too_long).to_be_hidden()
    expect(text_field(desk)).not_to_have_attribute("aria-invalid", "true")
    expect(sending(desk)).to_have_text("")
    assert all("422" in error for error in errors)
    errors.clear()


def test_a_server_that_refuses_is_not_called_unreachable(stack, desk, expected_errors):
    # 401: another request of the page may have fetched a new token before.
    expected_errors.extend(["401", "403", "1006"])
    refuse = {"status": 403, "content_type": "text/html", "body": "<h1>Forbidden</h1>"}
    desk.route("**/preview/", lambda route: route.fulfill(**refuse))
    desk.get_by_role("button", name="Preview").click()
    text_field(desk).fill("**Landed**")
    said = desk.locator("[data-preview]").get_by_role("status")
    expect(said).to_have_text("The preview is out of date: the server rejected the request.")
    desk.unroute("**/preview/")
    # A login in another tab has changed the token, and a logout followed.
    desk.context.clear_cookies()
    text_field(desk).fill("**Landed** on the Moon")
    expect(said).to_have_text("The preview is out of date: you have been logged out.")


@pytest.mark.parametrize("context_options", [PHONE, {}], ids=["phone", "desktop"])
def test_an_edit_needs_no_reload_and_returns_to_its_place(stack, blog, desk):
    stack.shell(
        "from liveblog.models import BlogUpdate, LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={blog!r});"
        "[BlogUpdate.objects.create(blog=blog, body=f'Post {n}') for n in range(30)]"
    )
    desk.reload()
    desk.evaluate("window.sameDocument = true")
    text_field(desk).fill("A new one, begun before")
    row = updates(desk).filter(has=desk.get_by_text("Post 7", exact=True))
    edit = row.get_by_role("link", name="Edit")

    def top():
        return row.evaluate("row => row.getBoundingClientRect().top")

    row.evaluate("row => row.scrollIntoView({ block: 'center', behavior: 'instant' })")
    before = top()
    edit.click()
    expect(desk.get_by_role("heading", name="Edit update")).to_be_in_viewport()
    expect(text_field(desk)).to_be_focused()
    expect(text_field(desk)).to_have_value("Post 7")
    text_field(desk).fill("Post seven")
    desk.get_by_role("button", name="Publish changes").click()
    row = updates(desk).filter(has_text="Post seven")
    edit = row.get_by_role("link", name="Edit")
    expect(edit).to_be_focused()
    expect(edit).to_be_in_viewport()
    assert abs(top() - before) <= 1
    expect(text_field(desk)).to_have_value("A new one, begun before")

    edit.click()
    expect(text_field(desk)).to_have_value("Post seven")
    text_field(desk).fill("Not finished")
    desk.get_by_role("link", name="Cancel").click()
    expect(edit).to_be_focused()
    assert abs(top() - before) <= 1
    expect(text_field(desk)).to_have_value("A new one, begun before")
    edit.click()
    expect(text_field(desk)).to_have_value("Not finished")
    expect(desk.get_by_text("Unsent text restored. It was kept")).to_be_visible()
    assert desk.evaluate("window.sameDocument")
    assert bodies(stack, blog).split("|")[7] == "Post seven"


def test_an_edit_that_the_server_does_not_answer_keeps_the_form(stack, blog, desk, errors):
    post(stack, blog, "The first text")
    desk.route("**/edit/?update=*", lambda route: route.abort())
    text_field(desk).fill("A new one")
    updates(desk).get_by_role("link", name="Edit").click()
    expect(sending(desk)).to_have_text(
        "Not opened: the server cannot be reached. Please try again."
    )
    expect(text_field(desk)).to_have_value("A new one")
    assert all("ERR_FAILED" in error for error in errors)
    errors.clear()
