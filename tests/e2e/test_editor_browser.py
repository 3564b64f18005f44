"""The editor's page in a real browser: what was written is posted once, and never lost."""

import re

import pytest
from harness.process import stopped
from playwright.sync_api import expect

from tests.e2e.browsing import (
    PHONE,
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
)

EDITOR_SCRIPT = re.compile(r"/editor\.[^/]*\bjs$")  # with the hash that static files carry


@pytest.fixture
def context_options():
    return {"timezone_id": "Asia/Kolkata"}  # half an hour off, and never UTC


def change(stack, blog, code):
    """Run code on the blog's first update, and save it."""
    stack.shell(
        "from liveblog.models import BlogUpdate;"
        f"row = BlogUpdate.objects.filter(blog__slug={blog!r}).order_by('pk').first();{code}"
    )


def test_the_form_clears_once_the_server_has_it(desk):
    desk.evaluate("window.sameDocument = true")
    text_field(desk).fill("Hello")
    desk.get_by_label("Key event").check()
    publish(desk)
    expect(sending(desk)).to_have_text("Published.")
    expect(text_field(desk)).to_have_value("")
    expect(desk.get_by_label("Key event")).not_to_be_checked()
    expect(contents(desk)).to_have_text(["Hello"])
    text_field(desk).fill("By the keyboard")
    text_field(desk).press("Control+Enter")
    expect(contents(desk)).to_have_text(["By the keyboard", "Hello"])
    assert desk.evaluate("window.sameDocument")


def test_what_is_not_valid_is_marked_and_stays(desk, errors):
    desk.get_by_label("Headline").fill("A headline without a text")
    text_field(desk).fill(" ")
    publish(desk)
    expect(sending(desk)).to_have_text("Not saved. Please fix the highlighted fields.")
    expect(text_field(desk)).to_have_attribute("aria-invalid", "true")
    expect(text_field(desk)).to_be_focused()
    expect(desk.locator("[data-composer] .errorlist")).to_have_count(1)
    text_field(desk).fill("The text")
    publish(desk)
    expect(sending(desk)).to_have_text("Published.")
    expect(desk.locator("[data-composer] .errorlist")).to_have_count(0)
    assert errors and all("422" in error for error in errors)
    errors.clear()


def test_a_text_survives_an_expired_session(stack, blog, desk, errors):
    text_field(desk).fill("Written before the login expired")
    stack.shell(
        "from django.contrib.sessions.models import Session; Session.objects.all().delete()"
    )
    publish(desk)
    expect(sending(desk)).to_have_text("Not sent: you have been logged out.")
    expect(text_field(desk)).to_have_value("Written before the login expired")
    with desk.context.expect_page() as opened:
        desk.get_by_role("link", name="Log in in a new tab").click()
    log_in(opened.value, blog)
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("To the Moon")
    opened.value.close()
    desk.get_by_role("button", name="Retry now").click()
    expect(sending(desk)).to_have_text("Published.")
    expect(text_field(desk)).to_have_value("")
    expect(desk.get_by_role("link", name="Log in in a new tab")).to_be_hidden()
    assert bodies(stack, blog) == "Written before the login expired"
    assert errors and all("401" in error or "403" in error for error in errors)
    errors.clear()


def test_a_text_survives_a_server_that_is_down_and_is_posted_once(stack, blog, desk, errors):
    text_field(desk).fill("Written while nobody answered")
    workers = stack.pids("runworker")
    assert workers
    with stopped(*workers):
        publish(desk)
        expect(sending(desk)).to_contain_text("Not sent: the server")
        expect(text_field(desk)).to_have_value("Written while nobody answered")
        desk.get_by_role("button", name="Retry now").click()
        expect(sending(desk)).to_have_text("Sending…")
    expect(sending(desk)).to_have_text("Published.")
    expect(text_field(desk)).to_have_value("")
    expect(contents(desk)).to_have_text(["Written while nobody answered"])
    assert bodies(stack, blog) == "Written while nobody answered"
    errors.clear()  # requests and sockets that failed meanwhile


