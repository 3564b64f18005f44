"""What an editor expects of the site's pages: to reach every post, and their own account."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import (
    PASSWORD,
    PHONE,
    bodies,
    contents,
    log_in,
    open_tab,
    press_in_menu,
    rows,
    sending,
    tab_count,
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
    desk.evaluate("window.sameDocument = true")
    edit = updates(desk).last.get_by_role("link", name="Edit")
    edit.click()
    correct(desk, stack, blog)
    # On the same page, whose address still leads here.
    expect(edit).to_be_focused()
    assert desk.evaluate("window.sameDocument")
    assert "before=" in desk.url
    # "Posts" leads to the newest ones, by way of another list too.
    desk.locator("[data-tab=drafts]").click()
    expect(updates(desk).last).to_be_hidden()
    desk.locator("[data-tab=posts]").click()
    expect(updates(desk)).to_have_count(50)
    assert "before=" not in desk.url


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


WINDOWS = {
    "1280": {"viewport": {"width": 1280, "height": 800}},
    "1024": {"viewport": {"width": 1024, "height": 768}},
}


@pytest.mark.parametrize("context_options", WINDOWS.values(), ids=WINDOWS)
def test_the_buttons_that_publish_are_in_sight_and_cover_nothing(stack, blog, oldest, desk):
    desk.reload()
    tools = desk.get_by_role("group", name="Formatting").get_by_role("button")
    expect(tools).to_have_count(5)
    bar = [desk.get_by_role("button", name=name, exact=True) for name in ("Publish", "Save draft")]
    bar += [desk.locator("[data-later]"), desk.get_by_text("Connected", exact=True)]
    options = [desk.get_by_label(name) for name in ("Author", "Key event", "Pinned")]
    for part in [text_field(desk), *tools.all(), *options, *bar]:
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
    # With a long text and its preview, and wherever the list has been scrolled to.
    text_field(desk).fill("A long text\n\n" * 200)
    desk.get_by_role("button", name="Preview").click()
    expect(desk.locator("[data-preview-content] p").first).to_be_visible()
    for top in (0, 3000, 10**6):
        desk.evaluate("top => scrollTo({ top, behavior: 'instant' })", top)
        for part in [text_field(desk), *bar]:
            expect(part).to_be_in_viewport(ratio=0.5 if part == text_field(desk) else 1)


def test_lists_the_search_and_their_pages_open_in_place(stack, blog, oldest, desk):
    stack.shell(
        "from liveblog.models import BlogUpdate, LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={blog!r});"
        "[BlogUpdate.objects.create(blog=blog, body=f'Draft {n}', draft=True) for n in range(51)]"
    )
    desk.reload()
    desk.evaluate("window.sameDocument = true")
    text_field(desk).fill("Half written")
    expect(tab_count(desk, "posts")).to_have_text("52")
    expect(tab_count(desk, "drafts")).to_have_text("51")
    drafts = open_tab(desk, "drafts")
    expect(drafts).to_have_count(50)
    expect(drafts.first).to_contain_text("Draft 50")
    desk.get_by_role("link", name="Next page").click()
    expect(drafts).to_have_count(1)
    expect(drafts).to_contain_text("Draft 0")
    desk.wait_for_url("**/edit/?tab=drafts&page=2")
    # The search finds what no page shows, and it is edited from there.
    field = desk.get_by_role("searchbox", name="Search all updates")
    field.fill("post 1")
    field.press("Enter")
    expect(desk.locator("[data-found-head]")).to_contain_text("15 updates with “post 1”")
    found = rows(desk, "found")
    expect(found).to_have_count(15)
    found.last.get_by_role("link", name="Edit").click()
    expect(text_field(desk)).to_have_value("Post 1")
    text_field(desk).fill("Post 1, corrected")
    desk.get_by_role("button", name="Publish changes").click()
    expect(sending(desk)).to_have_text("Changes published.")
    expect(found.last).to_contain_text("corrected")
    expect(found.last.get_by_role("link", name="Edit")).to_be_focused()
    desk.get_by_role("link", name="Clear search").click()
    expect(updates(desk)).to_have_count(50)
    expect(text_field(desk)).to_have_value("Half written")
    assert desk.evaluate("window.sameDocument")
    assert bodies(stack, blog).split("|")[0] == "Post 1, corrected"


def test_without_javascript_the_lists_and_the_search_are_pages(stack, blog, oldest, desk, browser):
    state = desk.context.storage_state()
    with browser.new_context(java_script_enabled=False, storage_state=state) as context:
        plain = context.new_page()
        plain.goto(f"http://{stack.address}/liveblog/{blog}/edit/")
        plain.get_by_role("searchbox").fill("post 52")
        plain.get_by_role("button", name="Search").click()
        press_in_menu(rows(plain, "found"), "Delete")
        expect(plain.get_by_text("Update deleted.")).to_be_visible()
        open_tab(plain, "deleted").get_by_role("button", name="Restore").click()
        expect(plain.get_by_text("Update restored.")).to_be_visible()
        expect(updates(plain).first).to_contain_text("Post 52")


def test_shortcuts_move_between_updates_and_are_listed(stack, blog, desk):
    for text in ("First", "Second"):
        stack.post(blog, text)
    expect(updates(desk)).to_have_count(2)
    desk.evaluate("document.activeElement.blur()")
    dialog = desk.get_by_role("dialog", name="Keyboard shortcuts")
    desk.keyboard.press("?")
    expect(dialog).to_be_visible()
    desk.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    desk.keyboard.press("j")
    desk.keyboard.press("j")
    expect(updates(desk).last).to_be_focused()
    desk.keyboard.press("e")
    expect(text_field(desk)).to_be_focused()
    expect(text_field(desk)).to_have_value("First")
    text_field(desk).press("?")  # is typed
    expect(text_field(desk)).to_have_value("First?")
    desk.keyboard.press("Escape")
    desk.keyboard.press("/")
    expect(desk.get_by_role("searchbox")).to_be_focused()
    # They disturb speech input, so they can be turned off.
    desk.get_by_role("button", name="Keyboard shortcuts").click()
    dialog.get_by_label("Use keyboard shortcuts").uncheck()
    dialog.get_by_role("button", name="Close").click()
    desk.evaluate("document.activeElement.blur()")
    desk.keyboard.press("n")
    expect(text_field(desk)).not_to_be_focused()


# What the page does is seen within 100 ms, and moves nothing that is not pressed.
WATCH = """() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const { value, hadRecentInput } of list.getEntries())
            if (!hadRecentInput) window.shifts.push(value);
    }).observe({ type: "layout-shift", buffered: true });
}"""


@pytest.mark.parametrize(
    "context_options", [WINDOWS["1024"], PHONE | {"has_touch": True}], ids=["1024", "phone"]
)
def test_nothing_moves_and_a_phone_has_the_text_and_publish_first(stack, blog, desk):
    desk.evaluate(WATCH)
    expect(desk.get_by_role("button", name="Publish", exact=True)).to_be_in_viewport(ratio=1)
    expect(text_field(desk)).to_be_in_viewport(ratio=1)
    stack.post(blog, "One", "--headline", "Another post")
    expect(updates(desk)).to_have_count(1)
    text_field(desk).fill("Two")
    desk.get_by_role("button", name="Publish", exact=True).click()
    expect(sending(desk)).to_have_text("Published.")
    expect(updates(desk)).to_have_count(2)
    press_in_menu(updates(desk).first, "Pin")
    expect(updates(desk).first.get_by_text("Pinned")).to_be_visible()
    assert desk.evaluate("scrollWidth => document.scrollingElement.scrollWidth - innerWidth") <= 0
    assert sum(desk.evaluate("window.shifts")) <= 0.05
    touch = desk.evaluate("matchMedia('(hover: none)').matches")
    button = desk.locator("[data-keys-open]")
    expect(button).to_be_visible(visible=not touch)
    if not touch:
        # At the end of the page all of the composer is in sight, and so is the footer.
        stack.post(blog, "Long.\n\n" * 40)
        expect(updates(desk)).to_have_count(3)
        desk.evaluate("scrollTo({ top: document.body.scrollHeight, behavior: 'instant' })")
        for part in (desk.get_by_role("heading", name="New update"), desk.locator(".languages")):
            expect(part).to_be_in_viewport(ratio=1)
        composer, header = (desk.locator(f".{name}") for name in ("composer", "site-header"))
        assert composer.bounding_box()["y"] >= header.bounding_box()["height"] - 1
