"""From an empty site to a team, in real browsers and with a real mail server, without the admin."""

import email
import email.policy
import re
import socketserver
import threading

import pytest
from harness.waiting import wait_until
from playwright.sync_api import expect

from tests.e2e.browsing import PASSWORD, bodies, log_in, publish, sending, text_field, watch
from tests.e2e.conftest import MAIL_PORT

SUPERUSER = f"""
from django.contrib.auth.models import User
User.objects.create_superuser("chief", "chief@example.com", {PASSWORD!r})
"""
NEW_PASSWORD = "five small stones"


class Conversation(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as smtplib needs."""

    def handle(self):
        self.wfile.write(b"220 mail\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(
                    email.message_from_bytes(text, policy=email.policy.default)
                )
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


class MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address):
        super().__init__(address, Conversation)
        self.mails = []

    def link_to(self, address):
        """The link in the mail to the address, waited for."""
        found = wait_until(
            lambda: [mail for mail in self.mails if mail["To"] == address], "a mail to " + address
        )
        return re.search(r"https?://\S+", found[0].get_content())[0]


@pytest.fixture
def mail_server():
    with MailServer(("127.0.0.1", MAIL_PORT)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


@pytest.fixture
def context_options():
    return {"timezone_id": "Asia/Kolkata"}  # half an hour off, and never UTC


@pytest.fixture
def chief(stack, page):
    """The page of a fresh superuser, logged in, on the list of blogs."""
    stack.shell(SUPERUSER)
    page.goto(f"http://{stack.address}/accounts/login/")
    log_in(page, "chief")
    yield page
    stack.shell("from django.contrib.auth.models import User; User.objects.all().delete()")


@pytest.fixture
def newcomer(browser, errors):
    """A page of another person's browser."""
    with browser.new_context() as context:
        page = context.new_page()
        watch(page, errors)
        yield page


def sign_up(page, name):
    page.get_by_label("Your name").fill("Nia N.")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Create account and join").click()


def test_a_blog_a_team_and_a_first_draft(stack, chief, newcomer, mail_server):
    chief.get_by_role("link", name="New live blog").click()
    chief.get_by_label("Title").fill("登月直播")
    chief.get_by_label("Start time").fill("2999-01-01T10:00")
    chief.get_by_role("button", name="Create live blog").click()
    expect(chief.get_by_role("heading", level=1)).to_have_text("登月直播")
    slug = chief.url.split("/")[4]
    upcoming = chief.get_by_text("Coverage has not started. Readers get every update")
    upcoming.get_by_role("link", name="Settings").click()
    expect(chief.get_by_label("Start time")).to_have_value("2999-01-01T10:00")
    stored = "from liveblog.models import LiveBlog; print(LiveBlog.objects.get(slug=%r).starts_at)"
    assert stack.shell(stored % slug).strip() == "2999-01-01 04:30:00+00:00"
    chief.get_by_role("button", name="Start coverage").click()
    expect(chief.get_by_role("status")).to_contain_text("Coverage has started.")
    with chief.expect_popup() as popup:
        chief.evaluate(f"open('/liveblog/{slug}/edit/')")
    expect(popup.value.get_by_role("button", name="Publish", exact=True)).to_be_visible()
    expect(popup.value.get_by_text("Coverage has not started. Readers")).to_be_hidden()
    popup.value.close()

    chief.get_by_role("link", name="Manage team").click()
    chief.get_by_label("Role", exact=True).select_option("Contributor")
    chief.get_by_role("button", name="Invite").click()
    link = chief.get_by_label("Link").input_value()
    newcomer.goto(link)
    expect(newcomer.get_by_role("heading", level=1)).to_have_text("登月直播")
    sign_up(newcomer, "nia")
    newcomer.wait_for_url(f"**/liveblog/{slug}/edit/")
    expect(newcomer.get_by_role("button", name="Publish", exact=True)).to_have_count(0)
    text_field(newcomer).fill("My first draft")
    newcomer.get_by_role("button", name="Submit for review").click()
    expect(sending(newcomer)).to_contain_text("review")
    assert bodies(stack, slug) == "My first draft"
    stack.shell(
        "from liveblog.models import BlogUpdate;"
        f"row = BlogUpdate.objects.get(blog__slug={slug!r});"
        "assert (row.draft, row.review, row.owner.username) == (True, True, 'nia')"
    )
    newcomer.goto(f"http://{stack.address}/")
    expect(newcomer.get_by_role("link", name="Edit", exact=True)).to_have_count(1)

    # Now an editor: what the other pages offer follows at the next request.
    chief.reload()
    expect(chief.get_by_role("heading", name="Open invitations")).to_have_count(0)
    chief.get_by_label("Role of Nia N.").select_option("Editor")
    chief.locator(".person", has_text="Nia N.").get_by_role("button", name="Save").click()
    expect(chief.get_by_role("status").first).to_contain_text("Saved.")
    newcomer.goto(f"http://{stack.address}/liveblog/{slug}/edit/")
    text_field(newcomer).fill("Published")
    publish(newcomer)
    expect(sending(newcomer)).to_have_text("Published.")


def test_an_invitation_and_a_new_password_by_mail(stack, chief, newcomer, blog, mail_server):
    chief.goto(f"http://{stack.address}/liveblog/{blog}/edit/team/")
    chief.get_by_label("Email address").fill("nia@example.com")
    chief.get_by_role("button", name="Invite").click()
    expect(chief.get_by_role("status").first).to_contain_text("on its way to nia@example.com")
    link = mail_server.link_to("nia@example.com")
    assert link == chief.get_by_label("Link").input_value()
    newcomer.goto(link)
    expect(newcomer.get_by_label("Email address")).to_have_value("nia@example.com")
    sign_up(newcomer, "nia")
    newcomer.wait_for_url(f"**/liveblog/{blog}/edit/")
    newcomer.goto(f"http://{stack.address}/")
    newcomer.get_by_role("button", name="Log out").click()

    mail_server.mails.clear()
    newcomer.get_by_role("link", name="For editors").click()
    newcomer.get_by_role("link", name="Forgot your password?").click()
    newcomer.get_by_label("Email").fill("nia@example.com")
    newcomer.get_by_role("button", name="Send link").click()
    expect(newcomer.get_by_role("heading", level=1)).to_have_text("Check your email")
    newcomer.goto(mail_server.link_to("nia@example.com"))
    newcomer.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    newcomer.get_by_label("New password confirmation").fill(NEW_PASSWORD)
    newcomer.get_by_role("button", name="Save and log in").click()
    expect(newcomer.get_by_role("status")).to_contain_text("Your password has been changed.")
    stack.shell(
        "from django.contrib.auth.models import User;"
        f"assert User.objects.get(username='nia').check_password({NEW_PASSWORD!r})"
    )