def test_an_answer_that_is_lost_makes_no_double(stack, blog, desk, errors):
    lost = []

    def lose(route):
        if lost or route.request.method != "POST":
            route.continue_()
            return
        lost.append(route.fetch().status)  # the server has it; the browser never learns
        route.abort()

    desk.route("**/edit/", lose)
    text_field(desk).fill("Once")
    publish(desk)
    expect(sending(desk)).to_have_text("Published.")
    assert lost == [200]
    assert bodies(stack, blog) == "Once"
    assert errors and all("ERR_FAILED" in error for error in errors)
    errors.clear()


def test_an_unsent_text_is_there_again_after_a_reload(desk):
    text_field(desk).fill("Not sent yet")
    desk.get_by_label("Pinned").check()
    desk.reload()
    expect(text_field(desk)).to_have_value("Not sent yet")
    expect(desk.get_by_label("Pinned")).to_be_checked()
    expect(desk.get_by_text("Unsent text restored. It was kept")).to_be_visible()
    desk.get_by_role("button", name="Discard").click()
    expect(text_field(desk)).to_have_value("")
    desk.reload()
    expect(desk.get_by_role("button", name="Publish", exact=True)).to_be_visible()
    expect(text_field(desk)).to_have_value("")
    text_field(desk).fill("Sent")
    publish(desk)
    expect(sending(desk)).to_have_text("Published.")
    desk.reload()
    expect(contents(desk)).to_have_text(["Sent"])
    expect(text_field(desk)).to_have_value("")


def test_what_is_typed_before_the_script_has_come_is_kept_too(desk):
    scripts = []
    desk.route(EDITOR_SCRIPT, lambda route: scripts.append(route))
    with desk.expect_request(EDITOR_SCRIPT):
        desk.reload(wait_until="commit")
    text_field(desk).fill("Written on a slow line")
    scripts[0].continue_()
    desk.unroute(EDITOR_SCRIPT)
    expect(desk.get_by_text("Unsent text is kept in this browser")).to_be_visible()
    desk.reload()
    expect(text_field(desk)).to_have_value("Written on a slow line")


def test_without_storage_only_the_autosave_is_missing(desk, blog):
    desk.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied') }})"
    )
    desk.reload()
    text_field(desk).fill("Hello")
    publish(desk)
    expect(contents(desk)).to_have_text(["Hello"])
    expect(text_field(desk)).to_have_value("")


@pytest.fixture
def conflict(stack, blog, desk, expected_errors):
    """An edit that was published after somebody else's."""
    expected_errors.append("409")
    post(stack, blog, "The first text")
    updates(desk).get_by_role("link", name="Edit").click()
    desk.wait_for_url("**/edit/?update=*")  # and for its scripts
    expect(text_field(desk)).to_have_value("The first text")
    change(stack, blog, "row.body = 'Their text'; row.save()")
    text_field(desk).fill("My text")
    desk.get_by_role("button", name="Publish changes").click()
    panel = desk.locator("[data-conflict]")
    expect(panel.locator("[data-changes] del")).to_have_text("Their")
    expect(panel.locator("[data-changes] ins")).to_have_text("My")
    expect(panel.locator("[data-changes=body]")).to_contain_text(" text")
    assert bodies(stack, blog) == "Their text"
    return panel


def test_a_conflict_can_be_settled_by_mine(stack, blog, desk, conflict):
    text_field(desk).fill("My text and theirs")
    expect(conflict.locator("[data-changes] ins")).to_have_text(["My", " and theirs"])
    conflict.get_by_role("button", name="Keep mine").click()
    expect(conflict).to_be_hidden()
    expect(sending(desk)).to_contain_text("It replaces the current one when you publish it.")
    assert bodies(stack, blog) == "Their text"
    desk.get_by_role("button", name="Publish changes").click()
    expect(sending(desk)).to_have_text("Changes published.")
    expect(contents(desk)).to_have_text(["My text and theirs"])
    expect(desk.get_by_role("heading", name="New update")).to_be_visible()
    assert bodies(stack, blog) == "My text and theirs"


