"""What a reader does on the page: follow to the end, choose an order, jump, listen, use keys."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import PHONE, connection, open_live, updates, was_reloaded

SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""

# The scrolling has come to where it leads, and goes no further.
AT_REST = """() => {
  const { activeElement } = document;
  const { top } = activeElement.getBoundingClientRect();
  const led = Math.abs(top - parseFloat(getComputedStyle(activeElement).scrollMarginTop)) < 1;
  return window.last === (window.last = scrollY) && led;
}"""

# The lines that each text in the element takes, by their tops.
LINES = """element => [...element.childNodes].filter((node) => node.data?.trim()).map((text) => {
  const range = document.createRange();
  range.selectNodeContents(text);
  return [...range.getClientRects()].map(({ top }) => top);
})"""

LOSE_THE_LIST = """
document.querySelector("[data-key-list]").replaceChildren();
const detail = { merged: [], reset: true };
document.querySelector("[data-stream]").dispatchEvent(new CustomEvent("merged", { detail }));
"""


def write(stack, blog, code):
    """Run Python with `blog`, `post(body, …)`, `rows` and `transaction`."""
    return stack.shell(
        "from django.db import transaction\n"
        "from liveblog.models import BlogUpdate, LiveBlog\n"
        f"blog = LiveBlog.objects.get(slug={blog!r})\n"
        "rows = BlogUpdate.objects.filter(blog=blog)\n"
        "post = lambda body, **more: BlogUpdate.objects.create(blog=blog, body=body, **more)\n"
        f"{code}"
    )


def address(stack, blog):
    return f"http://{stack.address}/liveblog/{blog}/"


def look(page):
    """What a browser says when somebody comes back to the tab."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def top_of(article):
    return article.bounding_box()["y"]


def choose(page, current, order):
    page.locator("summary", has_text=current).click()
    page.get_by_role("link", name=order).click()


def test_the_coverage_ends_and_begins_anew(stack, blog, page):
    # No timer runs, so that a socket or a poll that takes its time is not tried again.
    page.clock.install()
    page.clock.pause_at(datetime.now() + timedelta(hours=1))
    sockets, polls = [], []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.on("request", lambda request: "updates.json" in request.url and polls.append(request.url))
    open_live(page, stack, blog)
    write(stack, blog, "post('The last words'); blog.state = 'ended'; blog.save()")
    expect(connection(page)).to_have_text("All updates loaded")
    expect(page.locator("[data-blog=state]")).to_have_text("Coverage ended")
    expect(updates(page)).to_contain_text("The last words")
    assert (len(sockets), polls) == (1, [])
    page.goto(f"{address(stack, blog)}?order=newest")  # it is opened later, under a new address
    expect(connection(page)).to_have_text("All updates loaded")
    assert (len(sockets), len(polls)) == (1, 1)
    page.evaluate("window.sameDocument = true")
    write(stack, blog, "blog.state = 'live'; blog.save()")
    look(page)
    expect(connection(page)).to_have_text("Live")
    assert (len(sockets), len(polls)) == (2, 2)
    write(stack, blog, "post('And on it goes')")
    expect(updates(page).first).to_contain_text("And on it goes")
    assert not was_reloaded(page)


def test_the_order_is_remembered_and_new_posts_wait_below(stack, blog, page):
    write(stack, blog, "[post(f'Post {n}') for n in range(20)]")
    open_live(page, stack, blog)
    choose(page, "Newest", "Oldest first")
    expect(updates(page).first).to_contain_text("Post 0")
    page.goto(address(stack, blog))
    expect(page).to_have_url(re.compile("order=oldest$"))
    expect(connection(page)).to_have_text("Live")
    write(stack, blog, "post('News')")
    jump = page.locator("[data-jump]")
    expect(jump).to_have_text("1 new update")
    expect(page.get_by_text("News")).not_to_be_in_viewport()
    jump.click()
    expect(updates(page).last).to_be_in_viewport()
    expect(updates(page).last).to_contain_text("News")
    expect(jump).to_be_hidden()
    # An address that names a post is what somebody wants to see.
    page.goto(f"{address(stack, blog)}#{updates(page).first.get_attribute('id')}")
    assert "order" not in page.url
    page.goto(f"{address(stack, blog)}?order=oldest")
    choose(page, "Oldest", "Newest first")
    page.goto(address(stack, blog))
    expect(updates(page).first).to_contain_text("News")
    assert "order" not in page.url


