"""`turned` is sent when the stored `is_insufficient` changes, by whichever write."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from accounts.models import Account
from accounts.signals import turned

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    user = User.objects.create_user("anna", email="anna@example.com")
    return Account.objects.create(user=user, balance=20, low_mark=5)


@pytest.fixture
def turns():
    """What `is_insufficient` has turned to, in order."""
    heard = []

    def listen(account, **kwargs):
        heard.append(account.is_insufficient)

    turned.connect(listen)
    yield heard
    turned.disconnect(listen)


def set_balance(account, balance):
    account.balance = balance
    account.save()


def test_below_the_mark_is_insufficient_and_at_it_is_not(account, turns):
    for balance in ("5.00", Decimal("4.99"), 4, 5, 100):
        set_balance(account, balance)
    assert turns == [True, False]
    assert account.balance == Decimal(100) and not account.is_insufficient


def test_a_new_account_with_a_low_balance_sends_no_signal(turns):
    user = User.objects.create_user("ben")
    assert Account.objects.create(user=user, balance=1, low_mark=5).is_insufficient
    assert turns == []


def test_a_changed_mark_makes_the_balance_low_too(account, turns):
    account.low_mark = 30
    account.save(update_fields=["low_mark"])
    account.refresh_from_db()
    assert account.is_insufficient and turns == [True]


def test_the_flag_itself_can_be_set_and_stays_until_the_balance_changes(account, turns):
    account.is_insufficient = True
    account.save()
    account.save()
    assert Account.objects.get().is_insufficient
    set_balance(account, 21)
    assert turns == [True, False]


def test_an_expression_counts_as_its_result(account, turns):
    set_balance(account, F("balance") - 16)
    assert (account.balance, account.is_insufficient) == (4, True)
    Account.objects.update(balance=F("balance") + 10)
    assert turns == [True, False]


def test_a_rolled_back_change_sends_nothing(account, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        set_balance(account, 1)
        transaction.set_rollback(True)
    assert callbacks == []
    assert not Account.objects.get().is_insufficient


def test_an_instance_read_before_a_change_does_not_revert_the_flag(account, turns):
    stale = Account.objects.get()
    set_balance(account, 1)
    stale.language = "de"
    stale.balance = 1
    stale.save()
    assert turns == [True] and stale.is_insufficient
    stale.refresh_from_db()
    set_balance(stale, 6)
    assert turns == [True, False]