def test_a_conflict_can_be_settled_by_theirs(stack, blog, desk, conflict):
    conflict.get_by_role("button", name="Keep theirs").click()
    expect(conflict).to_be_hidden()
    expect(text_field(desk)).to_have_value("Their text")
    text_field(desk).fill("Their text, corrected")
    desk.get_by_role("button", name="Publish changes").click()
    expect(contents(desk)).to_have_text(["Their text, corrected"])


def test_what_was_deleted_meanwhile_can_be_posted_anew(stack, blog, desk, conflict):
    change(stack, blog, "row.delete()")
    expect(conflict.get_by_text("This update was deleted.")).to_be_visible()
    conflict.get_by_role("button", name="Keep mine as a new update").click()
    expect(contents(desk)).to_have_count(0)
    publish(desk)
    expect(contents(desk)).to_have_text(["My text"])


def test_a_conflict_can_be_settled_by_both(stack, blog, desk, conflict):
    conflict.get_by_role("button", name="Edit both").click()
    expect(conflict).to_be_hidden()
    expect(text_field(desk)).to_have_value("Their text\n\nMy text")
    expect(text_field(desk)).to_be_focused()
    assert bodies(stack, blog) == "Their text"
    desk.reload()  # neither text is lost
    expect(text_field(desk)).to_have_value("Their text\n\nMy text")
    desk.get_by_role("button", name="Publish changes").click()
    expect(contents(desk)).to_contain_text(["Their text"])
    expect(contents(desk)).to_contain_text(["My text"])
    assert bodies(stack, blog) == "Their text\n\nMy text"


def test_a_correction_is_added_to_what_readers_have_seen(stack, blog, desk):
    post(stack, blog, "Three people")
    correction = desk.get_by_role("textbox", name="Correction")
    opener = desk.locator("summary", has_text="Correction")
    expect(opener).to_be_hidden()
    updates(desk).get_by_role("link", name="Edit").click()
    opener.click()
    correction.fill("It was two.")
    desk.get_by_role("button", name="Publish changes").click()
    expect(updates(desk)).to_contain_text("Correction: It was two.")
    expect(opener).to_be_hidden()
    post(stack, blog, "Another")
    expect(updates(desk)).to_have_count(2)
    expect(updates(desk).first).not_to_contain_text("Correction:", use_inner_text=True)


def test_a_deletion_is_noticed_while_the_update_is_edited(stack, blog, desk):
    post(stack, blog, "The first text")
    updates(desk).get_by_role("link", name="Edit").click()
    expect(text_field(desk)).to_have_value("The first text")
    text_field(desk).fill("My text")
    change(stack, blog, "row.delete()")
    expect(sending(desk)).to_have_text("This update was deleted while you were editing it.")
    expect(text_field(desk)).to_be_focused()
    desk.get_by_role("button", name="Keep mine as a new update").click()
    expect(desk.get_by_role("heading", name="New update")).to_be_visible()
    publish(desk)
    expect(contents(desk)).to_have_text(["My text"])


def test_the_deletion_of_a_draft_is_noticed_and_its_undoing_too(stack, blog, desk):
    text_field(desk).fill("Half a thought")
    desk.get_by_role("button", name="Save draft").click()
    open_tab(desk, "drafts").get_by_role("link", name="Edit").click()
    expect(text_field(desk)).to_have_value("Half a thought")
    text_field(desk).fill("A whole thought")
    change(stack, blog, "row.delete()")
    expect(sending(desk)).to_have_text("This update was deleted while you were editing it.")
    expect(text_field(desk)).to_be_focused()
    expect(rows(desk, "drafts")).to_have_count(0)
    open_tab(desk, "deleted").get_by_role("button", name="Restore").click()
    expect(desk.locator("[data-conflict]")).to_be_hidden()
    expect(text_field(desk)).to_have_value("A whole thought")
    publish(desk)
    expect(sending(desk)).to_have_text("Published.")
    assert bodies(stack, blog) == "A whole thought"


