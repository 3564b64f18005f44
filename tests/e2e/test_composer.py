"""The desk's forms as an editor meets them: stale messages, edits in place, deletions meanwhile."""

from playwright.sync_api import expect

from tests.e2e.browsing import contents, post, updates


def test_a_chinese_title_makes_an_address_too(stack, desk, errors):
    desk.goto(f"http://{stack.address}/admin/liveblog/liveblog/add/")
    desk.get_by_label("Title").fill("登月直播")
    desk.get_by_role("button", name="Save", exact=True).click()
    link = desk.get_by_role("link", name="登月直播").first
    expect(link).to_be_visible()
    slug = stack.shell(
        "from liveblog.models import LiveBlog; print(LiveBlog.objects.get(title='登月直播').slug)"
    ).strip()
    assert slug.startswith("live-")
    desk.goto(f"http://{stack.address}/liveblog/{slug}/")
    expect(desk.get_by_role("heading", level=1)).to_have_text("登月直播")
    stack.shell(
        "from liveblog.models import LiveBlog; LiveBlog.objects.get(title='登月直播').delete()"
    )
    assert all("404" in error for error in errors)  # Django's admin has no icon
    errors.clear()


def test_escape_closes_a_confirmation_and_returns_the_focus(stack, blog, desk):
    post(stack, blog, "To stay")
    delete = updates(desk).locator(".confirm summary")
    delete.click()
    confirm = desk.get_by_role("button", name="Delete update")
    confirm.focus()
    desk.keyboard.press("Escape")
    expect(confirm).to_be_hidden()
    expect(delete).to_be_focused()
    end = desk.locator(".confirm summary").filter(has_text="End coverage")
    end.click()
    expect(desk.get_by_role("button", name="End coverage now")).to_be_visible()
    desk.keyboard.press("Escape")
    expect(desk.get_by_role("button", name="End coverage now")).to_be_hidden()
    expect(end).to_be_focused()
    expect(contents(desk)).to_have_text(["To stay"])
