"""Row 50: the time of publication where the clocks change, in a browser in Berlin."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import open_tab, sending, text_field
from tests.e2e.stack import Stack

# The last Sundays of October and March: from 03:00 the clocks go back, from 02:00 forward.
FIRST, SECOND = "2037-10-25T00:30:45.123456+00:00", "2037-10-25T01:30:45.123456+00:00"
REPEATED, SKIPPED = "2037-10-25T02:30", "2037-03-29T02:30"


@pytest.fixture
def context_options() -> dict[str, str]:
    return {"timezone_id": "Europe/Berlin"}


def schedule(stack: Stack, blog: str, moment: str) -> None:
    stack.shell(
        "from datetime import datetime; from liveblog.models import BlogUpdate, LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={blog!r});"
        f"moment = datetime.fromisoformat({moment!r});"
        "BlogUpdate.objects.create(blog=blog, body='Later', draft=True, publish_at=moment)"
    )


def moments(stack: Stack, blog: str) -> list[str]:
    """Of what is scheduled, as the database has them."""
    return stack.shell(
        "from liveblog.models import BlogUpdate;"
        f"rows = BlogUpdate.objects.filter(blog__slug={blog!r}, draft=True).order_by('pk');"
        "print(*(row.publish_at.isoformat() for row in rows))"
    ).split()


def open_draft(desk: Page) -> None:
    desk.reload()
    open_tab(desk, "scheduled").first.get_by_role("link", name="Edit").click()
    expect(text_field(desk)).to_have_value("Later")
    # The script has come, and shows the time of Berlin.
    expect(desk.get_by_label("Publish at")).to_have_value(REPEATED)


def press_schedule(desk: Page) -> None:
    desk.get_by_role("button", name="Schedule").click()


@pytest.mark.parametrize("moment", [FIRST, SECOND])
def test_row_50_a_draft_of_the_repeated_hour_keeps_its_moment(stack, blog, desk, moment):
    schedule(stack, blog, moment)
    open_draft(desk)
    chosen = "First (UTC+02:00)" if moment == FIRST else "Second (UTC+01:00)"
    expect(desk.locator("[data-which] option:checked")).to_have_text(chosen)
    press_schedule(desk)
    expect(sending(desk)).to_have_text("No changes to save.")
    assert moments(stack, blog) == [moment]
    # Nor does it move where only the text is changed.
    open_draft(desk)
    text_field(desk).fill("Later, and more")
    press_schedule(desk)
    expect(sending(desk)).to_contain_text("Scheduled.")
    assert moments(stack, blog) == [moment]


def test_row_50_the_other_of_two_moments_can_be_chosen(stack, blog, desk):
    schedule(stack, blog, SECOND)
    open_draft(desk)
    desk.locator("[data-later]").click()
    which = desk.get_by_label("This time occurs twice because the clocks go back.")
    which.select_option(label="First (UTC+02:00)")
    press_schedule(desk)
    expect(sending(desk)).to_contain_text("Scheduled.")
    assert moments(stack, blog) == ["2037-10-25T00:30:00+00:00"]


def test_row_50_a_time_that_comes_twice_asks_which_and_one_that_never_comes_is_refused(
    stack, blog, desk
):
    text_field(desk).fill("Later")
    desk.get_by_text("Publish later").click()
    when = desk.get_by_label("Publish at")
    when.fill(SKIPPED)
    refusal = desk.get_by_text("This time does not exist")
    expect(refusal).to_be_visible()
    press_schedule(desk)
    expect(when).to_be_focused()
    expect(text_field(desk)).to_have_value("Later")
    assert moments(stack, blog) == []
    when.fill("2037-10-25T03:30")
    expect(refusal).to_be_hidden()
    which = desk.get_by_label("This time occurs twice")
    expect(which).to_be_hidden()
    when.fill(REPEATED)
    which.select_option(label="Second (UTC+01:00)")
    press_schedule(desk)
    expect(sending(desk)).to_contain_text("Scheduled.")
    assert moments(stack, blog) == ["2037-10-25T01:30:00+00:00"]
