"""The mail, the admin's page and the user's page."""

import smtplib

import pytest
from django.contrib.auth.models import User
from django.core import mail

from accounts import notices
from accounts.mail import send_low_balance_mail
from accounts.models import Account

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    user = User.objects.create_user("anna", email="anna@example.com", first_name="Anna & <b>")
    return Account.objects.create(user=user, balance=4, low_mark=5)


def test_the_mail_has_the_balance_at_the_change_as_plain_text(account, mailoutbox):
    assert send_low_balance_mail(account.pk, "4.50")
    assert [m.to for m in mailoutbox] == [["anna@example.com"]]
    assert "Hello Anna & <b>,\n\nYour balance is 4.50, which is below the minimum of 5.00." in (
        mailoutbox[0].body
    )


def test_without_an_address_or_an_account_no_mail_is_sent(account, mailoutbox):
    User.objects.update(email="")
    assert not send_low_balance_mail(account.pk, "4")
    assert not send_low_balance_mail(account.pk + 1, "4")
    assert mailoutbox == []


def test_a_failure_of_the_mail_server_is_logged(account, monkeypatch, caplog):
    def refuse(*args, **kwargs):
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(mail, "get_connection", refuse)
    assert not send_low_balance_mail(account.pk, "4")
    assert "was not sent" in caplog.text


def test_a_channel_layer_that_fails_does_not_undo_the_change(account, monkeypatch, caplog):
    def fail(name):
        raise ConnectionError("Redis is away")

    monkeypatch.setattr(notices, "Group", fail)
    notices.send(account.pk, account.user_id, True, account.balance)
    assert "was not sent" in caplog.text


def test_a_balance_changed_in_the_admin_sends_a_notice(
    account, admin_client, monkeypatch, django_capture_on_commit_callbacks
):
    told = []
    monkeypatch.setattr(notices, "send", lambda *values: told.append(values))
    form = {"user": account.user_id, "balance": "50", "low_mark": "5", "language": "zh-hans"}
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(f"/admin/accounts/account/{account.pk}/change/", form)
    assert answer.status_code == 302
    assert told == [(account.pk, account.user_id, False, 50)]


def test_the_page_is_the_user_s_own(account, client):
    assert client.get("/accounts/balance/").status_code == 302
    client.force_login(account.user)
    page = client.get("/accounts/balance/").content.decode()
    assert "4.00" in page and "Your balance is below 5.00." in page
    client.force_login(User.objects.create_user("ben"))
    assert "has no balance" in client.get("/accounts/balance/").content.decode()