def test_a_change_is_noticed_while_the_update_is_edited(stack, blog, desk, expected_errors):
    expected_errors.append("409")
    post(stack, blog, "The first text")
    updates(desk).get_by_role("link", name="Edit").click()
    expect(text_field(desk)).to_have_value("The first text")
    text_field(desk).fill("My text")
    # A flag is no conflict: the form takes it over.
    press_in_menu(updates(desk), "Pin")
    expect(desk.get_by_label("Pinned")).to_be_checked()
    text_field(desk).focus()
    change(stack, blog, "row.body = 'Their text'; row.save(writer='Edda Berg')")
    notice = desk.locator("[data-overtaken]")
    expect(notice).to_contain_text("Edda Berg changed this update while you were editing it.")
    expect(text_field(desk)).to_be_focused()
    change(stack, blog, "row.body = 'Their new text'; row.save()")
    expect(notice).to_contain_text("Someone else changed this update while you were editing it.")
    panel = desk.locator("[data-conflict]")
    expect(panel).to_be_hidden()
    notice.get_by_role("button", name="Compare versions").click()
    expect(notice).to_be_hidden()
    expect(panel.locator("[data-changes] del")).to_have_text("Their new")
    change(stack, blog, "row.body = 'Their last text'; row.save()")
    expect(panel.locator("[data-changes] del")).to_have_text("Their last")
    panel.get_by_role("button", name="Edit both").click()
    expect(text_field(desk)).to_have_value("Their last text\n\nMy text")
    # Publishing without a look still finds the conflict.
    change(stack, blog, "row.body = 'One more'; row.save(writer='Edda Berg')")
    expect(notice).to_contain_text("Edda Berg")
    desk.get_by_role("button", name="Publish changes").click()
    expect(panel).to_be_visible()
    expect(notice).to_be_hidden()
    assert bodies(stack, blog) == "One more"
    panel.get_by_role("button", name="Keep mine").click()
    desk.get_by_role("button", name="Publish changes").click()
    expect(sending(desk)).to_have_text("Changes published.")
    assert bodies(stack, blog) == "Their last text\n\nMy text"
    expect(updates(desk).get_by_text("Pinned")).to_be_visible()


def test_a_text_that_was_kept_meets_a_newer_one_at_once(stack, blog, desk):
    stack.shell(
        "from liveblog.models import BlogUpdate, LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={blog!r});"
        "BlogUpdate.objects.create(blog=blog, body='A thought', draft=True)"
    )
    open_tab(desk, "drafts").get_by_role("link", name="Edit").click()
    expect(text_field(desk)).to_have_value("A thought")
    text_field(desk).fill("My thought")
    notice = desk.get_by_text("changed this update while you were editing it.")
    change(stack, blog, "row.body = 'Their thought'; row.save()")
    expect(notice).to_be_visible()
    desk.reload()
    expect(text_field(desk)).to_have_value("My thought")
    expect(notice).to_be_visible()
    desk.get_by_role("button", name="Compare versions").click()
    desk.get_by_role("button", name="Keep theirs").click()
    expect(text_field(desk)).to_have_value("Their thought")
    expect(notice).to_be_hidden()
    change(stack, blog, "row.draft = False; row.save()")
    expect(desk.get_by_text("This draft was published while you were")).to_be_visible()
    desk.get_by_role("button", name="Compare versions").click()
    desk.get_by_role("button", name="Keep mine").click()
    expect(desk.get_by_role("heading", name="Edit update")).to_be_visible()


