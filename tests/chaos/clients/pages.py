"""Readers' pages in a real Chromium."""

from typing import Any, Self

from harness.waiting import PATIENCE
from playwright.sync_api import sync_playwright

from tests.e2e.browsing import ARGUMENTS, chromium

LOOK = """() => ({
    marked: window.sameDocument === true,
    title: document.querySelector("h1[data-blog=title]").textContent,
    status: document.querySelector("[data-status]").dataset.status,
    floor: Number(document.querySelector("[data-older]:not([hidden]) a")
        ?.getAttribute("href").match(/before=(\\d+)/)?.[1] ?? 0),
    rows: [...document.querySelectorAll("[data-list] article.update")].map((article) => [
        Number(article.dataset.id),
        Number(article.dataset.revision),
        "pinned" in article.dataset,
        article.querySelector("[data-part=content]").textContent.trim(),
    ]),
})"""


class Pages:
    """A context manager: `count` open pages of the address, for use by a single thread."""

    def __init__(self, address: str, count: int) -> None:
        self.address, self.count = address, count

    def __enter__(self) -> Self:
        self.playwright = sync_playwright().start()
        self.browser = self.playwright.chromium.launch(
            executable_path=chromium(), args=list(ARGUMENTS), timeout=PATIENCE * 1000
        )
        self.pages = []
        for _ in range(self.count):
            page = self.browser.new_context().new_page()
            page.set_default_timeout(PATIENCE * 1000)
            page.goto(self.address)
            page.evaluate("window.sameDocument = true")
            self.pages.append(page)
        return self

    def __exit__(self, *_: object) -> None:
        self.browser.close()
        self.playwright.stop()

    def sleep(self, asleep: bool) -> None:
        """Freeze the first page, as a closed laptop does (no timers, no network), or wake it."""
        page = self.pages[0]
        session = page.context.new_cdp_session(page)
        if asleep:
            page.context.set_offline(True)
            session.send("Page.setWebLifecycleState", {"state": "frozen"})
        else:
            session.send("Page.setWebLifecycleState", {"state": "active"})
            page.context.set_offline(False)
        session.detach()

    def differences(self, expected: dict[str, Any]) -> list[str]:
        """A sentence for each page that differs from the database."""
        found = []
        for number, page in enumerate(self.pages):
            if reason := difference(page.evaluate(LOOK), expected):
                found.append(f"Chromium page {number}: {reason}")
        return found


def difference(seen: dict[str, Any], expected: dict[str, Any]) -> str | None:
    assert seen["marked"], "a Chromium page was reloaded"
    if seen["title"] != expected["title"]:
        return f"title {seen['title']!r}, not {expected['title']!r}"
    floor = expected["created"].get(seen["floor"], ""), seen["floor"]
    wanted = [
        [row["id"], row["revision"], row["pinned"], row["text"]]
        for row in expected["rows"]
        if row["pinned"] or (row["created"], row["id"]) >= floor
    ]
    if seen["rows"] != wanted:
        odd = [row for row in seen["rows"] if row not in wanted][:2]
        lost = [row for row in wanted if row not in seen["rows"]][:2]
        return f"{seen['status']}, shows {odd} that it should not, and lacks {lost}"
    return None