OLD = """
from datetime import UTC, datetime
with transaction.atomic():
    for n in range(120):
        post(f"Post {n}.", created=datetime(2026, 1, 1 + n // 30, 12, n % 60, tzinfo=UTC))
print(rows.get(body="Post 40.").pk)
"""


def test_older_posts_are_loaded_below_and_followed_like_all_others(stack, blog, page):
    pk = write(stack, blog, OLD).strip()
    open_live(page, stack, blog)
    days = page.locator(".day")
    expect(days).to_have_text(["Sunday, January 4, 2026", "Saturday, January 3, 2026"])
    older = page.get_by_role("link", name="Older updates")
    # What changes while the older page is on its way is neither lost nor overwritten.
    page.route("**/*before=*", lambda route: late(route, stack, blog, pk))
    older.click()
    expect(updates(page)).to_have_count(100)
    expect(updates(page).nth(50)).to_be_focused()
    expect(page.locator(f"#update-{pk}")).to_contain_text("Changed meanwhile")
    expect(days).to_have_count(4)
    page.unroute("**/*before=*")
    older.click()
    expect(updates(page)).to_have_count(120)
    expect(older).to_be_hidden()
    write(stack, blog, "rows.get(body='Post 0.').delete(); post('News of another day')")
    expect(updates(page)).to_have_count(120)
    expect(updates(page).first).to_contain_text("News of another day")
    expect(updates(page).last).to_contain_text("Post 1.")
    expect(days).to_have_count(5)
    assert not was_reloaded(page)
    # Back from another page, they are there again, and the reader is where they were.
    reading = page.locator(f"#update-{pk}")
    reading.evaluate("row => row.scrollIntoView({ block: 'center', behavior: 'instant' })")
    top = reading.bounding_box()["y"]
    write(stack, blog, "post('News during the absence')")
    reading.locator("[data-part=permalink]").click()
    expect(updates(page)).to_have_count(1)
    page.go_back()
    expect(reading).to_be_in_viewport()
    page.wait_for_function(
        "([id, top]) => Math.abs(document.getElementById(id).getBoundingClientRect().y - top) < 2",
        arg=[f"update-{pk}", top],
    )
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    page.wait_for_function("() => !history.state.older.id")
    write(stack, blog, "post('The newest')")
    page.reload()
    expect(updates(page).first).to_contain_text("The newest")
    assert page.evaluate("scrollY") == 0


def late(route, stack, blog, pk):
    """Answer with the older page as it was before a row on it changed."""
    answer = route.fetch()
    write(stack, blog, f"row = rows.get(pk={pk}); row.body = 'Changed meanwhile'; row.save()")
    route.fulfill(response=answer)


def test_days_are_those_of_the_reader(stack, blog, browser):
    at = "datetime(2027, 1, 1, 23, 30, tzinfo=UTC)"
    write(stack, blog, f"from datetime import UTC, datetime; post('Late', created={at})")
    with browser.new_context(timezone_id="Europe/Berlin", locale="en") as context:
        page = context.new_page()
        page.goto(address(stack, blog))
        expect(page.locator(".day")).to_have_text("Saturday, January 2, 2027")
        expect(page.locator("article time").first).to_have_text(re.compile("^00:30"))


def test_the_tab_counts_what_nobody_has_seen(stack, blog, page):
    write(stack, blog, "[post(f'Post {n}') for n in range(20)]")
    open_live(page, stack, blog)
    expect(page).to_have_title("To the Moon")
    page.evaluate("scrollTo({ top: 900, behavior: 'instant' })")
    write(stack, blog, "post('One'); post('Two')")
    expect(page).to_have_title("(2) To the Moon")
    write(stack, blog, "blog.title = 'To Mars'; blog.save()")
    expect(page).to_have_title("(2) To Mars")
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    expect(page).to_have_title("To Mars")


