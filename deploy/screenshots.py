"""Takes the screenshots in docs/ of the running product: `make screenshots`.

It starts the product like the tests, and replays the bundled coverage into a blog, each update at
the time when it happened, until shortly after the first step on the Moon. The last updates reach
pages that are open already, two of them editors'.
"""

from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Page, expect

from tests.e2e.browsing import PASSWORD, connection, log_in, open_browser, text_field
from tests.e2e.stack import Stack

DOCS = Path(__file__).resolve().parent.parent / "docs"
PLAY = """
from datetime import UTC, datetime, timedelta
from liveblog.demo.player import Player
from liveblog.demo.steps import load
from liveblog.management.commands.replay import get_or_make_blog
from liveblog.models import BlogUpdate

first = datetime(1969, 7, 20, 17, 40, tzinfo=UTC)
player = Player(get_or_make_blog("apollo-11"))
keys = [step.key for step in load()]
for step in load()[keys.index(FROM) : keys.index(TO)]:
    player.play(step)
    name = {"create": "created", "change": "edited"}.get(step.action)
    if name:
        row = BlogUpdate.objects.filter(pk=player.ids[step.key])
        row.update(**{name: first + timedelta(seconds=step.at)})
"""
EDITORS = f"""
from django.contrib.auth.models import User
for first, last in ("Marta", "Lindqvist"), ("Tom", "Okafor"):
    User.objects.create_superuser(
        first.lower(), password={PASSWORD!r}, first_name=first, last_name=last
    )
"""
READER, EDITOR = "/liveblog/apollo-11/", "/liveblog/apollo-11/edit/"
# Options of playwright's new_context().
DESKTOP: dict[str, Any] = {"viewport": {"width": 1180, "height": 1180}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True}
DARK = {"color_scheme": "dark"}
COMMON = {
    "device_scale_factor": 2,
    "timezone_id": "UTC",
    "locale": "en",
    "reduced_motion": "reduce",  # or a list could be on its way to its new place
}


class Screen(NamedTuple):
    """A page, and the options of the browser that shows it."""

    path: str
    options: dict[str, Any]


SCREENS = {
    "reader.png": Screen(READER, DESKTOP),
    "reader-dark.png": Screen(READER, DESKTOP | DARK),
    "reader-phone.png": Screen(READER, PHONE),
    "editor.png": Screen(EDITOR, DESKTOP),
    "editor-phone.png": Screen(EDITOR, PHONE),
    "try.png": Screen("/try/", DESKTOP | {"viewport": {"width": 1180, "height": 960}}),
}


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    with Stack(EXAMPLES="1") as stack, open_browser() as browser:
        stack.shell(EDITORS + "FROM, TO = 'welcome', 'charcoal'" + PLAY)
        pages = {}
        for name, screen in SCREENS.items():
            pages[name] = browser.new_context(**COMMON | screen.options).new_page()
            pages[name].goto(f"http://{stack.address}{screen.path}")
            PREPARE[name](pages[name])
        stack.shell("FROM, TO = 'charcoal', 'crater'" + PLAY)
        for name, page in pages.items():
            if name != "try.png":
                expect(page.get_by_text("like powdered charcoal")).to_be_attached()
            page.screenshot(path=DOCS / name, animations="disabled")
            print(f"docs/{name}")


def read(page: Page) -> None:
    expect(connection(page)).to_have_text("Live")


def write(page: Page) -> None:
    log_in(page, "marta")
    read(page)
    page.get_by_label("Headline").fill("Two on the Moon")
    text_field(page).fill(
        "**Buzz Aldrin** is on the ladder. Armstrong warns him about the last step:\n\n"
        "> About a three-footer."
    )


def correct(page: Page) -> None:
    log_in(page, "tom")
    read(page)
    page.locator("article", has_text="FIRST STEP").get_by_role("link", name="Edit").click()
    read(page)


def talk(page: Page) -> None:
    page.get_by_role("button", name="Chat A moderated").click()
    expect(connection(page)).to_have_text("Connected")
    for frame in ('{"message": "Good morning"}', '{"message": 11}'):
        page.get_by_label("Frame to send").fill(frame)
        page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("[data-log]")).to_contain_text("bad_message")


PREPARE = dict.fromkeys(SCREENS, read) | {
    "editor.png": write,
    "editor-phone.png": correct,
    "try.png": talk,
}


if __name__ == "__main__":
    main()
