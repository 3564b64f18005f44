"""/ops/: live charts for staff, nothing for anybody else."""

import json
import urllib.error
import urllib.request

import pytest
from harness.waiting import PATIENCE, wait_until
from playwright.sync_api import expect
from websockets.exceptions import ConnectionClosed

from tests.e2e.stack import Reader

USERS = (
    "from django.contrib.auth.models import User;"
    "User.objects.create_user('{name}', password='moon landing', is_staff={staff})"
)


def log_in(page, stack, name):
    page.goto(f"http://{stack.address}/accounts/login/?next=/ops/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", "moon landing")
    page.click("main [type=submit], main form button")


def test_staff_see_the_sockets_and_the_charts_move(stack, page, blog):
    stack.shell(USERS.format(name="watcher", staff=True))
    with stack.reader(blog):
        log_in(page, stack, "watcher")
        page.wait_for_selector('.page-ops [data-status="live"]')
        page.wait_for_function(
            "parseInt(document.querySelector('[data-chart=sockets] [data-now]').textContent) > 0"
        )
        page.wait_for_function(
            "() => document.querySelector('[data-chart=deliveries] path').getAttribute('d')"
        )
        expect(page.locator("[data-processes]")).to_contain_text("interface@")


def test_a_mail_that_was_given_up_is_a_dead_letter_on_the_page(stack, page):
    stack.shell(USERS.format(name="operator", staff=True))
    log_in(page, stack, "operator")
    page.wait_for_selector('.page-ops [data-status="live"]')
    stack.shell(
        "from channels import Channel;"
        "Channel('accounts.low-balance-mail').send({'account': 'none'}, immediately=True)"
    )
    letters = page.locator("[data-letters]")
    expect(letters).to_contain_text("accounts.low-balance-mail", timeout=1000 * PATIENCE)
    expect(letters).to_contain_text("Dead letters (1)")


def test_readers_are_sent_to_the_login_and_their_socket_is_closed(stack, page):
    stack.shell(USERS.format(name="guest", staff=False))
    with Reader(f"ws://{stack.address}/channel/ops/") as anybody:
        assert json.loads(anybody.socket.recv(timeout=PATIENCE))["code"] == "not_logged_in"
        with pytest.raises(ConnectionClosed) as closed:
            anybody.socket.recv(timeout=PATIENCE)
        assert closed.value.rcvd.code == 4401
    log_in(page, stack, "guest")

    def cookies():
        return {each["name"]: each["value"] for each in page.context.cookies()}

    wait_until(lambda: "sessionid" in cookies(), "the login")
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies().items())}
    with Reader(f"ws://{stack.address}/channel/ops/", additional_headers=headers) as guest:
        assert json.loads(guest.socket.recv(timeout=PATIENCE))["code"] == "not_allowed"
        with pytest.raises(ConnectionClosed) as closed:
            guest.socket.recv(timeout=PATIENCE)
        assert closed.value.rcvd.code == 4403


def test_another_site_s_page_is_refused(stack):
    with pytest.raises(Exception, match="403"):
        Reader(f"ws://{stack.address}/channel/ops/", origin="https://evil.example")


def test_bad_questions_are_answered_and_the_page_needs_get(stack):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"http://{stack.address}/ops/", data=b"")
    assert refusal.value.code in (403, 405)
