"""Real Chromium, and what people do in it: read, log in, write."""

import shutil
from contextlib import contextmanager

from harness.waiting import PATIENCE
from playwright.sync_api import expect, sync_playwright

ARGUMENTS = (
    "--no-sandbox",  # Chromium refuses to run as root without it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True}
PASSWORD = "over the moon"


def chromium():
    found = shutil.which("chromium")
    assert found, "There is no chromium; install it: apt-get install chromium"
    return found


@contextmanager
def open_browser(*more_arguments):
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(),
            args=[*ARGUMENTS, *more_arguments],
            timeout=PATIENCE * 1000,
        )
        browser.on("context", lambda context: context.set_default_timeout(PATIENCE * 1000))
        yield browser
        browser.close()


def watch(page, errors):
    """Note what the page's console and scripts complain of."""
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))


def post(stack, blog, *arguments):
    stack.post(blog, *arguments)


# Readers


def open_live(page, stack, blog):
    """Open the reader's page and wait for its socket; mark it, to notice a reload."""
    page.goto(f"http://{stack.address}/liveblog/{blog}/")
    expect(connection(page)).to_have_text("Live")
    page.evaluate("window.sameDocument = true")


def was_reloaded(page):
    return not page.evaluate("window.sameDocument")


def connection(page):
    return page.locator("[data-status]")


def updates(page):
    return page.locator("article.update")


def contents(page):
    return updates(page).locator("[data-part=content]")


# Editors


def log_in(page, name):
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def text_field(page):
    return page.get_by_label("Text", exact=True)


def publish(page):
    page.get_by_role("button", name="Publish", exact=True).click()


def sending(page):
    return page.locator("[data-composer] [data-sending]")


def open_tab(page, name):
    """Open a list beside the composer; returns its rows."""
    page.locator(f"[data-tab={name}]").click()
    return rows(page, name)


def rows(page, name):
    """The rows of a list beside the composer, such as `drafts`."""
    return page.locator(f"[data-panel={name}] .row")


def tab_count(page, name):
    return page.locator(f"[data-tab={name}] .tab-count")


def press_in_menu(update, name):
    """Open the menu of an update, and press the button."""
    update.locator(".menu summary").click()
    update.get_by_role("button", name=name, exact=True).click()


def bodies(stack, blog):
    """The texts of all updates that the database has, tombstones and drafts included."""
    return stack.shell(
        "from liveblog.models import BlogUpdate;"
        f"rows = BlogUpdate.objects.filter(blog__slug={blog!r}).order_by('pk');"
        "print('|'.join(rows.values_list('body', flat=True)))"
    ).strip()
