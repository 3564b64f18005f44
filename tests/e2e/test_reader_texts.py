"""What readers see of a blog's texts and of its place in time: direction, state, links, frames."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import PHONE, open_live, text_field, updates
from tests.e2e.test_reader_page import address, write

ARABIC = "\u0647\u0628\u0637 \u0627\u0644\u0646\u0633\u0631 \u0639\u0644\u0649 \u0627\u0644\u0642\u0645\u0631."
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
    text_field(desk).fill(f"{ARABIC}\n\n* {HEBREW}")
    expect(text_field(desk)).to_have_css("direction", "rtl")
    expect(desk.locator("[data-preview-content] ul")).to_have_css("direction", "rtl")
