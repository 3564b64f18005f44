"""Row 51: previews of hostile text keep nobody else from the site."""

import threading
import time

from harness.waiting import wait_until
from playwright.sync_api import Page, expect

from tests.e2e.stack import Stack
from tests.e2e.test_writes import USER, Editor

PREVIEWS = 6  # more than there are workers
SERVED_WITHIN = 10.0  # s for a reader's page on a busy machine; the previews once took minutes
LISTS = "- [ ] Buy **milk**\n- [x] Land\n\n| a | b |\n|--:|:-:|\n| 1 | 2 |\n\n# One\n\n## Two"

TOO_FAST = {"type": "error", "code": "too_fast", "message": "Too many requests."}


def test_row_51_previews_of_hostile_text_keep_no_reader_waiting(stack: Stack, blog: str) -> None:
    stack.shell(USER)
    editor = Editor(stack, blog)
    address = f"http://{stack.address}/liveblog/{blog}/preview/"
    statuses: list[int] = []

    def preview(number: int) -> None:
        body = f"{number} {'://' * 6600}"
        statuses.append(editor.send({"body": body}, address)[0])

    threads = [threading.Thread(target=preview, args=[n]) for n in range(PREVIEWS)]
    for thread in threads:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in threads) or not waits:
        begun = time.monotonic()
        stack.get(f"/liveblog/{blog}/?{begun}").read()
        waits.append(time.monotonic() - begun)
    assert statuses == [200] * PREVIEWS
    assert max(waits) < SERVED_WITHIN


def test_lists_of_tasks_and_tables_look_as_they_were_written(desk: Page) -> None:
    desk.get_by_role("button", name="Preview").click()
    desk.get_by_label("Text").fill(LISTS)
    preview = desk.locator("[data-preview-content]")
    milk = preview.get_by_role("checkbox", name="Buy milk")
    expect(milk).not_to_be_checked()
    expect(milk).to_be_disabled()
    expect(preview.get_by_role("checkbox", name="Land")).to_be_checked()
    for name, alignment in (("1", "right"), ("2", "center")):
        cell = preview.get_by_role("cell", name=name, exact=True)
        found = cell.evaluate("cell => getComputedStyle(cell).textAlign")
        assert found in (alignment, {"right": "end"}.get(alignment))
    expect(preview.get_by_role("heading", name="One", level=3)).to_be_visible()
    expect(preview.get_by_role("heading", name="Two", level=4)).to_be_visible()


def test_a_preview_that_came_too_often_is_asked_for_again(desk: Page, errors: list[str]) -> None:
    asked = []

    def answer(route) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.fulfill(status=429, headers={"Retry-After": "1"}, json=TOO_FAST)

    desk.route("**/preview/", answer)
    desk.get_by_label("Text").fill("**Landed**")
    desk.get_by_role("button", name="Preview").click()
    preview = desk.locator("[data-preview]")
    expect(preview.get_by_role("status")).to_have_text(TOO_FAST["message"])
    wait_until(lambda: desk.wait_for_timeout(20) or len(asked) == 2, "the second request")
    asked[1].continue_()
    expect(preview.locator("strong")).to_have_text("Landed")
    expect(preview.get_by_role("status")).to_have_text("")
    assert len(asked) == 2
    errors.clear()  # the console names each answer that is no 200
