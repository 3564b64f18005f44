"""The conversations' pages in a real browser."""

import urllib.error

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import PHONE, watch
from tests.e2e.slow_line import SlowLine

USER = (
    "from django.contrib.auth.models import User; from accounts.models import Account;"
    "user = User.objects.create_user({name!r}, password='over the moon', is_staff={staff});"
    "Account.objects.create(user=user, balance=20, low_mark=5)"
)


LOSE = """
from conversations.chat.room import chat_group
from conversations.redis_store import layer
for shard in layer().ring:
    assert shard.client.delete(layer().scripts.stream_key(chat_group({room!r}).name))
"""


@pytest.fixture
def room(request):
    return f"r{abs(hash(request.node.nodeid)):x}"


def log_in(page, stack, name, then, staff=False):
    stack.shell(USER.format(name=name, staff=staff))
    page.goto(f"http://{stack.address}/accounts/login/?next={then}")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill("over the moon")
    page.get_by_role("button", name="Log in").click()


def is_live(page):
    expect(page.locator("[data-status]")).to_have_text("Live")


def say(page, text):
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_label("Message", exact=True).press("Enter")


def lines(page):
    return page.locator(".line [data-part=message]")


def test_two_readers_chat_and_staff_moderate(stack, room, page, browser, errors):
    path = f"/chat/{room}/"
    log_in(page, stack, room, path, staff=True)
    is_live(page)
    with browser.new_context(**PHONE, color_scheme="dark") as context:
        guest = context.new_page()
        watch(guest, errors)
        guest.goto(f"http://{stack.address}/chat/")
        guest.get_by_label("Room").fill(room)
        guest.get_by_role("button", name="Join").click()
        is_live(guest)
        expect(guest.get_by_text("You are Guest")).to_be_visible()
        say(guest, "<img src=x onerror=alert(1)> " + "W" * 200)
        expect(guest.get_by_label("Message", exact=True)).to_have_value("")
        expect(lines(page)).to_have_count(1)
        say(page, "Welcome")
        for each in (page, guest):
            expect(lines(each)).to_have_count(2)
            expect(lines(each).first).to_contain_text("<img src=x")
        expect(page.locator("[data-mine]")).to_contain_text(room)
        assert guest.evaluate("document.scrollingElement.scrollWidth") <= 360
        expect(guest.get_by_role("button", name="Delete")).to_have_count(0)
        page.get_by_role("button", name="Mute").click()
        expect(page.locator("[data-problem]")).to_contain_text("has been muted.")
        page.get_by_role("button", name="Delete").first.click()
        expect(lines(guest)).to_have_count(1)
        say(guest, "Why?")
        expect(guest.locator("[data-problem]")).to_contain_text("but not write.")
        guest.reload()  # the cookie keeps a guest's name, and so the mute
        is_live(guest)
        say(guest, "And now?")
        expect(guest.locator("[data-problem]")).to_contain_text("but not write.")
        stack.manage("announce", room, "The chat closes")
        expect(lines(guest)).to_have_text(["Welcome", "The chat closes"])
        stack.shell(f"from consumers.chat import force_disconnect as f; f({room!r})")
        for each in (page, guest):
            expect(each.locator("[data-status]")).to_have_text(
                "The moderators have closed this room."
            )


def test_a_page_that_was_cut_off_gets_what_it_missed_once_and_in_order(
    stack, room, page, browser, errors
):
    path = f"/chat/{room}/"
    log_in(page, stack, room, path, staff=True)
    is_live(page)
    with SlowLine(stack.port) as line, browser.new_context() as context:
        away = context.new_page()
        away.goto(f"http://127.0.0.1:{line.port}{path}")
        is_live(away)
        say(page, "Before")
        expect(lines(away)).to_have_text(["Before"])
        line.cut()
        expect(away.locator("[data-status]")).to_have_text("Reconnecting…")
        for number in range(3):
            say(page, f"Missed {number}")
        expect(lines(page)).to_have_count(4)
        page.get_by_role("button", name="Delete").first.click()
        expect(lines(page)).to_have_count(3)
        line.mend(rate=None)
        missed = ["Missed 0", "Missed 1", "Missed 2"]
        expect(lines(away)).to_have_text(missed)
        say(page, "After")
        expect(lines(away)).to_have_text([*missed, "After"])
        expect(away.locator("[data-gap]")).to_have_count(0)
        # A new visitor sees the same lines, without those of muted names.
        say(away, "Spam")
        page.get_by_role("button", name="Mute").click()
        expect(page.locator("[data-problem]")).to_contain_text("has been muted.")
        page.reload()
        expect(lines(page)).to_have_text([*missed, "After"])
        # The room's history is lost, and the page that comes back says that it may have a gap.
        stack.shell(LOSE.format(room=room))
        stack.shell(f"from consumers.chat import force_disconnect as f; f({room!r}, 1012)")
        for each in (page, away):
            expect(each.locator("[data-gap]")).to_have_text("Messages may be missing here.")
        say(page, "New")
        expect(lines(away)).to_have_text([*missed, "After", "Spam", "New"])


