"""Guessing passwords: what the login pages answer after ten failed logins."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from channels.handler import AsgiRequest
from channels.message import Message
from channels_realtime.layer import RedisChannelLayer
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from conversations.addresses import counted_address, limited_address

LOGIN = "/accounts/login/"
LIMIT = 10
PASSWORD = "three blind mice"
SENTENCE = "Too many failed logins. Try again in 15 minutes."
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def marta(settings):
    # A slow hash would make each of a hundred failed logins take a tenth of a second.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_superuser("marta", password=PASSWORD)


def log_in(client, password, username="marta", path=LOGIN, address="192.0.2.1", **headers):
    data = {"username": username, "password": password, "next": "/admin/"}
    return client.post(path, data, REMOTE_ADDR=address, headers=headers)


def guess(client, times=LIMIT, **options):
    """Fail to log in so many times; return the last answer."""
    for number in range(times):
        answer = log_in(client, f"guess {number}", **options)
    return answer


@pytest.mark.parametrize("path", [LOGIN, "/admin/login/"])
def test_row_56_ten_failed_logins_lock_the_name_for_that_address(client, path):
    assert guess(client, LIMIT - 1, path=path).status_code == 200
    answer = guess(client, 1, path=path)
    assert answer.status_code == 429
    assert answer["Retry-After"] == "900" and "no-store" in answer["Cache-Control"]
    assert answer.text.count(SENTENCE) == 1
    assert 'value="marta"' in answer.text and 'value="/admin/"' in answer.text


def test_a_locked_login_is_refused_with_the_right_password_as_well(client):
    guess(client)
    assert log_in(client, PASSWORD).status_code == 429
    assert "_auth_user_id" not in client.session


def test_the_lock_of_one_page_holds_on_the_other(client):
    guess(client)
    assert log_in(client, PASSWORD, path="/admin/login/").status_code == 429


def test_another_name_and_another_address_are_not_locked(client):
    User.objects.create_user("tom", password=PASSWORD)
    guess(client)
    assert log_in(Client(), PASSWORD, username="tom").status_code == 302
    assert log_in(Client(), PASSWORD, address="192.0.2.2").status_code == 302


def test_another_browser_of_the_same_address_is_locked(client):
    guess(client, user_agent="one")
    assert log_in(client, PASSWORD, user_agent="two").status_code == 429


def test_the_lock_ends_after_15_minutes_regardless_of_further_attempts(client):
    guess(client)
    before = AccessAttempt.objects.get().attempt_time
    guess(client, 3)
    assert AccessAttempt.objects.get().attempt_time == before
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert log_in(client, PASSWORD).status_code == 302


def test_a_login_resets_the_count_of_failed_ones(client):
    guess(client, LIMIT - 1)
    assert log_in(client, PASSWORD).status_code == 302
    assert guess(Client(), LIMIT - 1).status_code == 200


def test_the_refusal_is_in_the_reader_s_language(client):
    assert "登录失败次数过多" in guess(client, accept_language="zh-CN").text


def test_a_header_of_the_client_does_not_change_its_address(client):
    for number in range(LIMIT):
        answer = log_in(client, "guess", x_forwarded_for=f"198.51.100.{number}")
    assert answer.status_code == 429


def test_the_address_is_the_one_that_the_interface_server_passes_on():
    content = {
        "reply_channel": "reply",
        "method": "POST",
        "path": LOGIN,
        "headers": [[b"x-forwarded-for", b"198.51.100.1"]],
        "client": ["203.0.113.7", 1234],
    }
    layer = RedisChannelLayer.__new__(RedisChannelLayer)
    request = AsgiRequest(Message(content, "http.request", layer))
    assert request.META["REMOTE_ADDR"] == "203.0.113.7"


def test_neither_password_nor_token_is_stored(client):
    client.post(LOGIN, {"username": "marta", "password": "guess", "csrfmiddlewaretoken": "token"})
    stored = AccessAttempt.objects.get().post_data
    assert "guess" not in stored and "=token" not in stored


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::"),
        ("2001:db8::1", "2001:db8::"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_an_address_of_ipv6_is_counted_by_its_network(address, counted):
    assert counted_address(address) == counted
    assert limited_address(address) == (None if counted in ("", "::1") else counted)


def test_another_address_of_the_same_ipv6_network_is_locked(client):
    guess(client, address="2001:db8::1")
    assert log_in(client, PASSWORD, address="2001:db8::2").status_code == 429
    assert log_in(client, PASSWORD, address="2001:db8:0:1::1").status_code == 302
