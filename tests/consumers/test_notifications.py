"""Notices to one user, and the mail that a worker sends."""

import email
import email.policy
from pathlib import Path

import pytest
from harness.waiting import wait_until

pytestmark = pytest.mark.usefixtures("sessions")  # makes the users

PATH = "/channel/users/isinsufficient/"
SET = "from accounts.models import Account; from django.contrib.auth.models import User;"

TOGETHER = """
import sys, threading
from accounts.models import Account
barrier = threading.Barrier(4)
def charge():
    mine = Account.objects.get(user__username="中村")
    barrier.wait(timeout=30)
    mine.balance = 1
    mine.save()
    sys.stdout.write("saved\\n")  # print() writes the line end by itself
threads = [threading.Thread(target=charge) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def open_account(stack, name, **values):
    stack.shell(
        f"{SET} Account.objects.update_or_create("
        f"user=User.objects.get(username={name!r}), defaults={values!r})"
    )


def set_balance(stack, name, *balances):
    steps = ";".join(f"a.balance = {balance!r}; a.save()" for balance in balances)
    stack.shell(f"{SET} a = Account.objects.get(user__username={name!r}); {steps}")


def mails(stack):
    return sorted(
        (
            email.message_from_string(part, policy=email.policy.default)
            for path in Path(stack.folder.name, "mail").glob("*")
            for part in path.read_text().split("\n" + "-" * 79 + "\n")
            if part.strip()
        ),
        key=lambda mail: mail["Subject"],
    )


def test_a_change_reaches_only_the_user_s_pages_and_sends_one_mail(stack, connect):
    open_account(stack, "anna", balance="20", low_mark="5")
    open_account(stack, "ben", balance="20", low_mark="5", language="zh-hans")
    anna, page, ben = (connect(PATH, user=name) for name in ("anna", "anna", "ben"))
    set_balance(stack, "anna", "10", "4.25", "3", "50")  # two turns, and two changes that are none
    for reader in (anna, page):
        assert reader.frame() == {"isInsufficient": True, "balance": 4.25}
        assert reader.frame() == {"isInsufficient": False, "balance": 50.0}
    set_balance(stack, "ben", "-1")
    assert ben.frame() == {"isInsufficient": True, "balance": -1.0}  # and nothing before
    wait_until(lambda: len(mails(stack)) == 2, "two mails")
    english, chinese = mails(stack)
    assert english["Subject"] == "Your balance is low" and "4.25" in english.get_content()
    assert chinese["Subject"] == "您的余额不足" and "ben" in chinese.get_content()
    assert english["To"] == "reader@example.com"


def test_only_one_of_concurrent_writers_makes_the_change(stack, connect):
    open_account(stack, "中村", balance="20", low_mark="5")
    reader = connect(PATH, user="中村")
    assert stack.shell(TOGETHER).split() == ["saved"] * 4
    set_balance(stack, "中村", "30")
    assert reader.frame() == {"isInsufficient": True, "balance": 1.0}
    assert reader.frame() == {"isInsufficient": False, "balance": 30.0}


def test_a_page_can_request_the_present_balance(stack, connect):
    reader = connect(PATH, user="berta")
    reader.send({"ask": "balance"})
    assert reader.frame()["code"] == "no_account"
    open_account(stack, "berta", balance="7.50", low_mark="10")
    reader.send({"ask": "balance"})
    assert reader.frame() == {"isInsufficient": True, "balance": 7.5}
