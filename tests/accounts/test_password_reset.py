"""A forgotten password: who gets a mail, and that pages do not tell who has an account."""

import re

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from accounts import passwords
from accounts.passwords import send_reset_mail

RESET = "/accounts/reset/"
NEW = "five small stones"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def queue(settings, monkeypatch, request):
    """The messages that workers would get; each test has windows of its own."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.MAIL_IS_CONFIGURED = True
    queued = []

    class Channel:
        def __init__(self, name):
            assert name == passwords.RESET_CHANNEL

        def send(self, content, immediately):
            queued.append(content)

    monkeypatch.setattr(passwords, "Channel", Channel)
    for name in ("REQUESTS", "MAILS"):
        limit = getattr(passwords, name)
        own = limit.__class__(f"{limit.name}-{request.node.name}", limit.most, limit.seconds, 0)
        monkeypatch.setattr(passwords, name, own)
    return queued


@pytest.fixture
def ann():
    return User.objects.create_user("ann", "Ann@example.com", "three blind mice")


def request_reset(client, email, **options):
    return client.post(RESET, {"email": email}, **options)


def mailed_link(queue):
    """The path in the mail that a worker sends."""
    send_reset_mail(**queue.pop())
    return re.search(r"http://testserver(/\S+)", mail.outbox[-1].body)[1]


def set_password(client, link):
    form = client.get(link, follow=True)
    where = form.redirect_chain[-1][0]
    return client.post(where, {"new_password1": NEW, "new_password2": NEW})


def test_the_link_in_the_mail_sets_a_password_and_logs_in(client, ann, queue):
    assert request_reset(client, "ann@example.com")["Location"] == "/accounts/reset/sent/"
    assert queue[0]["email"] == "ann@example.com" and mail.outbox == []
    link = mailed_link(queue)
    (sent,) = mail.outbox
    assert sent.to == ["Ann@example.com"] and "Your username is ann." in sent.body
    assert "60 minutes" in sent.body and sent.subject == "A new password for testserver"
    assert set_password(client, link)["Location"] == "/"
    assert "Your password has been changed." in client.get("/").content.decode()
    ann.refresh_from_db()
    assert ann.check_password(NEW)


def test_a_link_works_once_and_ends_other_sessions(client, ann, queue):
    other = Client()
    other.force_login(ann)
    request_reset(client, ann.email)
    link = mailed_link(queue)
    set_password(client, link)
    assert "no longer works" in Client().get(link, follow=True).content.decode()
    assert other.get("/accounts/password/").status_code == 302


def test_who_has_an_account_cannot_be_learned(client, ann, queue):
    answers = []
    for email in (ann.email, "nobody@example.com"):
        answer = request_reset(client, email)
        answers.append((answer.status_code, answer["Location"], answer.content))
    assert answers[0] == answers[1]
    assert [sorted(message) for message in queue] == [["email", "host", "language", "secure"]] * 2
    send_reset_mail(**queue[1])
    assert mail.outbox == []


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!unusable"}])
def test_an_account_that_cannot_log_in_gets_no_mail(ann, change):
    User.objects.filter(pk=ann.pk).update(**change)
    send_reset_mail(ann.email, "testserver", False, "en")
    assert mail.outbox == []


def test_a_user_who_is_deactivated_after_the_mail_cannot_use_it(client, ann, queue):
    request_reset(client, ann.email)
    link = mailed_link(queue)
    User.objects.update(is_active=False)
    assert "no longer works" in client.get(link, follow=True).content.decode()


def test_requests_of_one_address_are_limited(client, queue):
    for _ in range(10):
        assert request_reset(client, "a@example.com", REMOTE_ADDR="192.0.2.1").status_code == 302
    answer = request_reset(client, "b@example.com", REMOTE_ADDR="192.0.2.1")
    assert answer.status_code == 429 and 0 < int(answer["Retry-After"]) <= 900
    assert "Too many requests. Try again in 15 minutes." in answer.content.decode()
    assert "no-store" in answer["Cache-Control"] and len(queue) == 10
    assert request_reset(client, "a@example.com", REMOTE_ADDR="192.0.2.2").status_code == 302


def test_a_mailbox_gets_three_mails_an_hour_however_its_address_is_written(ann, caplog):
    for email in ("ann@example.com", "ANN@example.com", "Ann@Example.com", "ann@EXAMPLE.com"):
        send_reset_mail(email, "testserver", False, "en")
    assert len(mail.outbox) == 3
    assert "was not sent" in caplog.text and "ann" not in caplog.text.lower()


def test_a_new_password_lifts_the_lock_of_failed_logins(client, ann, queue):
    for number in range(10):
        client.post("/accounts/login/", {"username": "ann", "password": f"guess {number}"})
    request_reset(client, ann.email)
    set_password(client, mailed_link(queue))
    assert not AccessAttempt.objects.filter(username="ann").exists()


def test_the_mail_is_in_the_reader_s_language(client, ann, queue):
    request_reset(client, ann.email, headers={"accept-language": "zh-CN"})
    send_reset_mail(**queue.pop())
    assert mail.outbox[0].subject == "重设 testserver 的密码"


def test_without_a_mail_server_the_page_says_whom_to_ask(client, ann, queue, settings):
    settings.MAIL_IS_CONFIGURED = False
    for page in (client.get(RESET), request_reset(client, ann.email)):
        assert "Ask an administrator for a new password." in page.content.decode()
    assert queue == []