SHARING = """
window.shared = [];
navigator.share = async (what) => void shared.push(what);
Object.defineProperty(navigator, "clipboard", { value: {
  writeText: async (text) => void shared.push(text),
} });
"""


def test_a_post_is_shared_by_its_menu(stack, blog, page):
    page.add_init_script(SHARING)
    pk = write(stack, blog, "post('Another'); print(post('Hello', headline='Lift-off').pk)").strip()
    open_live(page, stack, blog)
    link = f"{address(stack, blog)}{pk}/"
    updates(page).first.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status").filter(has_text="Link copied")).to_be_attached()
    assert page.evaluate("shared") == [link]
    page.keyboard.press("Escape")
    expect(page.locator("#share-menu")).to_be_hidden()
    page.goto(link)
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Share…").click()
    assert page.evaluate("shared") == [{"title": "Lift-off · To the Moon", "url": link}]
    # On a phone it is beside the marks of an old, pinned key event, not on them.
    page.set_viewport_size({"width": 390, "height": 740})
    old = "created=datetime(2020, 1, 1, 20, 17, tzinfo=UTC), pinned=True, key_event=True"
    write(stack, blog, f"from datetime import UTC, datetime; post('Old', {old})")
    open_live(page, stack, blog)
    mark, button = updates(page).first.locator(".mark-key"), page.locator(".share").first
    right = mark.evaluate("mark => mark.getBoundingClientRect().right")
    assert right <= button.bounding_box()["x"] + 8  # px around its picture


def test_the_key_events_follow_and_jump(stack, blog, page):
    ids = write(stack, blog, "print(*[post(f'Post {n}').pk for n in range(60)])").split()
    long = "Descent " * 9 + "continues. " + "月" * 80
    write(stack, blog, f"late = rows.get(pk={ids[1]}); late.body = '{long}'; late.save()")
    open_live(page, stack, blog)
    events = page.get_by_role("navigation", name="Key events").locator("li")
    expect(events).to_have_count(0)
    write(
        stack,
        blog,
        f"old = rows.get(pk={ids[0]}); old.key_event = True; old.save()\n"
        f"near = rows.get(pk={ids[20]}); near.key_event, near.headline = True, 'Near'; near.save()",
    )
    expect(events.locator("span")).to_have_text(["Near", "Post 0"])
    page.evaluate(LOSE_THE_LIST)  # who has missed too much takes it anew from the server
    expect(events.locator("span")).to_have_text(["Near", "Post 0"])
    events.first.get_by_role("link").click()
    expect(updates(page).filter(has_text="Near")).to_be_in_viewport()
    assert not was_reloaded(page)
    write(stack, blog, f"near = rows.get(pk={ids[20]}); near.key_event = False; near.save()")
    expect(events.locator("span")).to_have_text(["Post 0"])
    write(stack, blog, f"late = rows.get(pk={ids[1]}); late.key_event = True; late.save()")
    whole_words = "Descent " * 8 + "Descent…"
    expect(events.locator("span")).to_have_text([whole_words, "Post 0"])
    page.reload()
    expect(events.locator("span")).to_have_text([whole_words, "Post 0"])
    events.last.get_by_role("link").click()  # it stands on an older page
    expect(page.locator(f"#update-{ids[0]}")).to_be_in_viewport()
    assert "before=" in page.url


def test_nothing_shifts_and_the_focus_stays(stack, blog, page):
    page.add_init_script(SHIFTS)
    write(stack, blog, "[post(f'Post {n}\\n\\nMore', headline='H') for n in range(15)]")
    open_live(page, stack, blog)
    write(stack, blog, "with transaction.atomic(): [post(f'Tall\\n\\n' * 4) for n in range(3)]")
    expect(updates(page).first).to_contain_text("Tall")
    expect(updates(page).first).to_be_in_viewport()
    expect(page.locator("[data-summary]")).to_have_text("3 new updates")
    page.keyboard.press("j")
    expect(updates(page).first).to_be_focused()
    for _ in range(5):
        page.keyboard.press("j")
    page.keyboard.press("k")
    focused = updates(page).nth(4)
    expect(focused).to_be_focused()
    page.wait_for_function(AT_REST)
    mark = focused.get_attribute("id")
    place = top_of(focused)
    write(stack, blog, "post('Above'); row = rows.get(body__startswith='Post 14'); row.delete()")
    expect(page.locator("[data-jump]")).to_have_text("1 new update")
    # The one that was read is gone, or it has kept its place.
    expect(page.locator("article:focus")).to_have_count(1)
    kept = page.locator(f"#{mark}")
    if kept.count():
        assert abs(top_of(kept) - place) <= 1
    page.keyboard.press("n")
    expect(page.get_by_text("Above")).to_be_in_viewport()
    assert page.evaluate("window.shifted") < 0.1
    assert not was_reloaded(page)