def test_a_draft_is_listed_and_published_later(stack, blog, desk, browser):
    with browser.new_context() as context:
        reader = context.new_page()
        reader.goto(f"http://{stack.address}/liveblog/{blog}/")
        text_field(desk).fill("Half a thought")
        desk.get_by_role("button", name="Save draft").click()
        expect(sending(desk)).to_have_text("Draft saved. It is not visible to readers.")
        expect(text_field(desk)).to_have_value("")
        expect(tab_count(desk, "drafts")).to_have_text("1")
        draft = open_tab(desk, "drafts").filter(has_text="Half a thought")
        draft.get_by_role("link", name="Edit").click()
        desk.wait_for_url("**/edit/?tab=drafts&update=*")
        expect(desk.get_by_role("heading", name="Edit draft")).to_be_visible()
        text_field(desk).fill("A whole thought")
        expect(updates(reader)).to_have_count(0)
        publish(desk)
        expect(contents(reader)).to_have_text(["A whole thought"])
    expect(tab_count(desk, "drafts")).to_have_text("0")
    expect(desk.get_by_text("No drafts.")).to_be_visible()
    assert bodies(stack, blog) == "A whole thought"


def test_a_press_among_the_drafts_counts_although_another_one_changes(stack, blog, desk):
    stack.shell(
        "from liveblog.models import BlogUpdate, LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={blog!r});"
        "BlogUpdate.objects.create(blog=blog, body='Another', draft=True)"
    )
    text_field(desk).fill("Half a thought")
    desk.get_by_role("button", name="Save draft").click()
    drafts = open_tab(desk, "drafts")
    half = drafts.filter(has_text="Half")
    half.locator(".menu summary").click()
    half.get_by_role("link", name="Edit").hover()
    desk.mouse.down()
    change(stack, blog, "row.body = 'Another, changed'; row.save()")
    expect(drafts.filter(has_text="Another, changed")).to_be_visible()
    expect(half.get_by_role("button", name="Delete")).to_be_visible()
    desk.mouse.up()
    expect(text_field(desk)).to_have_value("Half a thought")


def test_a_scheduled_time_is_the_editors_own(stack, blog, desk):
    text_field(desk).fill("Happy new year")
    desk.get_by_text("Publish later").click()
    desk.get_by_label("Publish at").fill("2100-01-01T00:00")
    desk.get_by_role("button", name="Schedule").click()
    expect(sending(desk)).to_have_text("Scheduled. It is not visible to readers until then.")
    row = open_tab(desk, "scheduled")
    expect(row.get_by_text("Scheduled")).to_be_visible()
    expect(row.locator("time")).to_have_attribute("datetime", "2099-12-31T18:30:00+00:00")
    expect(row.locator("time")).to_contain_text("00:00")
    row.get_by_role("link", name="Edit").click()
    expect(desk.get_by_label("Publish at")).to_have_value("2100-01-01T00:00")
    expect(desk.locator("[data-later]")).to_contain_text("Jan 1, 2100")
    press_in_menu(row, "Delete")
    expect(row).to_have_count(0)


def later(desk, moment):
    """Choose a time in the form for a new update."""
    desk.get_by_text("Publish later").click()
    desk.get_by_label("Publish at").fill(moment)


def test_a_time_that_has_passed_publishes_nothing(stack, blog, desk, browser):
    text_field(desk).fill("Under embargo")
    later(desk, "2020-01-01T00:00")
    refusal = desk.locator("[data-past]")
    expect(refusal).to_contain_text("This time has passed.")
    desk.get_by_role("button", name="Schedule").click()
    expect(desk.get_by_label("Publish at")).to_be_focused()
    text_field(desk).press("Control+Enter")
    desk.get_by_label("Publish at").fill("2100-01-01T00:00")
    expect(refusal).to_be_hidden()
    assert bodies(stack, blog) == ""
    # Nor does the form publish it where no script runs.
    state = desk.context.storage_state()
    with browser.new_context(java_script_enabled=False, storage_state=state) as context:
        plain = context.new_page()
        plain.goto(f"http://{stack.address}/liveblog/{blog}/edit/")
        text_field(plain).fill("Under embargo")
        later(plain, "2020-01-01T00:00")
        publish(plain)
        expect(plain.locator(".errorlist")).to_contain_text("This time has passed.")
        expect(text_field(plain)).to_have_value("Under embargo")
    assert bodies(stack, blog) == ""


