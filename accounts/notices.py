"""What an account that became low, or no longer low, sends after the commit: notices and a mail."""

import json
import logging
from decimal import Decimal
from functools import partial
from typing import TypedDict

from channels import Channel, Group
from django.db import transaction
from django.dispatch import receiver

from accounts.models import Account
from accounts.signals import turned

MAIL_CHANNEL = "accounts.low-balance-mail"

logger = logging.getLogger(__name__)


def group_name(user_id: int) -> str:
    return f"{user_id}isInsufficient"


class Notice(TypedDict):
    """The frame that a user's pages get."""

    isInsufficient: bool
    balance: float


def notice(is_insufficient: bool, balance: Decimal) -> Notice:
    return {"isInsufficient": is_insufficient, "balance": float(balance)}


@receiver(turned)
def send_after_commit(account: Account, using: str, **kwargs: object) -> None:
    # The present values: at the commit the instance may have been changed again.
    values = account.pk, account.user_id, account.is_insufficient, account.balance
    transaction.on_commit(partial(send, *values), using=using)


def send(account_id: int, user_id: int, is_insufficient: bool, balance: Decimal) -> None:
    """Send the notice, and the mail if the balance is low. Never raises: it is committed."""
    frame = {"text": json.dumps(notice(is_insufficient, balance))}
    try:
        Group(group_name(user_id)).send(frame, immediately=True)
        if is_insufficient:
            mail = {"account": account_id, "balance": str(balance)}
            Channel(MAIL_CHANNEL).send(mail, immediately=True)
    except Exception:
        logger.exception("The notice to user %s of the balance %s was not sent.", user_id, balance)
