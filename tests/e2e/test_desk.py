"""What an editor expects of the site's pages: to reach every post, and their own account."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import (
    PASSWORD,
    PHONE,
    bodies,
    contents,
    log_in,
    sending,
    text_field,
    updates,
)
from tests.e2e.stack import Stack

POSTS = """
from liveblog.models import BlogUpdate, LiveBlog
blog = LiveBlog.objects.get(slug={blog!r})
print(min(BlogUpdate.objects.create(blog=blog, body=f"Post {{n}}").pk for n in range(1, 53)))
"""


@pytest.fixture
def oldest(stack: Stack, blog: str) -> int:
    """The id of the first of 52 posts, of which the newest 50 make a page."""
    return int(stack.shell(POSTS.format(blog=blog)))


def correct(desk: Page, stack: Stack, blog: str) -> None:
    """Change the post in the form, and see that it was this one."""
    expect(desk.get_by_role("heading", name="Edit update")).to_be_visible()
    expect(text_field(desk)).to_have_value("Post 1")
    text_field(desk).fill("Post 1, corrected")
    desk.get_by_role("button", name="Publish changes").click()
    expect(sending(desk)).to_have_text("Changes published.")
    assert bodies(stack, blog).split("|")[0] == "Post 1, corrected"


def test_older_updates_on_the_desk_can_be_read_and_corrected(stack, blog, oldest, desk):
    desk.reload()
    expect(updates(desk)).to_have_count(50)
    desk.get_by_role("link", name="Older updates").click()
    expect(contents(desk)).to_have_text(["Post 2", "Post 1"])
    expect(desk.get_by_role("link", name="Older updates")).to_be_hidden()
    updates(desk).last.get_by_role("link", name="Edit").click()
    correct(desk, stack, blog)


def test_the_page_of_a_post_leads_editors_to_its_form(stack, blog, oldest, desk, browser):
    post = f"http://{stack.address}/liveblog/{blog}/{oldest}/"
    desk.goto(post)
    desk.get_by_role("link", name="Edit", exact=True).click()
    correct(desk, stack, blog)
    with browser.new_context() as context:
        reader = context.new_page()
        reader.goto(post)
        expect(reader.get_by_text("Post 1, corrected")).to_be_visible()
        expect(reader.get_by_role("link", name="Edit", exact=True)).to_have_count(0)


@pytest.fixture
def member(stack: Stack, blog: str) -> str:
    """The name of an editor who has no access to the admin."""
    name = f"ann-{blog}"
    stack.shell(
        "from django.contrib.auth.models import Group, User;"
        f"user = User.objects.create_user({name!r}, password={PASSWORD!r});"
        "user.groups.add(Group.objects.get(name='editor'))"
    )
    return name


@pytest.mark.parametrize("context_options", [{}, PHONE], ids=["desktop", "phone"])
def test_an_editor_finds_the_desk_from_the_front_page(stack, blog, member, page):
    page.goto(f"http://{stack.address}/")
    page.get_by_role("link", name="For editors").click()
    log_in(page, member)
    page.wait_for_url(f"http://{stack.address}/")
    expect(page.get_by_text(member, exact=True)).to_be_visible()
    page.locator(".blog", has_text="To the Moon").first.get_by_role("link", name="Edit").click()
    expect(text_field(page)).to_be_visible()
    page.goto(f"http://{stack.address}/")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="For editors")).to_be_visible()
    expect(page.get_by_text(member, exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="Edit", exact=True)).to_have_count(0)


def test_an_editor_changes_the_own_password(stack, member, page):
    page.goto(f"http://{stack.address}/accounts/login/")
    log_in(page, member)
    page.get_by_role("link", name="Change password").click()
    page.get_by_label("Old password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("under the moon")
    page.get_by_label("New password confirmation").fill("under the moon")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password has been changed.")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="For editors").click()
    page.get_by_label("Username").fill(member)
    page.get_by_label("Password").fill("under the moon")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text(member, exact=True)).to_be_visible()


@pytest.mark.parametrize(
    "context_options",
    [{"viewport": {"width": 1280, "height": 800}}, {"viewport": {"width": 1024, "height": 768}}],
    ids=["1280", "1024"],
)
def test_the_buttons_that_publish_cover_neither_the_text_nor_its_buttons(desk):
    desk.get_by_role("button", name="Publish", exact=True).wait_for()
    tools = desk.get_by_role("group", name="Formatting").get_by_role("button")
    expect(tools).to_have_count(5)
    for part in [text_field(desk), *tools.all()]:
        expect(part).to_be_in_viewport(ratio=1)
        # What is at the four corners is the part itself, and nothing that lies over it.
        assert part.evaluate("""(part) => {
            const { left, right, top, bottom } = part.getBoundingClientRect();
            return [left + 4, right - 4].every((x) => [top + 4, bottom - 4].every(
                (y) => part.contains(document.elementFromPoint(x, y))));
        }"""), part
    text_field(desk).fill("bold")
    text_field(desk).select_text()
    desk.get_by_role("button", name="Bold").click()
    expect(text_field(desk)).to_have_value("**bold**")