def test_saving_a_scheduled_draft_keeps_its_time(stack, blog, desk):
    text_field(desk).fill("Happy new year")
    later(desk, "2100-01-01T00:00")
    desk.get_by_role("button", name="Save draft").click()
    # A new update is not scheduled by that, and the page says so.
    expect(sending(desk)).to_have_text("Draft saved. It is not scheduled.")
    draft = open_tab(desk, "drafts")
    expect(draft.get_by_text("Draft", exact=True)).to_be_visible()
    draft.get_by_role("link", name="Edit").click()
    expect(text_field(desk)).to_have_value("Happy new year")
    later(desk, "2100-01-01T00:00")
    desk.get_by_role("button", name="Schedule").click()
    expect(sending(desk)).to_contain_text("Scheduled.")

    scheduled = open_tab(desk, "scheduled")
    scheduled.get_by_role("link", name="Edit").click()
    expect(text_field(desk)).to_have_value("Happy new year")
    text_field(desk).fill("A happy new year")
    desk.get_by_role("button", name="Save draft").click()
    expect(sending(desk)).to_contain_text("Scheduled.")
    expect(scheduled.filter(has_text="A happy new year")).to_be_visible()
    # It loses its time when that is removed.
    scheduled.get_by_role("link", name="Edit").click()
    expect(text_field(desk)).to_have_value("A happy new year")
    desk.locator("[data-later]").click()
    desk.get_by_label("Publish at").fill("")
    desk.get_by_role("button", name="Save draft").click()
    expect(sending(desk)).to_have_text("Draft saved. It is not visible to readers.")
    expect(scheduled).to_have_count(0)
    expect(open_tab(desk, "drafts").get_by_text("Draft", exact=True)).to_be_visible()


def test_a_deletion_needs_no_reload_and_can_be_undone(stack, blog, desk, browser):
    post(stack, blog, "To be withdrawn", "--pinned")
    post(stack, blog, "To stay")
    desk.evaluate("window.sameDocument = true")
    with browser.new_context() as context:
        reader = context.new_page()
        reader.goto(f"http://{stack.address}/liveblog/{blog}/")
        expect(contents(reader)).to_have_text(["To be withdrawn", "To stay"])
        press_in_menu(updates(desk).filter(has_text="withdrawn"), "Delete")
        expect(contents(desk)).to_have_text(["To stay"])
        expect(contents(reader)).to_have_text(["To stay"])
        notice = desk.locator("[data-toast]")
        expect(notice).to_contain_text("Update deleted.")
        notice.get_by_role("button", name="Undo").click()
        # As it was: the first, because it is pinned.
        expect(contents(desk)).to_have_text(["To be withdrawn", "To stay"])
        expect(contents(reader)).to_have_text(["To be withdrawn", "To stay"])
        expect(updates(reader).first.get_by_text("Pinned")).to_be_visible()
        expect(notice).to_contain_text("Update restored.")
    # Later it is among those that were deleted.
    press_in_menu(updates(desk).filter(has_text="To stay"), "Delete")
    expect(tab_count(desk, "deleted")).to_have_text("1")
    open_tab(desk, "deleted").get_by_role("button", name="Restore").click()
    # It was the last one, so the list closes.
    expect(rows(desk, "deleted")).to_have_count(0)
    expect(contents(desk)).to_have_text(["To be withdrawn", "To stay"])
    expect(contents(desk).first).to_be_visible()
    expect(desk.locator("[data-tab=posts]")).to_be_focused()
    assert "tab=" not in desk.url
    assert desk.evaluate("window.sameDocument")
    # Its history says who did what.
    restored = updates(desk).filter(has_text="To stay")
    restored.locator(".menu summary").click()
    restored.get_by_role("link", name="History").click()
    entries = desk.locator(".past")
    expect(entries).to_have_count(3)
    for entry, (mark, editor) in zip(
        entries.all(), [("Restored", blog), ("Deleted", blog), ("", "manage.py post")], strict=True
    ):
        expect(entry).to_contain_text(editor)
        expect(entry).to_contain_text(mark)


