"""Cards of links in a real browser behind nginx: consent, the policy, live arrival, no script."""

import re
from html import escape

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import connection, open_live
from tests.e2e.test_reader_page import SHIFTS
from tests.liveblog.third_party import other_site

VIDEO = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
FRAME = "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?autoplay=1&rel=0"
SENTENCE = (
    "A click loads this from YouTube, which then receives your IP address and may set cookies."
)
FRAME_OF_ANY_SITE = """() => {
  const frame = document.createElement("iframe");
  frame.src = "https://elsewhere.example/";
  document.body.append(frame);
}"""


@pytest.fixture
def update(stack, blog):
    """The id of an update with a video. Nothing is fetched for it, now or after a change."""
    return stack.shell(
        "from django.conf import settings\n"
        "from liveblog.models import BlogUpdate, LinkCardRequest, LiveBlog\n"
        "settings.LINK_CARDS = False\n"
        f"blog = LiveBlog.objects.get(slug={blog!r})\n"
        f"row = BlogUpdate.objects.create(blog=blog, body='Watch:\\n\\n{VIDEO}\\n\\nMore')\n"
        f"LinkCardRequest.objects.create(update=row, address={VIDEO!r}, due=None)\n"
        "print(row.pk)"
    ).strip()


@pytest.fixture
def third_parties(page):
    """What the page requests from other sites; they answer with their own address."""
    requested = []

    def note(request):
        if not request.url.startswith(("http://127.0.0.1:", "http://localhost:", "data:")):
            requested.append(request.url)

    def answer(route):
        body = f"<title>A player</title><p>This is {escape(route.request.url)}"
        route.fulfill(content_type="text/html", body=body)

    page.on("request", note)
    page.route(re.compile("^https:"), answer)
    return requested


def size(element):
    box = element.bounding_box()
    return box["width"], box["height"]


@pytest.mark.parametrize("path", ["", "{update}/", "embed/"])
def test_a_click_loads_the_frame_and_nothing_does_before(
    nginx, blog, update, page, third_parties, path
):
    page.add_init_script(SHIFTS)
    page.goto(f"http://{nginx.address}/liveblog/{blog}/{path.format(update=update)}")
    card = page.locator(".link-card")
    expect(card.locator(".link-card-says")).to_have_text(SENTENCE)
    expect(card.get_by_role("link")).to_have_accessible_description(SENTENCE)
    before = size(card)
    assert page.evaluate("window.shifted") == 0
    assert third_parties == []
    card.get_by_role("link").click()
    words = page.frame_locator(".link-card iframe").locator("p")
    expect(words).to_have_text(f"This is {FRAME}")
    assert third_parties == [FRAME]
    assert size(card) == before
    expect(page.locator(".link-card iframe")).to_have_attribute("referrerpolicy", "strict-origin")
    expect(card.get_by_role("link")).to_have_attribute("href", VIDEO)


def test_the_policy_admits_no_other_frame(nginx, blog, update, page, third_parties, errors):
    page.goto(f"http://{nginx.address}/liveblog/{blog}/")
    with page.expect_console_message(lambda line: "frame-src" in line.text):
        page.evaluate(FRAME_OF_ANY_SITE)
    assert third_parties == []
    page.goto(f"http://{nginx.address}/")
    with page.expect_console_message(lambda line: "frame-src 'self'\"" in line.text):
        page.evaluate(FRAME_OF_ANY_SITE.replace("elsewhere.example", "www.youtube-nocookie.com"))
    assert third_parties == []
    errors.clear()


def test_an_open_page_receives_the_card_and_shows_no_edit(stack, blog, page):
    open_live(page, stack, blog)
    with other_site() as site:
        stack.shell(
            "from liveblog.models import BlogUpdate, LiveBlog\n"
            f"blog = LiveBlog.objects.get(slug={blog!r})\n"
            f"BlogUpdate.objects.create(blog=blog, body={site.has('/')!r})"
        )
        expect(page.locator(".link-card b")).to_have_text("Landing site & rocks")
    expect(page.locator(".link-card")).to_have_css("border-top-width", "1px")  # its style came
    expect(page.locator(".edited")).to_be_hidden()
    expect(connection(page)).to_have_text("Live")


def test_a_player_stays_when_something_else_of_the_update_changes(
    stack, blog, update, page, third_parties
):
    open_live(page, stack, blog)
    page.locator(".link-card.is-explained a").click()
    expect(page.frame_locator(".link-card iframe").locator("p")).to_be_visible()
    for change in ("key_event=True", "correction='It was Tuesday.'"):
        stack.shell(
            "from liveblog.models import BlogUpdate\n"
            f"BlogUpdate.objects.filter(pk={update}).update({change})"
        )
    expect(page.locator(".correction")).to_contain_text("Tuesday")
    expect(page.locator(".mark-key")).to_be_visible()
    expect(page.locator(".link-card iframe")).to_have_count(1)
    assert third_parties == [FRAME]


def test_a_player_stays_when_the_details_of_its_card_or_another_text_arrive(
    stack, blog, update, page, third_parties
):
    open_live(page, stack, blog)
    page.locator(".link-card.is-explained a").click()
    expect(page.frame_locator(".link-card iframe").locator("p")).to_be_visible()
    card = {"title": "Landing", "author": "Ann", "site": "", "text": "", "picture": ""}
    cards = {VIDEO: card | {"resolved": ""}}
    body = f"Look at this:\n\n{VIDEO}\n\nEnd."
    for change in (f"link_cards={cards!r}", f"body={body!r}"):
        stack.shell(
            "from liveblog.models import BlogUpdate\n"
            f"BlogUpdate.objects.filter(pk={update}).update({change})"
        )
    content = page.locator("[data-part=content]")
    expect(content.locator("> p")).to_have_text(["Look at this:", "End."])
    expect(page.locator(".link-card b")).to_have_text("Landing")
    expect(page.locator(".link-card iframe")).to_have_attribute("title", "YouTube: Landing")
    assert third_parties == [FRAME]
    # Without the link its player is gone.
    stack.shell(
        "from liveblog.models import BlogUpdate\n"
        f"BlogUpdate.objects.filter(pk={update}).update(body='Removed.')"
    )
    expect(content).to_have_text("Removed.")
    expect(page.locator(".link-card iframe")).to_have_count(0)


@pytest.mark.parametrize("context_options", [{"java_script_enabled": False}])
def test_without_scripts_a_card_is_a_link(stack, blog, update, page):
    page.goto(f"http://{stack.address}/liveblog/{blog}/")
    expect(page.locator(".link-card a")).to_have_attribute("href", VIDEO)
    assert page.locator(".link-card").bounding_box()["height"] > 200
    assert page.locator(".link-card iframe, .link-card-says").count() == 0
