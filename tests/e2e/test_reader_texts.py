"""What readers see of a blog's texts and of its place in time: direction, state, links, frames."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import PHONE, connection, text_field, updates
from tests.e2e.test_reader_page import address, write

ARABIC = "\u0647\u0628\u0637 \u0627\u0644\u0646\u0633\u0631."
HEBREW = "\u05d4\u05e0\u05e9\u05e8 \u05e0\u05d7\u05ea"

# Where the marks of a post's list and quote are, and where its first line begins.
SIDES = """post => {
  const padding = (name) => {
    const { paddingLeft, paddingRight } = getComputedStyle(post.querySelector(name));
    return parseFloat(paddingRight) > parseFloat(paddingLeft) ? "right" : "left";
  };
  const paragraph = post.querySelector(".prose > p");
  const range = document.createRange();
  range.selectNodeContents(paragraph);
  const [line, box] = [range, paragraph].map((each) => each.getBoundingClientRect());
  const start = box.right - line.right < line.left - box.left ? "right" : "left";
  return [padding("ul"), padding("blockquote"), start];
}"""


@pytest.mark.parametrize("context_options", [PHONE, {}], ids=["phone", "desktop"])
def test_arabic_and_hebrew_texts_begin_on_the_right(stack, blog, page):
    marks = f"\\n\\n* {HEBREW}\\n\\n> {ARABIC}"
    write(
        stack,
        blog,
        f"blog.title = blog.description = '{ARABIC}'; blog.save()\n"
        f"post('{ARABIC}{marks}', headline='{HEBREW}', author='{HEBREW}', key_event=True)\n"
        "post('Landed.\\n\\n* Dust\\n\\n> One small step')",
    )
    for path in ("", "embed/"):
        page.goto(address(stack, blog) + path)
        english, arabic = updates(page).all()
        assert english.evaluate(SIDES) == ["left", "left", "left"]
        assert arabic.evaluate(SIDES) == ["right", "right", "right"]
        for part in ("headline", "author"):
            expect(arabic.locator(f"[data-part={part}]")).to_have_css("direction", "rtl")
        expect(page.locator("h1")).to_have_css("direction", "rtl")
    page.goto(address(stack, blog))
    expect(page.locator(".masthead .description")).to_have_css("direction", "rtl")
    write(stack, blog, f"post('{HEBREW}{marks}')")
    expect(updates(page)).to_have_count(3)
    assert updates(page).first.evaluate(SIDES) == ["right", "right", "right"]


def test_arabic_is_written_and_previewed_from_the_right(desk):
    desk.get_by_role("button", name="Preview").click()
    text_field(desk).fill(f"{ARABIC}\n\n* {HEBREW}")
    expect(text_field(desk)).to_have_css("direction", "rtl")
    expect(desk.locator("[data-preview-content] ul")).to_have_css("direction", "rtl")


@pytest.fixture
def ids(stack, blog):
    """Of 60 posts, which fill two pages; the oldest first."""
    return write(stack, blog, "print(*[post(f'Post {n}').pk for n in range(60)])").split()


def test_a_link_to_a_post_leads_to_it_on_whatever_page_it_is(stack, blog, page, ids):
    for order in ("newest", "oldest"):
        page.goto(f"{address(stack, blog)}?order={order}#update-{ids[30]}")  # on both first pages
        target = page.locator(f"#update-{ids[30]}")
        expect(target).to_be_in_viewport()
        assert f"order={order}" in page.url
    page.goto(f"{address(stack, blog)}#update-{ids[0]}")
    expect(page.locator(f"#update-{ids[0]}")).to_be_in_viewport()
    page.evaluate(f"location.hash = 'update-{ids[59]}'")
    expect(page.locator(f"#update-{ids[59]}")).to_be_in_viewport()
    # A post that was deleted is nowhere; the address still shows the blog.
    write(stack, blog, f"rows.get(pk={ids[0]}).delete()")
    with page.expect_response(f"**at={ids[0]}"):
        page.goto(f"{address(stack, blog)}?#update-{ids[0]}")
    expect(updates(page).first).to_contain_text("Post 59")
    expect(connection(page)).to_have_text("Live")
    assert page.url.endswith(f"?#update-{ids[0]}")


@pytest.mark.parametrize("context_options", [PHONE, {}], ids=["phone", "desktop"])
def test_an_older_page_is_not_called_live_and_counts_new_posts(stack, blog, page, ids):
    for path, text in ((f"?before={ids[50]}", "One"), ("?order=oldest", "Two")):
        page.goto(address(stack, blog) + path)
        expect(connection(page)).to_have_text("Older updates")
        jump = page.get_by_role("link", name="new update")
        expect(jump).to_be_hidden()
        last = write(stack, blog, "print(post('The news').pk)").strip()
        expect(jump).to_have_text("1 new update")
        write(stack, blog, "post('More news')")
        expect(jump).to_have_text("2 new updates")
        write(stack, blog, f"rows.get(pk={last}).delete()")
        expect(jump).to_have_text("1 new update")
        write(stack, blog, f"old = rows.get(pk={ids[40]}); old.body = '{text}'; old.save()")
        expect(page.get_by_text(text, exact=True)).to_be_attached()
        expect(jump).to_have_text("1 new update")
        jump.click()
        expect(updates(page).first).to_contain_text("More news")
        expect(connection(page)).to_have_text("Live")


def test_an_upcoming_blog_is_not_called_live_before_it_starts(stack, blog, page):
    write(stack, blog, "blog.state = 'upcoming'; blog.save()")
    page.goto(address(stack, blog))
    expect(connection(page)).to_have_text("Not started yet")
    expect(page.locator("[data-blog=state]")).to_have_text("Upcoming")
    write(stack, blog, "blog.state = 'live'; blog.save(); post('It begins')")
    expect(updates(page)).to_contain_text("It begins")
    expect(connection(page)).to_have_text("Live")


def test_an_embedded_blog_shows_the_newest_posts_and_leads_to_the_others(stack, blog, page, ids):
    write(stack, blog, f"old = rows.get(pk={ids[0]}); old.pinned = True; old.save()")
    page.goto(address(stack, blog) + "embed/")
    expect(updates(page)).to_have_count(11)
    expect(updates(page).first).to_contain_text("Post 0")
    expect(updates(page).nth(1)).to_contain_text("Post 59")
    expect(connection(page)).to_have_text("Live")
    assert page.evaluate("document.body.getBoundingClientRect().height") < 2000
    write(stack, blog, "post('The news')")
    expect(updates(page).nth(1)).to_contain_text("The news")
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Older updates").click()
    expect(updates(popup.value).first).to_contain_text("Post 49")


@pytest.mark.parametrize("context_options", [PHONE], ids=["phone"])
def test_what_is_too_wide_for_a_phone_is_scrolled_by_keyboard(stack, blog, page):
    table = "|".join(["Distance"] * 12)
    wide = f"    {'wide ' * 40}\\n\\n|{table}|\\n|{'-|' * 12}\\n|{table}|"
    write(stack, blog, f"post('{wide}'); post('    fits')")
    # Safari, unlike Chromium, gives the focus to no box only because it scrolls.
    for path in ("", "embed/"):
        page.goto(address(stack, blog) + path)
        for name in ("pre", "table"):
            box = updates(page).nth(1).locator(name)
            expect(box).to_have_attribute("tabindex", "0")
            box.focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_function("document.activeElement.scrollLeft > 0")
        expect(updates(page).first.locator("pre")).not_to_have_attribute("tabindex", "0")


@pytest.mark.parametrize("context_options", [PHONE], ids=["phone"])
def test_the_skip_link_is_out_of_sight_until_it_has_the_focus(stack, blog, page):
    page.goto(address(stack, blog))
    link = page.get_by_role("link", name="Skip to content")
    for size in ("100%", "200%", "300%"):
        page.evaluate("size => (document.documentElement.style.fontSize = size)", size)
        expect(link).not_to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport(ratio=1)
