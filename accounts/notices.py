"""After an account has turned, and the transaction is committed: the user's pages, and the mail."""

import json
import logging
from functools import partial

from channels import Channel, Group
from django.db import transaction
from django.dispatch import receiver

from accounts.signals import turned

MAIL_CHANNEL = "accounts.low-balance-mail"

logger = logging.getLogger(__name__)


def group_name(user_id) -> str:
    return f"{user_id}isInsufficient"


def notice(is_insufficient, balance) -> dict:
    return {"isInsufficient": is_insufficient, "balance": float(balance)}


@receiver(turned)
def tell_after_commit(account, using, **kwargs):
    # The values of now: by the time of the commit the instance may have been changed again.
    values = account.pk, account.user_id, account.is_insufficient, account.balance
    transaction.on_commit(partial(tell, *values), using=using)


def tell(account_id, user_id, is_insufficient, balance):
    """Send both. Never raises: the change is committed."""
    frame = {"text": json.dumps(notice(is_insufficient, balance))}
    try:
        Group(group_name(user_id)).send(frame, immediately=True)
        if is_insufficient:
            mail = {"account": account_id, "balance": str(balance)}
            Channel(MAIL_CHANNEL).send(mail, immediately=True)
    except Exception:
        logger.exception("User %s was not told that the balance is %s.", user_id, balance)
