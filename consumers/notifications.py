"""Notices to one user: each user has a group."""

from channels import Group
from channels.auth import channel_session_user, channel_session_user_from_http
from channels.message import Message
from django.utils.translation import gettext as _

from accounts.mail import send_low_balance_mail
from accounts.models import Account
from accounts.notices import group_name, notice
from consumers.refusals import not_logged_in, our_pages_only, reply, sends_refusals, users_only
from conversations.json_text import encode, expected, parse
from conversations.refusals import Refusal

ASK = {"ask": "balance"}


@our_pages_only
@channel_session_user_from_http
@sends_refusals
def ws_connect(message: Message) -> None:
    if not message.user.is_authenticated:
        raise not_logged_in(_("Log in to receive your notifications."))
    group = group_name(message.user.pk)
    Group(group).add(message.reply_channel)
    message.channel_session["group"] = group
    message.reply_channel.send({"accept": True})


@channel_session_user
@users_only
@sends_refusals
def ws_receive(message: Message) -> None:
    """{"ask": "balance"} is answered with the balance, for a page that may have missed a notice."""
    if parse(message.get("text")) != ASK:
        raise expected(encode(ASK))
    account = Account.objects.filter(user=message.user).first()
    if account is None:
        raise Refusal("no_account", _("Your account has no balance."), 404)
    reply(message, notice(account.is_insufficient, account.balance))


@channel_session_user
def ws_disconnect(message: Message) -> None:
    if group := message.channel_session.get("group"):
        Group(group).discard(message.reply_channel)


def low_balance_mail(message: Message) -> None:
    """The consumer of `accounts.low-balance-mail`: saving an account does not wait for it."""
    send_low_balance_mail(message["account"], message["balance"])
