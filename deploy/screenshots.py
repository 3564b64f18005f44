"""Takes the pictures of docs/ from the running product: `.venv/bin/python -m deploy.screenshots`.

It starts the product as the tests do and plays the bundled coverage into a blog, each update at the
time when it happened, until shortly after the first step on the Moon. The last update reaches pages
that are open. `make test` installs what it needs.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.e2e.stack import Stack

DOCS = Path(__file__).resolve().parent.parent / "docs"
PLAY = """
from datetime import UTC, datetime, timedelta
from liveblog.coverage.player import Player
from liveblog.coverage.steps import load
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
SCREENS = {
    "reader.png": {"viewport": {"width": 1000, "height": 1180}},
    "reader-phone.png": {"viewport": {"width": 390, "height": 844}, "is_mobile": True},
}


def main():
    chromium = shutil.which("chromium")
    if not chromium:
        return "There is no chromium; install it: apt-get install chromium"
    DOCS.mkdir(exist_ok=True)
    with Stack() as stack, sync_playwright() as playwright:
        stack.shell("FROM, TO = 'welcome', 'charcoal'" + PLAY)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        pages = {}
        for name, screen in SCREENS.items():
            options = {"device_scale_factor": 2, "timezone_id": "UTC", "locale": "en"} | screen
            pages[name] = browser.new_context(**options).new_page()
            pages[name].goto(f"http://{stack.address}/liveblog/apollo-11/")
            expect(pages[name].locator("[data-status]")).to_have_text("Live")
        stack.shell("FROM, TO = 'charcoal', 'crater'" + PLAY)
        for name, page in pages.items():
            expect(page.get_by_text("like powdered charcoal")).to_be_visible(timeout=30_000)
            page.screenshot(path=DOCS / name, animations="disabled")
            print(f"docs/{name}")
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