def test_without_javascript_the_form_works(stack, blog, desk, browser):
    state = desk.context.storage_state()
    with browser.new_context(java_script_enabled=False, storage_state=state) as context:
        plain = context.new_page()
        plain.goto(f"http://{stack.address}/liveblog/{blog}/edit/")
        text_field(plain).fill("Posted by the form")
        publish(plain)
        expect(plain.get_by_text("Published.")).to_be_visible()
        updates(plain).get_by_role("link", name="Edit").click()
        expect(text_field(plain)).to_have_value("Posted by the form")
        change(stack, blog, "row.body = 'Their text'; row.save()")
        text_field(plain).fill("My text")
        plain.get_by_role("button", name="Publish changes").click()
        panel = plain.locator("[data-conflict]")
        expect(panel.locator("[data-changes] del")).to_have_text("Their")
        expect(panel.locator("[data-changes] ins")).to_have_text("My")
        expect(panel.get_by_role("button")).to_have_count(0)
        plain.get_by_role("button", name="Publish changes").click()
        expect(contents(plain)).to_have_text(["My text"])
    assert bodies(stack, blog) == "My text"


@pytest.mark.parametrize("context_options", [PHONE], ids=["phone"])
def test_a_phone_shows_both_versions_without_sideways_scroll(stack, blog, desk, conflict):
    change(stack, blog, "row.body = 'W' * 300; row.save()")
    desk.get_by_role("button", name="Publish changes").click()
    expect(conflict.locator("[data-changes] del")).to_contain_text("WWW")
    width = desk.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    assert width[0] <= PHONE["viewport"]["width"] == width[1]


HIDDEN_BY_BUTTONS = """(row) => {
    const tools = row.querySelector(".update-tools").getBoundingClientRect();
    return [...row.querySelector(".row-meta").children].filter((part) => {
        const { right, bottom } = part.getBoundingClientRect();
        return right > tools.left && bottom > tools.top;
    }).map((part) => part.textContent);
}"""


@pytest.mark.parametrize("context_options", [PHONE], ids=["phone"])
def test_a_phone_shows_what_was_pressed_and_found(stack, blog, desk):
    """Nothing is wider than the screen, below a button, under the header or out of sight."""
    for number in range(4):
        post(stack, blog, f"Post {number}")
    text_field(desk).fill("Happy new year")
    later(desk, "2100-12-31T00:00")
    expect(desk.locator("[data-later]")).to_contain_text("2100")
    width = desk.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    assert width[0] <= PHONE["viewport"]["width"] == width[1]
    desk.get_by_role("button", name="Schedule").click()
    row = open_tab(desk, "scheduled")
    expect(row).to_contain_text("Happy new year")
    assert row.evaluate(HIDDEN_BY_BUTTONS) == []
    press_in_menu(row, "Delete")
    assert open_tab(desk, "deleted").evaluate(HIDDEN_BY_BUTTONS) == []

    field = desk.get_by_role("searchbox")
    field.fill("Post 0")
    field.press("Enter")
    found = rows(desk, "found")
    expect(found).to_be_in_viewport(ratio=1)
    found.get_by_role("link", name="Edit").click()
    expect(text_field(desk)).to_have_value("Post 0")
    header, title = (
        desk.locator(f".{name}").bounding_box() for name in ("site-header", "composer-title")
    )
    assert title["y"] >= header["y"] + header["height"]
