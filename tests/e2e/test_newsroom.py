"""Two editors, a contributor and a reader at once, each in a browser of their own."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import (
    PASSWORD,
    bodies,
    contents,
    log_in,
    open_tab,
    post,
    press_in_menu,
    publish,
    rows,
    sending,
    tab_count,
    text_field,
    updates,
    watch,
)

PEOPLE = {"Ann": "editor", "Bo": "editor", "Cleo": "contributor"}


@pytest.fixture
def newsroom(stack, blog, browser):
    """open(name) -> the editor's page of that person; None: the reader's page."""
    stack.shell(
        "from django.contrib.auth.models import Group, User\n"
        f"for name, group in {PEOPLE!r}.items():\n"
        f"    user = User.objects.create_user(name + {blog!r}, first_name=name,\n"
        f"        password={PASSWORD!r})\n"
        "    user.groups.add(Group.objects.get(name=group))"
    )
    contexts, errors = [], []

    def open(name=None):
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        watch(page, errors)
        address = f"http://{stack.address}/liveblog/{blog}/" + ("edit/" if name else "")
        page.goto(address)
        if name:
            log_in(page, name + blog)
            page.wait_for_url(address)
        expect(page.locator("[data-status]")).to_have_text("Live")
        return page

    yield open
    for context in contexts:
        context.close()
    assert errors == []


def also_here(page):
    return page.locator("[data-presence]")


def test_a_contributor_writes_an_editor_publishes_and_all_see_who_is_there(stack, blog, newsroom):
    post(stack, blog, "The first text", "--headline", "First step")
    reader, ann, bo, cleo = newsroom(), newsroom("Ann"), newsroom("Bo"), newsroom("Cleo")
    expect(also_here(ann)).to_have_text("Also here: Bo and Cleo")
    text_field(cleo).fill("Half a thought")
    expect(also_here(ann)).to_have_text("Also here: Bo and Cleo (writing a new update)")
    for page in (reader.locator("[data-readers]"), ann.locator("[data-desk-readers]")):
        expect(page).to_have_text("1 reader")  # editors are none
    expect(ann.get_by_role("button", name="Publish", exact=True)).to_be_in_viewport(ratio=1)
    expect(cleo.get_by_role("button", name="Publish", exact=True)).to_have_count(0)
    cleo.get_by_role("button", name="Submit for review").click()
    expect(sending(cleo)).to_contain_text("An editor will review it.")

    # Without a reload, the editors see that it waits; one opens it, the other sees that.
    for page in (ann, bo):
        expect(page.get_by_role("link", name="Review 1")).to_be_visible()
        expect(open_tab(page, "review")).to_contain_text("Awaiting review")
    # Returned with a note, it is announced to its author, who submits it again.
    notes = bo.context.new_page()
    link = rows(bo, "review").get_by_role("link", name="Notes")
    notes.goto(f"http://{stack.address}{link.get_attribute('href')}")
    notes.get_by_role("textbox", name="Note").fill("Which half?")
    notes.get_by_role("button", name="Return to the author").click()
    expect(cleo.locator("[data-toast]")).to_contain_text("1 draft was returned to you")
    expect(tab_count(cleo, "drafts")).to_have_attribute("data-waiting", "1")
    expect(tab_count(ann, "drafts")).to_have_text("1")
    expect(ann.locator("[data-waiting]")).to_have_count(0)
    open_tab(cleo, "drafts").get_by_role("link", name="Edit").click()
    expect(text_field(cleo)).to_have_value("Half a thought")
    cleo.get_by_role("button", name="Submit for review").click()
    expect(tab_count(cleo, "review")).to_have_text("1")
    rows(ann, "review").get_by_role("link", name="Edit").click()
    expect(text_field(ann)).to_have_value("Half a thought")
    text_field(ann).press_sequentially("A whole one: ")
    expect(rows(bo, "review").locator(".mark-busy")).to_have_text("Being edited by Ann")
    expect(also_here(bo)).to_contain_text("Ann (editing “Half a thought”)")
    text_field(ann).fill("A whole thought")
    publish(ann)
    expect(contents(reader)).to_have_text(["A whole thought", "The first text"])
    for page in (ann, bo, cleo):
        expect(tab_count(page, "review")).to_have_text("0")
        expect(page.locator("[data-waiting]")).to_have_count(0)
        open_tab(page, "posts")
    arrived = bo.locator("article", has_text="A whole thought")
    arrived.locator(".menu summary").click()
    history = arrived.get_by_role("link", name="History")
    expect(history).to_have_attribute("href", re.compile(r"/edit/\d+/history/$"))
    bo.keyboard.press("Escape")
    assert bodies(stack, blog) == "The first text|A whole thought"

    # Two open the same post: both are told before either saves.
    for page in (ann, bo):
        page.locator("article", has_text="First step").get_by_role("link", name="Edit").click()
        page.wait_for_url("**/edit/?update=*")
    expect(ann.locator("[data-busy-here]")).to_contain_text("Bo is editing this too.")
    expect(bo.locator("[data-busy-here]")).to_contain_text("Ann is editing this too.")
    bo.get_by_role("link", name="Cancel").click()
    expect(ann.locator("[data-busy-here]")).to_be_hidden()


def test_the_coverage_ends_and_is_reopened_with_a_text_half_written(stack, blog, newsroom):
    reader, ann = newsroom(), newsroom("Ann")
    reader.clock.install()
    reader.reload()
    expect(reader.locator("[data-status]")).to_have_text("Live")
    reader.evaluate("window.sameDocument = true")
    text_field(ann).fill("Half written")
    ann.evaluate("window.sameDocument = true")
    settings = ann.context.new_page()
    settings.goto(f"http://{stack.address}/liveblog/{blog}/edit/about/")
    settings.get_by_text("End coverage", exact=True).click()
    settings.get_by_role("button", name="End coverage now").click()
    expect(reader.locator("[data-blog=state]")).to_have_text("Coverage ended")
    warning = ann.get_by_text("Open pages show new updates only after some minutes.")
    expect(warning).to_be_visible()
    settings.goto(f"http://{stack.address}/liveblog/{blog}/edit/about/")
    settings.get_by_role("button", name="Reopen coverage").click()
    expect(warning).to_be_hidden()
    expect(ann.locator("[data-blog=state]")).to_have_text("Live coverage")
    expect(text_field(ann)).to_have_value("Half written")
    assert ann.evaluate("window.sameDocument")
    # The page that stayed open follows again.
    publish(ann)
    expect(sending(ann)).to_have_text("Published.")  # or the poll of this minute could be too early
    reader.clock.fast_forward("01:00")
    expect(contents(reader)).to_have_text(["Half written"])
    expect(reader.locator("[data-blog=state]")).to_have_text("Live coverage")
    expect(reader.locator("[data-status]")).to_have_text("Live")
    assert reader.evaluate("window.sameDocument")


def test_a_text_comes_back_from_the_history_and_nothing_typed_is_lost(stack, blog, newsroom):
    post(stack, blog, "The first text")
    ann = newsroom("Ann")
    text_field(ann).fill("A new update, begun")
    update = updates(ann)
    update.get_by_role("link", name="Edit").click()
    ann.wait_for_url("**/edit/?update=*")
    text_field(ann).fill("The second text")
    ann.get_by_role("button", name="Publish changes").click()
    # The new update that was begun before is in the form again.
    expect(text_field(ann)).to_have_value("A new update, begun")
    expect(contents(ann)).to_have_text(["The second text"])
    press_in_menu(update, "Pin")
    expect(update.get_by_text("Pinned", exact=True)).to_be_visible()
    expect(text_field(ann)).to_have_value("A new update, begun")

    update.locator(".menu summary").click()
    expect(update.get_by_role("button", name="Unpin")).to_be_visible()
    update.get_by_role("link", name="History").click()
    expect(ann.locator(".past del")).to_have_text(" first")
    expect(ann.locator(".past ins")).to_have_text(" second")
    ann.get_by_role("link", name="Restore this version").click()
    expect(text_field(ann)).to_have_value("The first text")
    assert bodies(stack, blog) == "The second text"
    ann.get_by_role("button", name="Publish changes").click()
    expect(contents(ann)).to_have_text(["The first text"])
    expect(text_field(ann)).to_have_value("A new update, begun")
    expect(ann.get_by_text("Pinned", exact=True).first).to_be_visible()


def test_without_the_editors_socket_all_else_works(blog, newsroom):
    ann = newsroom("Ann")
    ann.route_web_socket("**/channel/desk/**", lambda socket: socket.close(code=1011))
    ann.reload()
    expect(ann.locator("[data-status]")).to_have_text("Live")
    text_field(ann).fill("Hello")
    publish(ann)
    expect(contents(ann)).to_have_text(["Hello"])
    expect(also_here(ann)).to_be_hidden()