def test_a_restart_of_the_interface_server_is_survived(stack, room, page, errors):
    page.goto(f"http://{stack.address}/chat/{room}/?embed")
    is_live(page)
    expect(page.locator(".site-header")).to_be_hidden()
    with page.expect_websocket():  # another one
        stack.shell(f"from consumers.chat import force_disconnect as f; f({room!r}, 1012)")
    is_live(page)
    say(page, "Still here")
    expect(lines(page)).to_have_text(["Still here"])


@pytest.mark.parametrize("context_options", [{}, PHONE], ids=["desktop", "phone"])
def test_the_chat_beside_a_blog_shows_its_field_with_or_without_messages(stack, blog, page):
    stack.shell(
        "from liveblog.models import LiveBlog;"
        f"blog = LiveBlog.objects.get(slug={blog!r}); blog.chat = True; blog.save()"
    )
    page.goto(f"http://{stack.address}/liveblog/{blog}/")
    page.get_by_role("link", name="Join the chat").click()
    page.frame_locator("[data-chat-frame]").locator("[data-status]").wait_for()
    chat = page.frame(url="**/chat/**")
    is_live(chat)

    def is_in_sight():
        # All of the room fits into its frame: nothing scrolls but the lines.
        assert chat.evaluate("document.scrollingElement.scrollHeight <= innerHeight")
        expect(chat.get_by_label("Message", exact=True)).to_be_in_viewport(ratio=1)
        expect(chat.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)

    expect(chat.get_by_text("No messages yet.")).to_be_visible()
    is_in_sight()
    for number in range(9):
        say(chat, f"Message {number}")
    expect(lines(chat)).to_have_count(9)
    is_in_sight()
    stack.shell(f"from consumers.chat import force_disconnect as f; f({blog!r})")
    expect(chat.locator("[data-status]")).to_have_text("The moderators have closed this room.")
    say(chat, "Why?")
    expect(chat.get_by_text("Not connected. Try again in a moment.")).to_be_visible()
    is_in_sight()


def test_a_page_of_ours_may_frame_the_chat(stack, room):
    headers = stack.get(f"/chat/{room}/?embed").headers
    assert headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("path", ["/chat/a b/", "/voice/.../", "/chat/?room=a+b"])
def test_a_room_s_name_that_is_not_allowed_is_said_so(stack, path):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        stack.get(path.replace(" ", "%20"))
    assert refusal.value.status == (422 if "?" in path else 404)
    assert "letters, digits, hyphens" in refusal.value.read().decode()


def test_the_balance_s_page_follows_it(stack, room, page):
    log_in(page, stack, room, "/accounts/balance/")
    is_live(page)
    expect(page.locator("[data-balance]")).to_have_text("20.00")
    expect(page.locator("[data-insufficient]")).to_be_hidden()
    change = "from accounts.models import Account; a = Account.objects.get(user__username={!r});"
    stack.shell(change.format(room) + "a.balance = '4.25'; a.save()")
    expect(page.locator("[data-insufficient]")).to_be_visible()
    expect(page.locator("[data-balance]")).to_have_text("4.25")


@pytest.mark.parametrize("context_options", [{}, PHONE], ids=["desktop", "phone"])
def test_every_conversation_can_be_tried(stack, page):
    page.goto(f"http://{stack.address}/try/")
    log, status = page.locator("[data-log]"), page.locator("[data-status]")
    answers = {
        "Echo": '"hello"',
        "Chat A moderated": '"Good morning"',
        "Chat (class-based)": '"Good morning"',
        "Rooms with a message envelope": '"goal"',
        "Voice rooms": "no_member",
        "The live blog": '"replay"',
        "Without groups": '"hello"',
    }
    for name, answer in answers.items():
        page.get_by_role("button", name=name).click()
        expect(status).to_have_text("Connected")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(log.locator("[data-kind=in]", has_text=answer).first).to_be_visible()
    for name in ("Editor presence", "Notifications to one user", "Users by initial"):
        page.get_by_role("button", name=name).click()
        expect(log).to_contain_text("not_logged_in")
        expect(log).to_contain_text("Closed with code 4401")
        expect(status).to_have_text("Not connected")
    page.get_by_role("button", name="HTTP as messages").click()
    expect(log).to_contain_text("method: GET")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(log).to_contain_text("Not connected. Press Connect first.")
    scroll = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    assert scroll[0] <= scroll[1]