def test_times_say_how_long_ago_and_tick(stack, blog, page):
    page.clock.install()
    pk = write(stack, blog, "print(post('Hello').pk)").strip()
    page.goto(f"{address(stack, blog)}{pk}/")
    time = page.locator("time").first
    page.clock.fast_forward("10:00")
    expect(time).to_have_text(re.compile(r"^\d\d:\d\d · 1\d min\. ago$"))
    expect(time).to_have_attribute("title", re.compile(r"20\d\d at \d+:\d\d:\d\d"))
    page.emulate_media(media="print")
    expect(time).to_have_text(re.compile(r"^\d\d:\d\d · \w+.\d+"))  # on paper "ago" says nothing
    page.emulate_media(media="screen")
    expect(time).to_have_text(re.compile(r"^\d\d:\d\d · 1\d min\. ago$"))
    page.clock.fast_forward("30:00:00")
    expect(time).to_have_text(re.compile(r"^\d\d:\d\d · \w+.\d+"))


@pytest.mark.parametrize(
    ("options", "date"),
    [
        ({"locale": "en"}, "Dec.20,.1969"),  # spaces that do not break
        ({"locale": "zh-CN"}, "1969年12月20日"),
        ({"java_script_enabled": False}, "Dec 20 UTC"),
    ],
)
def test_a_date_beside_a_post_stands_whole_below_its_time(stack, blog, browser, options, date):
    at = "datetime(1969, 12, 20, 20, 17, tzinfo=UTC)"
    write(stack, blog, f"from datetime import UTC, datetime; post('Long ago', created={at})")
    wide = {"width": 1000, "height": 700}
    with browser.new_context(timezone_id="UTC", viewport=wide, **options) as context:
        page = context.new_page()
        page.goto(address(stack, blog))
        time = page.locator("article time").first
        expect(time).to_have_text(re.compile(f"^20:17 · {date}$"))
        expect(time.locator(".time-dot")).to_be_hidden()
        (hour,), (day,) = time.evaluate(LINES)
        assert hour < day
        page.set_viewport_size({"width": 360, "height": 700})
        expect(time.locator(".time-dot")).to_be_visible()
        hour, day = time.evaluate(LINES)
        assert hour == day and len(day) == 1


@pytest.mark.parametrize("context_options", [PHONE], ids=["phone"])
def test_what_is_known_follows_and_a_phone_shows_its_beginning(stack, blog, page, browser):
    open_live(page, stack, blog)
    known = page.get_by_role("region", name="What we know")
    expect(known).to_be_hidden()
    lines = "'\\n'.join(f'- Fact {n}' for n in range(20))"
    write(stack, blog, f"blog.summary = {lines}; blog.save()")
    expect(known).to_contain_text("Fact 19")
    height = "element => element.offsetHeight"
    short = known.evaluate(height)
    known.get_by_text("Show all").click()
    assert known.evaluate(height) > 2 * short
    write(stack, blog, "blog.summary = 'One **fact**'; blog.save()")
    expect(known.locator("strong")).to_have_text("fact")
    write(stack, blog, "blog.summary = ''; blog.save()")
    expect(known).to_be_hidden()
    assert not was_reloaded(page)
    write(stack, blog, f"blog.summary = {lines}; blog.save()")
    with browser.new_context(**PHONE, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address(stack, blog))
        known = page.get_by_role("region", name="What we know")
        assert known.bounding_box()["height"] < 300
        known.get_by_text("Show all").click()
        assert known.bounding_box()["height"] > 500
