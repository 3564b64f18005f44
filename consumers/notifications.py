"""Notices to one user: each user is a group of their own."""

from channels import Group
from channels.auth import channel_session_user, channel_session_user_from_http
from channels_realtime.close_codes import NOT_LOGGED_IN
from django.utils.translation import gettext as _

from accounts.mail import send_low_balance_mail
from accounts.models import Account
from accounts.notices import group_name, notice
from consumers.refusals import our_pages_only, refuse, reply, users_only
from conversations.json_text import BadMessage, encode, error_frame, expected, parse

ASK = {"ask": "balance"}


@our_pages_only
@channel_session_user_from_http
def ws_connect(message):
    if not message.user.is_authenticated:
        sentence = _("Log in to receive your notifications.")
        refuse(message, NOT_LOGGED_IN, error_frame("not_logged_in", sentence))
        return
    group = group_name(message.user.pk)
    Group(group).add(message.reply_channel)
    message.channel_session["group"] = group
    message.reply_channel.send({"accept": True})


@channel_session_user
@users_only
def ws_receive(message):
    """{"ask": "balance"} is answered with the state: what a page that was away does not know."""
    try:
        if parse(message.get("text")) != ASK:
            raise expected(encode(ASK))
        account = Account.objects.filter(user=message.user).first()
        if account is None:
            raise BadMessage("no_account", _("Your account has no balance."))
        reply(message, notice(account.is_insufficient, account.balance))
    except BadMessage as bad:
        reply(message, bad.frame)


@channel_session_user
def ws_disconnect(message):
    if group := message.channel_session.get("group"):
        Group(group).discard(message.reply_channel)


def low_balance_mail(message):
    """The consumer of `accounts.low-balance-mail`: saving an account does not wait for it."""
    send_low_balance_mail(message["account"], message["balance"])
