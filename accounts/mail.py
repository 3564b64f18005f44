"""The e-mail about a low balance, in the user's language."""

import logging
from decimal import Decimal

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation

from accounts.models import Account

logger = logging.getLogger(__name__)


def send_low_balance_mail(account_id: int, balance: str) -> bool:
    """Send the mail to the account's user. Returns whether the mail server took it.

    At most once: a failure is logged, and there is no second try.
    """
    account = Account.objects.select_related("user").filter(pk=account_id).first()
    if account is None or not account.user.email:
        return False
    context = {"account": account, "user": account.user, "balance": Decimal(balance)}
    with translation.override(account.language or settings.LANGUAGE_CODE):
        subject = render_to_string("accounts/low_balance_subject.txt", context)
        body = render_to_string("accounts/low_balance_mail.txt", context)
    try:
        send_mail(subject.strip(), body, None, [account.user.email])
    except Exception:
        logger.exception("The low-balance mail to user %s was not sent.", account.user_id)
        return False
    return True
